import { must } from '../../host/base/assert.ts';
import { f32 } from '../element.ts';
import type { Accessors } from './accessors.ts';
import type { Mesh } from './meshes.ts';
import { type Node, targetCount } from './nodes.ts';
import type { Value } from './value.ts';

export type Path = 'translation' | 'rotation' | 'scale' | 'weights';

/** A channel of an animation: it changes one property of one node over time. */
export interface Channel {
  /** Index of the node that the channel changes. */
  node: number;
  path: Path;
  interpolation: 'STEP' | 'LINEAR' | 'CUBICSPLINE';
  /** Number of floats in one value of the animated property. */
  components: number;
  /** Times of the keyframes in seconds; they never decrease. */
  times: Float32Array;
  /** The value at each keyframe. For CUBICSPLINE: the in-tangent, the value and the out-tangent. */
  values: Float32Array;
}

export interface Animation {
  channels: Channel[];
  /** Time of the last keyframe in seconds. */
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

/**
 * Reads the animations of a model (glTF 2.0, 3.11), except those of which no channel can be played.
 * @throws NearlightError NL_MODEL
 */
export function readAnimations(root: Value, context: Context): Animation[] {
  const animations = root.get('animations').list();
  return animations.flatMap((animation) => {
    const channels = animation
      .get('channels')
      .list()
      .flatMap((channel) => readChannel(animation, channel, context) ?? []);
    const duration = channels.reduce((longest, { times }) => Math.max(longest, times.at(-1) ?? 0), 0);
    return channels.length > 0 ? [{ channels, duration }] : [];
  });
}

/** Reads a channel of an animation. Returns undefined if it cannot be played. */
function readChannel(animation: Value, channel: Value, context: Context): Channel | undefined {
  const { accessors, nodes, meshes, order, warn } = context;
  const target = channel.get('target');
  const path = target.get('path').choice(PATHS);
  const file = target.get('node').optionalIndex(order.length, 'node');
  if (file < 0 || path === 'pointer') {
    warn(`${channel.place} is left out: its target is not a node`);
    return undefined;
  }
  const samplers = animation.get('samplers').list();
  const sampler = must(samplers[channel.get('sampler').index(samplers.length, 'sampler')], 'sampler');
  const interpolation = sampler.get('interpolation').choice(['STEP', 'LINEAR', 'CUBICSPLINE'], 'LINEAR');
  const node = must(order[file], 'place of the node');
  const targets = targetCount(meshes[must(nodes[node], 'node').mesh]);
  const components = path === 'rotation' ? 4 : path === 'weights' ? targets : 3;
  if (components === 0) {
    warn(`${channel.place} is left out: node ${file} has no morph targets`);
    return undefined;
  }
  const times = accessors.floats(sampler.get('input').index(accessors.length, 'accessor'));
  const values = accessors.floats(sampler.get('output').index(accessors.length, 'accessor'));
  const wanted = times.length * components * (interpolation === 'CUBICSPLINE' ? 3 : 1);
  if (values.length !== wanted) sampler.get('output').fail(`has ${values.length} numbers instead of ${wanted}`);
  const falling = times.findIndex((time, i) => time < 0 || (i > 0 && time < f32(times, i - 1)));
  if (falling >= 0) sampler.get('input').fail(`element ${falling} is earlier than the one before it`);
  return { node, path, interpolation, components, times, values };
}
