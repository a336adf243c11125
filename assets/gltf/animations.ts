import type { Accessors } from './accessors.ts';
import type { Mesh } from './meshes.ts';
import { type Node, targetCount } from './nodes.ts';
import type { Value } from './value.ts';

export type Path = 'translation' | 'rotation' | 'scale' | 'weights';

export interface Channel {
  node: number;
  path: Path;
  interpolation: 'STEP' | 'LINEAR' | 'CUBICSPLINE';
  /** Floats of one value. */
  components: number;
  /** Seconds, rising. */
  times: Float32Array;
  values: Float32Array;
}

export interface Animation {
  channels: Channel[];
  duration: number;
}

interface Context {
  accessors: Accessors;
  nodes: Node[];
  meshes: Mesh[];
  order: Int32Array;
  warn(line: string): void;
}

const PATHS = ['translation', 'rotation', 'scale', 'weights', 'pointer'] as const;

/** Reads animations (glTF 2.0, 3.11); those without a channel that can be played are left out. @throws NearlightError NL_MODEL */
export function readAnimations(root: Value, context: Context): Animation[] {
  const animations = root.get('animations').list();
  return animations.flatMap((animation) => {
    const channels = animation
      .get('channels')
      .list()
      .flatMap((channel) => readChannel(animation, channel, context) ?? []);
    const duration = channels.reduce((longest, { times }) => Math.max(longest, times[times.length - 1]!), 0);
    return channels.length > 0 ? [{ channels, duration }] : [];
  });
}

function readChannel(animation: Value, channel: Value, context: Context): Channel | undefined {
  const { accessors, nodes, meshes, order, warn } = context;
  const target = channel.get('target');
  const path = target.get('path').choice(PATHS);
  const file = target.get('node').optionalIndex(order.length, 'node');
  if (file < 0 || path === 'pointer') {
    warn(`${channel.place}: its target is no node, and it is left out`);
    return undefined;
  }
  const samplers = animation.get('samplers').list();
  const sampler = samplers[channel.get('sampler').index(samplers.length, 'sampler')]!;
  const interpolation = sampler.get('interpolation').choice(['STEP', 'LINEAR', 'CUBICSPLINE'], 'LINEAR');
  const node = order[file]!;
  const targets = targetCount(meshes[nodes[node]!.mesh]);
  const components = path === 'rotation' ? 4 : path === 'weights' ? targets : 3;
  if (components === 0) {
    warn(`${channel.place}: node ${file} shows no morph targets, and it is left out`);
    return undefined;
  }
  const times = accessors.floats(sampler.get('input').index(accessors.length, 'accessor'));
  const values = accessors.floats(sampler.get('output').index(accessors.length, 'accessor'));
  const wanted = times.length * components * (interpolation === 'CUBICSPLINE' ? 3 : 1);
  if (values.length !== wanted) sampler.get('output').fail(`has ${values.length} numbers instead of ${wanted}`);
  const falling = times.findIndex((time, i) => time < 0 || (i > 0 && time < times[i - 1]!));
  if (falling >= 0) sampler.get('input').fail(`element ${falling} goes back in time`);
  return { node, path, interpolation, components, times, values };
}
