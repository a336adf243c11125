import { vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { CommandReplay, type ReplayOptions, type Surface } from '../../host/gpu/replay.ts';
import type { ShaderVetting } from '../../host/gpu/vetting.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { bits, Stream, type Values } from './document.ts';

/** The host's default settings, but with less GPU memory and fewer GPU objects. */
export const limits = {
  ...readConfig({}),
  gpuObjectsMax: 256,
  gpuBufferBytesMax: 2 ** 20,
  gpuBytesMax: 2 ** 22,
};

export function openTestGpu(backend: 'vulkan' | 'null'): Promise<Gpu> {
  return openGpu({ hardwareRequired: false, log: () => {}, backend });
}

/** Takes the place of the process that tries shaders, and finds every shader harmless. */
export const CARELESS: ShaderVetting = {
  digest: (text) => text,
  isHarmless: () => true,
  try: async () => 0,
  drop: () => {},
};

export function newReplay(device: GPUDevice, options: Partial<ReplayOptions> = {}): CommandReplay {
  const ignore = { log: () => {}, reply: () => {}, write: () => {} };
  return new CommandReplay({ device, limits, asset: () => undefined, ...ignore, ...options });
}

/** Opens replays for tests. Those of a test are destroyed together. */
export class Replays {
  readonly #open: CommandReplay[] = [];

  readonly open = (...options: Parameters<typeof newReplay>): CommandReplay => {
    const opened = newReplay(...options);
    this.#open.push(opened);
    return opened;
  };

  readonly destroy = (): void => {
    for (const opened of this.#open.splice(0)) opened.destroy();
  };
}

/** The message of the error that run() throws; '' if it does not throw. */
export function fault(replay: CommandReplay, stream: Stream, surface?: Surface): string {
  try {
    replay.run(stream.submission, surface);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** A texture that takes the place of a player's picture, which a module draws into. */
export class Picture implements Surface {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  readonly #device: GPUDevice;

  constructor(device: GPUDevice, size = 16) {
    this.#device = device;
    const { RENDER_ATTACHMENT, COPY_SRC, TEXTURE_BINDING } = GPUTextureUsage;
    const usage = RENDER_ATTACHMENT | COPY_SRC | TEXTURE_BINDING;
    this.texture = device.createTexture({ size: [size, size], format: 'rgba8unorm', usage });
    this.view = this.texture.createView();
  }

  /** Reads the picture back. Returns a function that gives the colour of a pixel as "r g b a". */
  async read(): Promise<(x: number, y: number) => string> {
    const { width, height } = this.texture;
    const bytesPerRow = 256;
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const buffer = this.#device.createBuffer({ size: bytesPerRow * height, usage: COPY_DST | MAP_READ });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyTextureToBuffer({ texture: this.texture }, { buffer, bytesPerRow }, { width, height });
    this.#device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const bytes = new Uint8Array(buffer.getMappedRange()).slice();
    buffer.destroy();
    return (x, y) => [...bytes.subarray(y * bytesPerRow + x * 4, y * bytesPerRow + x * 4 + 4)].join(' ');
  }
}

export const SURFACE = 1;
export const black = { view: SURFACE, loadOp: 'clear', storeOp: 'store', clearA: 1 };
export const target = { format: 'rgba8unorm', writeMask: bits('ColorWrite', 'ALL') };
const stencil = { stencilFrontCompare: 'always', stencilBackCompare: 'always' };
/** Fields that most render pipelines of these tests have in common. */
export const pipeline = {
  topology: 'triangle-list',
  cullMode: 'none',
  sampleCount: 1,
  sampleMask: 0xffffffff,
  ...stencil,
};

export const TRIANGLE = `
  @vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
    return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
  }
  @fragment fn fs() -> @location(0) vec4f { return vec4f(1, 0, 0, 1); }`;

/** Adds commands that create shader module 2 and render pipeline 2, which fills the picture with red. */
export function redPipeline(stream = new Stream()): Stream {
  return stream
    .command('createShaderModule', { id: 2, code: TRIANGLE })
    .command('createRenderPipeline', { id: 2, vertexModule: 2, fragmentModule: 2, targets: [target], ...pipeline });
}

export const VERTEX = bits('BufferUsage', 'VERTEX COPY_DST');

/** Makes a stream that creates a buffer. */
export function buffer(id: number, size = 64, usage = VERTEX): Stream {
  return new Stream().command('createBuffer', { id, size, usage });
}

/** Adds the command that begins a render pass, which clears the picture. */
export function begin(stream: Stream): Stream {
  return stream.command('beginRenderPass', { colorAttachments: [black] });
}

/** Fields of a command that creates texture 2, of 4x4 pixels. */
export const SMALL_TEXTURE: Values = {
  id: 2,
  width: 4,
  height: 4,
  depthOrArrayLayers: 1,
  mipLevelCount: 1,
  sampleCount: 1,
  dimension: '2d',
  format: 'rgba8unorm',
  usage: bits('TextureUsage', 'TEXTURE_BINDING COPY_DST'),
};

/** Fields of a command that creates a texture of 16x16 pixels. @param usage names of WebGPU's texture usages */
export function texture16(usage: string, values: Values = {}): Values {
  const size = { width: 16, height: 16, depthOrArrayLayers: 1 };
  const rest = { mipLevelCount: 1, sampleCount: 1, dimension: '2d', format: 'rgba8unorm' };
  return { ...size, ...rest, usage: bits('TextureUsage', usage), ...values };
}

/** A watch of a stand-in for a GPU device, whose work ends when the test calls `end`. */
export function watchManually() {
  const ends: (() => void)[] = [];
  const queue = { onSubmittedWorkDone: () => new Promise<void>((resolve) => ends.push(resolve)) };
  const device = { queue, lost: new Promise(() => {}) } as unknown as GPUDevice;
  return { watch: DeviceWatch.of(device), end: () => must(ends.shift(), 'unfinished work')() };
}

/** Stands for a room that submits work to the GPU. */
export const workOwner = () => ({ onWork: vi.fn(), onHung: vi.fn() });

/** A shader in which every function calls the one before it twice, so that the time to compile doubles with each function. */
export function doubling(depth: number): string {
  const functions = Array.from({ length: depth }, (_, n) =>
    n === 0
      ? 'fn f0(x: f32) -> f32 { return sin(x) * x; }'
      : `fn f${n}(x: f32) -> f32 { return f${n - 1}(x) + f${n - 1}(x * 2); }`,
  );
  return `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
    ${functions.join('\n')}
    @compute @workgroup_size(1) fn main() { out[0] = f${depth - 1}(out[1]); }`;
}
