/** Generates the commands of the calls of a module: passes, copies, queries, render bundles and uploads, validly nested. */
import { must } from '../../host/base/assert.ts';
import { ENUMS, type Kind } from '../../renderer/contract/contract.ts';
import { type Item, kinds, table, type Values } from './encode.ts';
import {
  bufferFor,
  groupFor,
  makeAnyTexture,
  makeBuffer,
  makeComputePipeline,
  makeQuerySet,
  makeRenderPipeline,
  makeSampler,
  targets,
  textureFor,
  viewFor,
} from './objects.ts';
import type { Live, World } from './world.ts';

/** Size in bytes of the bulk data that each generated call carries, and that its commands may refer to. */
export const DATA_BYTES = 4096;
/** Size in bytes of the only asset that a generated module has. */
export const ASSET_BYTES = 1024;

/** Adds random commands to the call that is being generated. */
type Act = (world: World) => void;

const upload: Act = (world) => {
  const { random } = world;
  const { id: buffer, size } = bufferFor(world, 'COPY_DST');
  const bytes = 4 * random.below(Math.min(size, ASSET_BYTES) / 4 + 1);
  const offset = 4 * random.below((size - bytes) / 4 + 1);
  if (random.percent(70)) world.say('writeBuffer', { buffer, offset, data: [4 * random.below(8), bytes] });
  else world.say('writeBufferFromAsset', { buffer, offset, size: bytes });
};

const texels: Act = (world) => {
  const edge = world.random.pick([1, 4, 16]);
  const values = {
    texture: textureFor(world, 'rgba8unorm').id,
    width: edge,
    height: edge,
    depthOrArrayLayers: 1,
    bytesPerRow: 64,
  };
  if (world.random.percent(70)) world.say('writeTexture', { ...values, data: [0, 64 * edge] });
  else world.say('writeTextureFromAsset', { ...values, size: 64 * edge });
};

const copy: Act = (world) => {
  const { random } = world;
  const [source, destination] = [bufferFor(world, 'COPY_SRC'), bufferFor(world, 'COPY_DST')];
  const size = 4 * random.below(17);
  if (source.id !== destination.id && !(world.tame && destination.usage & 256))
    world.say('copyBufferToBuffer', { source: source.id, destination: destination.id, size });
};

const copyTexels: Act = (world) => {
  const { random } = world;
  const texture = textureFor(world, 'rgba8unorm').id;
  const extent = { width: 4, height: 4, depthOrArrayLayers: 1 };
  const site = { texture, originX: random.below(12), originY: random.below(12), ...extent };
  const layout = { bytesPerRow: 256 };
  const big = (name: string) =>
    world.find(
      'buffer',
      ({ usage, size }) => size >= 1024 && (usage & (name === 'in' ? 4 : 8)) !== 0 && !(usage & 256),
    );
  const from = big('in');
  const to = big('out');
  switch (random.below(3)) {
    case 0:
      if (from) world.say('copyBufferToTexture', { buffer: from.id, ...layout, ...site });
      break;
    case 1:
      if (to) world.say('copyTextureToBuffer', { ...site, buffer: to.id, ...layout });
      break;
    default: {
      const source = world.find(
        'texture',
        (live) =>
          live.form === 'rgba8unorm' &&
          live.samples === 1 &&
          live.size === 16 &&
          live.id !== texture &&
          (live.usage & 1) !== 0,
      );
      if (source) world.say('copyTextureToTexture', { source: source.id, ...site });
    }
  }
};

const clear: Act = (world) => world.say('clearBuffer', { buffer: bufferFor(world, 'COPY_DST').id });

const map: Act = (world) => {
  const { id: buffer } = bufferFor(world, 'MAP_READ');
  world.say('mapAsync', { buffer, size: 4 * (1 + world.random.below(16)), address: 0, token: world.random.below(100) });
  // The buffer cannot be used until it is mapped, and nothing here learns when that is.
  if (world.random.percent(95)) world.live.buffer = world.live.buffer.filter(({ id }) => id !== buffer);
};

/** Adds draws of random kinds, with the state that they need. */
function draws(world: World, pipeline: Live): void {
  const { random } = world;
  const group = groupFor(world, pipeline);
  world.say('setPipeline', { pipeline: pipeline.id });
  if (group) world.say('setBindGroup', { bindGroup: group.id });
  if (pipeline.form === 'uniform') world.say('setVertexBuffer', { buffer: vertices(world).id });
  for (let n = random.below(4); n > 0; n--) draw(world);
}

const vertices = (world: World): Live =>
  must(
    world.find('buffer', ({ usage, size }) => (usage & 32) !== 0 && size >= 64),
    'vertex buffer',
  );

function draw(world: World): void {
  const { random } = world;
  const indices = world.find('buffer', ({ usage }) => (usage & 16) !== 0);
  const indirect = world.find('buffer', ({ usage }) => (usage & 256) !== 0);
  const few = { instanceCount: random.below(3), firstInstance: random.percent(90) ? 0 : 1 };
  switch (random.below(5)) {
    case 0:
      if (!indices) return;
      world.say('setIndexBuffer', { buffer: indices.id, format: 'uint16' });
      world.say('drawIndexed', { indexCount: random.below(7), ...few });
      break;
    case 1:
      if (indirect) world.say('drawIndirect', { buffer: indirect.id, offset: 4 * random.below(8) });
      break;
    default:
      world.say('draw', { vertexCount: random.below(7), ...few, firstInstance: 0 });
  }
}

/** Creates what draws need, because a pass must not contain commands that create objects. Returns the pipeline. */
function prepare(world: World, target: string): Live | undefined {
  bufferFor(world, 'VERTEX');
  if (world.random.percent(50)) bufferFor(world, 'INDEX');
  if (world.random.percent(30)) bufferFor(world, 'INDIRECT');
  const fits = ({ target: its }: Live) => its === target;
  if (!world.find('renderPipeline', fits) || world.random.percent(5)) makeRenderPipeline(world, target);
  const pipeline = world.find('renderPipeline', fits);
  if (pipeline) groupFor(world, pipeline);
  return pipeline;
}

const bundle: Act = (world) => {
  const { random } = world;
  const target = random.pick(Object.keys(targets));
  const pipeline = prepare(world, target);
  if (!pipeline) return;
  const { color, depth, samples } = must(targets[target], `target ${target}`);
  const colorFormats = color ? [{ format: color }] : [];
  world.say('createRenderBundleEncoder', {
    sampleCount: samples,
    colorFormats,
    ...(depth ? { depthStencilFormat: depth } : {}),
  });
  draws(world, pipeline);
  const id = world.newId('renderBundle');
  world.say('finishRenderBundle', { id });
  world.live.renderBundle.push({ id, form: '', of: 0, size: 0, usage: 0, samples, target });
};

function attachments(world: World, target: string): Values {
  const { random } = world;
  const { color, depth, samples } = must(targets[target], `target ${target}`);
  const load = {
    loadOp: random.percent(80) ? 'clear' : 'load',
    storeOp: random.pick(ENUMS.StoreOp),
    clearA: random.pick([0, 0.5, 1]),
  };
  const picture = target === 'picture' || target === 'deep';
  const values: Record<string, Values[string]> = {};
  if (color) {
    const view = picture ? 1 : viewFor(world, color, samples).id;
    const resolve =
      samples > 1 && random.percent(70) ? { resolveTarget: random.percent(50) ? 1 : viewFor(world, color).id } : {};
    values.colorAttachments = [{ view, ...load, ...resolve }];
  }
  if (depth) {
    Object.assign(values, {
      depthView: viewFor(world, depth).id,
      depthLoadOp: 'clear',
      depthStoreOp: 'store',
      depthClearValue: 1,
    });
    if (depth.includes('stencil')) Object.assign(values, { stencilLoadOp: 'clear', stencilStoreOp: 'discard' });
  }
  return values;
}

function timestamps(world: World): Values {
  const set = world.random.percent(15)
    ? world.find('querySet', ({ form, size }) => form === 'timestamp' && size > 1)
    : undefined;
  return set ? { timestampQuerySet: set.id, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } : {};
}

const renderPass = (world: World, render: boolean): void => {
  const { random } = world;
  const target = random.pick(
    render ? ['picture', 'picture', 'deep', 'smooth', 'shadow', 'float'] : ['shadow', 'float'],
  );
  const pipeline = prepare(world, target);
  const attached = attachments(world, target);
  const queries = random.percent(20) ? world.find('querySet', ({ form }) => form === 'occlusion') : undefined;
  world.say('beginRenderPass', {
    ...attached,
    ...timestamps(world),
    ...(queries ? { occlusionQuerySet: queries.id } : {}),
    ...world.label(),
  });
  if (random.percent(20)) world.say('setViewport', { width: 16, height: 8, maxDepth: 1 });
  if (random.percent(20)) world.say('setScissorRect', { x: random.below(8), width: 8, height: 8 });
  if (random.percent(20)) world.say('setBlendConstant', { r: 0.5, g: 0.25 });
  if (random.percent(10)) world.say('setStencilReference', { reference: random.below(256) });
  const bundles = world.live.renderBundle.filter((live) => live.target === target).map(({ id }) => ({ bundle: id }));
  if (bundles.length > 0 && random.percent(60)) world.say('executeBundles', { bundles });
  if (queries) world.say('beginOcclusionQuery', { queryIndex: random.below(queries.size) });
  if (pipeline) grouped(world, () => draws(world, pipeline));
  if (queries) world.say('endOcclusionQuery');
  world.say('endRenderPass');
};

const computePass: Act = (world) => {
  const { random } = world;
  if (world.live.computePipeline.length === 0 || random.percent(5)) makeComputePipeline(world);
  if (random.percent(30)) bufferFor(world, 'INDIRECT');
  const pipeline = world.find('computePipeline');
  const group = pipeline && groupFor(world, pipeline);
  world.say('beginComputePass', { ...timestamps(world), ...world.label() });
  if (pipeline && group) {
    world.say('setComputePipeline', { pipeline: pipeline.id });
    world.say('setBindGroup', { bindGroup: group.id });
    const indirect = random.percent(20) ? world.find('buffer', ({ usage }) => (usage & 256) !== 0) : undefined;
    if (indirect) world.say('dispatchWorkgroupsIndirect', { buffer: indirect.id });
    else world.say('dispatchWorkgroups', { x: random.below(4), y: 1 + random.below(2), z: 1 });
  }
  world.say('endComputePass');
};

const resolve: Act = (world) => {
  const set = world.find('querySet') ?? makeQuerySet(world);
  const { id, size } = bufferFor(world, 'QUERY_RESOLVE');
  const queryCount = Math.min(set.size, Math.floor(size / 8));
  world.say('resolveQuerySet', { querySet: set.id, queryCount, destination: id });
};

/** Adds the commands of `act`, and in one case of ten puts them into a debug group. */
function grouped(world: World, act: () => void): void {
  const debug = world.random.percent(10);
  if (debug) world.say('pushDebugGroup', { groupLabel: 'group' });
  act();
  if (debug) world.say('popDebugGroup');
}

const object: Act = (world) => {
  const { random } = world;
  const makers: Act[] = [
    makeBuffer,
    makeAnyTexture,
    makeQuerySet,
    makeSampler,
    makeComputePipeline,
    bundle,
    (w) => void viewFor(w, 'rgba8unorm'),
    (w) => void makeRenderPipeline(w, random.pick(Object.keys(targets))),
  ];
  random.pick(makers)(world);
};

const asked: Act = (world) => {
  const module = world.find('shaderModule');
  if (module) world.say('getCompilationInfo', { module: module.id, token: world.random.below(9) });
  else world.say('onSubmittedWorkDone', { token: world.random.below(9) });
};

const end: Act = (world) => {
  const kind: Kind = world.random.pick(kinds);
  if (world.live[kind].length > 0) world.destroy(kind);
};

/** Adds an error scope, often with a command in it that the GPU may refuse, so that the call goes on. */
const caught: Act = (world) => {
  const { random } = world;
  world.say('pushErrorScope', { filter: random.pick(ENUMS.ErrorFilter) });
  if (random.percent(50)) object(world);
  world.say('popErrorScope', { token: random.below(9) });
};

/** Adds any command of the contract at random, with values that may be valid. */
const player: Act = (world) => {
  const { random } = world;
  const seat = random.below(64);
  const milliseconds = random.below(5000);
  if (random.percent(50)) world.say('rumble', { seat, pad: random.below(4), strong: 1, weak: 0.5, milliseconds });
  else if (random.percent(20)) world.say('cancelText', { seat });
  else {
    const lengthMax = 1 + random.below(256);
    world.say('requestText', { seat, token: random.below(9), lengthMax, prompt: 'Näme', initial: 'x' });
  }
};

const anything: Act = (world) => {
  const [command, { fields }] = world.random.pick([...table]);
  const values: Record<string, Values[string]> = {};
  for (const { name, type, of } of fields) {
    if (type === 'id' || type === 'id?') values[name] = world.find(of as Kind)?.id ?? 0;
    else if (type === 'new') values[name] = world.newId(of as Kind);
    else if (type === 'enum') values[name] = world.random.pick(ENUMS[of as keyof typeof ENUMS]);
    else if (type === 'u32' || type === 'u64') values[name] = world.random.pick([0, 1, 2, 4, 16]);
  }
  if (!(world.tame && command.endsWith('Indirect'))) world.say(command, values);
};

const acts: readonly (readonly [weight: number, act: Act])[] = [
  [12, upload],
  [8, texels],
  [8, copy],
  [8, copyTexels],
  [4, clear],
  [4, map],
  [6, resolve],
  [14, object],
  [8, computePass],
  [5, caught],
  [4, asked],
  [2, player],
  [6, end],
  [2, anything],
];
const wheel = acts.flatMap(([weight, act]) => new Array<Act>(weight).fill(act));

/** Generates the commands of one call of a module. @param render whether the call has a picture to draw into */
export function frame(world: World, render: boolean): readonly Item[] {
  const { random } = world;
  world.items = [];
  for (let n = 1 + random.below(3); n > 0; n--) {
    if (random.percent(30)) renderPass(world, render);
    else grouped(world, () => random.pick(wheel)(world));
    if (random.percent(20)) world.say('submit');
  }
  world.say('submit');
  if (random.percent(5)) world.say('onSubmittedWorkDone', { token: random.below(9) });
  return world.items;
}
