/** Generates commands that create GPU objects of every kind, almost all of them valid. */
import { must } from '../../host/base/assert.ts';
import { ENUMS, type Kind } from '../../renderer/contract/contract.ts';
import { bits, type Values } from './encode.ts';
import type { Live, World } from './world.ts';

const usages = [
  'VERTEX COPY_DST',
  'VERTEX STORAGE COPY_SRC COPY_DST',
  'INDEX COPY_DST',
  'UNIFORM COPY_DST',
  'STORAGE COPY_SRC',
  'INDIRECT COPY_DST',
  'MAP_READ COPY_DST',
  'QUERY_RESOLVE COPY_SRC',
  'COPY_SRC COPY_DST',
].map((names) => bits('BufferUsage', names));

/** Width and height in pixels of render targets, equal to those of the picture that a render draws. */
const EDGE = 16;

const filled = `@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0.5, 1); }`;

/** WGSL sources by the kind of binding in their bind group 0. */
const shaders: Readonly<Record<string, string>> = {
  none: `override gain: f32 = 1; ${filled} @fragment fn fs() -> @location(0) vec4f { return vec4f(gain, 0, 0, 1); }`,
  uniform: `@group(0) @binding(0) var<uniform> tint: vec4f;
    @vertex fn vs(@location(0) at: vec2f) -> @builtin(position) vec4f { return vec4f(at, 0, 1); }
    @fragment fn fs() -> @location(0) vec4f { return tint; }`,
  texture: `@group(0) @binding(0) var image: texture_2d<f32>; @group(0) @binding(1) var filtered: sampler; ${filled}
    @fragment fn fs(@builtin(position) at: vec4f) -> @location(0) vec4f { return textureSample(image, filtered, at.xy / 16); }`,
  storage: `override step: u32 = 1; @group(0) @binding(0) var<storage, read_write> data: array<u32>;
    @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) { data[id.x] += step; }`,
  image: `@group(0) @binding(0) var image: texture_storage_2d<rgba8unorm, write>;
    @compute @workgroup_size(4, 4) fn main(@builtin(global_invocation_id) id: vec3u) { textureStore(image, id.xy, vec4f(1)); }`,
};
export const computeForms = ['storage', 'image'];
const renderForms = ['none', 'uniform', 'texture'];

/** Kinds of render target by name: their formats and number of samples. */
export const targets: Readonly<Record<string, { color?: string; depth?: string; samples: number }>> = {
  picture: { color: 'rgba8unorm', samples: 1 },
  deep: { color: 'rgba8unorm', depth: 'depth24plus-stencil8', samples: 1 },
  shadow: { depth: 'depth32float', samples: 1 },
  smooth: { color: 'rgba8unorm', samples: 4 },
  float: { color: 'rgba16float', samples: 1 },
};

export function makeBuffer(world: World, wanted = 0): Live {
  const { random } = world;
  const usage = wanted || random.pick(usages);
  const size = random.pick([64, 256, 1024, 4096]);
  return world.make('buffer', 'createBuffer', { size, usage }, { size, usage });
}

/** Finds or creates a buffer with a usage. */
export function bufferFor(world: World, name: string): Live {
  const usage = bits('BufferUsage', name);
  const fits = (live: Live) => (live.usage & usage) === usage;
  return world.find('buffer', fits) ?? makeBuffer(world, usages.find((one) => (one & usage) === usage) ?? usage);
}

const sampled = bits('TextureUsage', 'TEXTURE_BINDING COPY_SRC COPY_DST RENDER_ATTACHMENT');
const stored = sampled | bits('TextureUsage', 'STORAGE_BINDING');

function makeTexture(world: World, form: string, samples: number, usage: number): Live {
  const size: Values = { width: EDGE, height: EDGE, depthOrArrayLayers: 1, mipLevelCount: 1 };
  const rest: Values = { sampleCount: samples, dimension: '2d', format: form, usage };
  return world.make('texture', 'createTexture', { ...size, ...rest }, { form, samples, usage, size: EDGE });
}

/** Creates a texture of any shape, which WebGPU may refuse. */
export function makeAnyTexture(world: World): void {
  const { random } = world;
  const dimension = random.pick(['2d', '2d', '2d', '1d', '3d']);
  const format = random.percent(60) ? 'rgba8unorm' : random.pick(ENUMS.TextureFormat);
  const edge = random.pick([1, 4, 12, 16, 64]);
  const size = { width: edge, height: dimension === '1d' ? 1 : edge, depthOrArrayLayers: random.pick([1, 1, 2, 6]) };
  const mipLevelCount = dimension === '2d' ? 1 + random.below(3) : 1;
  const usage = random.percent(70) ? bits('TextureUsage', 'COPY_SRC COPY_DST TEXTURE_BINDING') : 1 + random.below(31);
  const viewFormats = random.percent(10) ? [{ format: 'rgba8unorm-srgb' }] : [];
  const values = { ...size, mipLevelCount, sampleCount: 1, dimension, format, usage, viewFormats };
  world.make('texture', 'createTexture', values, { form: format, usage, size: edge });
}

/** Finds or creates a texture of a format, as a render target or for sampling. */
export function textureFor(world: World, form: string, samples = 1): Live {
  const usage = samples > 1 || form.startsWith('depth') ? bits('TextureUsage', 'RENDER_ATTACHMENT') : stored;
  const wanted = form === 'rgba8unorm' || samples > 1 || form.startsWith('depth') ? usage : sampled;
  const fits = (live: Live) =>
    live.form === form && live.samples === samples && live.size === EDGE && (live.usage & wanted) === wanted;
  return world.find('texture', fits) ?? makeTexture(world, form, samples, wanted);
}

export function viewFor(world: World, form: string, samples = 1): Live {
  const texture = textureFor(world, form, samples);
  const known = world.find('textureView', ({ of }) => of === texture.id);
  if (known && world.random.percent(80)) return known;
  const values = { texture: texture.id, mipLevelCount: 1, arrayLayerCount: 1 };
  return world.make('textureView', 'createTextureView', values, { of: texture.id, form, samples });
}

export function makeQuerySet(world: World, form = world.random.pick(ENUMS.QueryType)): Live {
  const count = world.random.pick([1, 2, 8, 64]);
  return world.make('querySet', 'createQuerySet', { type: form, count }, { form, size: count });
}

export function makeSampler(world: World): Live {
  const { random } = world;
  const mode = () => random.pick(ENUMS.AddressMode);
  const filter = () => random.pick(ENUMS.FilterMode);
  return world.make('sampler', 'createSampler', {
    addressModeU: mode(),
    addressModeV: mode(),
    addressModeW: mode(),
    magFilter: filter(),
    minFilter: filter(),
    mipmapFilter: filter(),
    lodMaxClamp: random.pick([0, 1, 32]),
    maxAnisotropy: 1,
  });
}

const layouts: Readonly<Record<string, Values[]>> = {
  none: [],
  uniform: [{ visibility: 3, bufferType: 'uniform' }],
  texture: [
    { visibility: 2, sampleType: 'float' },
    { binding: 1, visibility: 2, samplerType: 'filtering' },
  ],
  storage: [{ visibility: 4, bufferType: 'storage' }],
  image: [{ visibility: 4, storageAccess: 'write-only', storageFormat: 'rgba8unorm' }],
};

function makeGroup(world: World, form: string, layout: number): void {
  const entries: Values[] = [];
  if (form === 'uniform') entries.push({ buffer: bufferFor(world, 'UNIFORM').id });
  if (form === 'storage') entries.push({ buffer: bufferFor(world, 'STORAGE').id });
  if (form === 'texture') {
    entries.push({ view: viewFor(world, 'rgba8unorm').id });
    entries.push({ binding: 1, sampler: (world.find('sampler') ?? makeSampler(world)).id });
  }
  if (form === 'image') entries.push({ view: viewFor(world, 'rgba8unorm').id });
  world.make('bindGroup', 'createBindGroup', { layout, entries }, { form, of: layout });
}

/** Finds or creates a bind group for group 0 of a pipeline; undefined if the pipeline binds nothing. */
export function groupFor(world: World, { form, of }: Live): Live | undefined {
  if (form === 'none') return undefined;
  if (!world.live.bindGroup.some((group) => group.of === of)) makeGroup(world, form, of);
  return world.find('bindGroup', (group) => group.of === of);
}

/** Returns the ids of a pipeline layout and of its bind group layout for group 0; 0 for a pipeline with layout "auto". */
function layoutFor(world: World, form: string): { layout: number; group: number } {
  if (world.random.percent(40)) return { layout: 0, group: 0 };
  const known = world.find('pipelineLayout', (live) => live.form === form);
  if (known) return { layout: known.id, group: known.of };
  const entries = must(layouts[form], `layout ${form}`);
  const group = world.make('bindGroupLayout', 'createBindGroupLayout', { entries }, { form }).id;
  const made = world.make(
    'pipelineLayout',
    'createPipelineLayout',
    { layouts: [{ layout: group }] },
    { form, of: group },
  );
  return { layout: made.id, group };
}

function shaderFor(world: World, form: string): Live {
  const known = world.find('shaderModule', (live) => live.form === form);
  return (
    known ?? world.make('shaderModule', 'createShaderModule', { code: must(shaders[form], `shader ${form}`) }, { form })
  );
}

/** Adds a command that creates a pipeline. If its layout is "auto", adds one that gives its layout of group 0 an id. */
function add(
  world: World,
  kind: Kind,
  command: string,
  values: Values,
  facts: { form: string; of: number; target: string },
): Live {
  const { form, target } = facts;
  const id = world.newId(kind);
  world.say(command, { id, ...values, ...world.label() });
  let { of } = facts;
  const later = command.endsWith('Async');
  if (of === 0 && form !== 'none' && !later) {
    of = world.newId('bindGroupLayout');
    const get = kind === 'renderPipeline' ? 'getRenderBindGroupLayout' : 'getComputeBindGroupLayout';
    world.say(get, { id: of, pipeline: id });
  }
  const live = { id, form, of, size: 0, usage: 0, samples: targets[target]?.samples ?? 1, target };
  // A pipeline that compiles in the background is not ready in this call.
  if (!later) world.live[kind].push(live);
  return live;
}

const topologies: readonly Values[] = [
  { topology: 'triangle-list' },
  { topology: 'triangle-strip', stripIndexFormat: 'uint16' },
  { topology: 'line-list' },
  { topology: 'point-list' },
];
const ALL = bits('ColorWrite', 'ALL');

export function makeRenderPipeline(world: World, target: string): Live {
  const { random } = world;
  // Without a colour target there is no fragment shader, and only fragment shaders bind anything here.
  const form = must(targets[target], `target ${target}`).color ? random.pick(renderForms) : 'none';
  const { layout, group } = layoutFor(world, form);
  const module = shaderFor(world, form).id;
  const { color, depth, samples } = must(targets[target], `target ${target}`);
  const blend = random.percent(20) ? { blend: 1, colorSrcFactor: random.pick(['src-alpha', 'one', 'constant']) } : {};
  const stencil = () => random.pick(ENUMS.StencilOperation);
  const values: Values = {
    layout,
    vertexModule: module,
    fragmentModule: color ? module : 0,
    ...random.pick(topologies),
    cullMode: random.pick(ENUMS.CullMode),
    sampleCount: samples,
    sampleMask: 0xffffffff,
    stencilFrontCompare: 'always',
    stencilBackCompare: 'always',
    ...(depth ? { depthFormat: depth, depthWriteEnabled: 1, depthCompare: random.pick(ENUMS.CompareFunction) } : {}),
    ...(depth?.includes('stencil')
      ? { stencilFrontPassOp: stencil(), stencilReadMask: 255, stencilWriteMask: 255 }
      : {}),
    ...(form === 'none' && color && random.percent(30)
      ? { fragmentConstants: 'gain', fragmentValues: [{ value: 0.5 }] }
      : {}),
    ...(form === 'uniform'
      ? { buffers: [{ arrayStride: 8, stepMode: 'vertex', attributeCount: 1 }], attributes: [{ format: 'float32x2' }] }
      : {}),
    ...(color ? { targets: [{ format: color, writeMask: ALL, ...blend }] } : {}),
  };
  const command = random.percent(10) ? 'createRenderPipelineAsync' : 'createRenderPipeline';
  return add(world, 'renderPipeline', command, values, { form, of: group, target });
}

export function makeComputePipeline(world: World): Live {
  const { random } = world;
  const form = random.pick(computeForms);
  const { layout, group } = layoutFor(world, form);
  const values: Values = {
    layout,
    module: shaderFor(world, form).id,
    ...(random.percent(50) ? { entryPoint: 'main' } : {}),
    ...(form === 'storage' && random.percent(30) ? { constants: 'step', values: [{ value: 2 }] } : {}),
  };
  const command = random.percent(10) ? 'createComputePipelineAsync' : 'createComputePipeline';
  return add(world, 'computePipeline', command, values, { form, of: group, target: '' });
}
