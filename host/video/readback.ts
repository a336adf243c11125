import { readFileSync } from 'node:fs';

/** One picture in I420, BT.709 limited range. The planes may be read until release(), which the owner calls once. */
export interface Picture {
  /** Size of the picture in pixels. The chroma planes have half the width and half the height. */
  readonly width: number;
  readonly height: number;
  readonly y: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
  /** Bytes from one row of a plane to the next. Bytes beyond a row's width have no meaning. */
  readonly yStride: number;
  readonly uStride: number;
  readonly vStride: number;
  /** Gives the picture's memory back for later pictures; the planes become empty. Idempotent. */
  release(): void;
}

export interface ReadbackOptions {
  device: GPUDevice;
  /** Size of the pictures in pixels. Width and height must be even, and at least 16. */
  width: number;
  height: number;
}

/** One of the buffers through which pictures are read back from the GPU. */
interface Slot {
  readonly buffer: GPUBuffer;
  busy: boolean;
}

/** Number of pictures that can be under way at once: one on the GPU, one being encoded, and one between the two. */
const SLOTS = 3;
/** Size of a workgroup of convert.wgsl, in blocks of pixels. A wide and low one is fastest on llvmpipe and on hardware. */
const GROUP_WIDTH = 32;
const GROUP_HEIGHT = 2;
/** Size of the block of pixels that one invocation of convert.wgsl converts. */
const BLOCK_WIDTH = 8;
const BLOCK_HEIGHT = 2;
const SIZE_MIN = 16;
/** WebGPU's copies between textures and buffers need rows whose length is a multiple of this many bytes. */
const ROW_ALIGNMENT = 256;

const PIPELINES = new WeakMap<GPUDevice, GPUComputePipeline>();

/** Reads one player's pictures back from the GPU: a texture to draw into, its conversion to I420, and a ring of buffers. */
export class Readback {
  readonly width: number;
  readonly height: number;
  /** The texture to draw into: rgba8unorm, `width` x `height`, with RENDER_ATTACHMENT, COPY_SRC and TEXTURE_BINDING. */
  readonly texture: GPUTexture;
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #bindGroup: GPUBindGroup;
  readonly #uniform: GPUBuffer;
  readonly #rgba: GPUBuffer;
  readonly #i420: GPUBuffer;
  readonly #slots: Slot[];
  readonly #bytesPerRow: number;
  readonly #lumaStride: number;
  readonly #blocksAcross: number;
  readonly #blocksDown: number;
  #destroyed = false;

  constructor({ device, width, height }: ReadbackOptions) {
    if (width < SIZE_MIN || height < SIZE_MIN || width % 2 !== 0 || height % 2 !== 0)
      throw new RangeError(`a picture of ${width}x${height} pixels: both sides must be even, and at least ${SIZE_MIN}`);
    this.#device = device;
    this.width = width;
    this.height = height;
    this.#blocksAcross = Math.ceil(width / BLOCK_WIDTH);
    this.#blocksDown = height / BLOCK_HEIGHT;
    this.#lumaStride = this.#blocksAcross * BLOCK_WIDTH;
    this.#bytesPerRow = Math.ceil((width * 4) / ROW_ALIGNMENT) * ROW_ALIGNMENT;

    const i420Bytes = (this.#lumaStride * height * 3) / 2;
    const { RENDER_ATTACHMENT, COPY_SRC: FROM_TEXTURE, TEXTURE_BINDING } = GPUTextureUsage;
    const { COPY_SRC, COPY_DST, STORAGE, UNIFORM, MAP_READ } = GPUBufferUsage;
    this.texture = device.createTexture({
      label: 'picture',
      size: [width, height],
      format: 'rgba8unorm',
      usage: RENDER_ATTACHMENT | FROM_TEXTURE | TEXTURE_BINDING,
    });
    const buffer = (label: string, size: number, usage: number) => device.createBuffer({ label, size, usage });
    this.#rgba = buffer('picture rgba', this.#bytesPerRow * height, COPY_DST | COPY_SRC | STORAGE);
    this.#i420 = buffer('picture i420', i420Bytes, STORAGE | COPY_SRC);
    this.#slots = Array.from({ length: SLOTS }, (_, index) => ({
      buffer: buffer(`picture readback ${index}`, i420Bytes, MAP_READ | COPY_DST),
      busy: false,
    }));
    this.#uniform = buffer('picture layout', 16, UNIFORM | COPY_DST);
    const rows = [this.#bytesPerRow / 16, this.#lumaStride / 4];
    device.queue.writeBuffer(this.#uniform, 0, new Uint32Array([...rows, this.#blocksAcross, this.#blocksDown]));

    this.#pipeline = conversion(device);
    this.#bindGroup = device.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.#uniform } },
        { binding: 1, resource: { buffer: this.#rgba } },
        { binding: 2, resource: { buffer: this.#i420 } },
      ],
    });
  }

  /**
   * Converts and reads back what `texture` holds after everything submitted so far. Neither waits nor queues: returns undefined
   * if no readback buffer is free, and the caller drops the frame.
   * The promise resolves with undefined if destroy() or the loss of the device comes first.
   */
  read(): Promise<Picture | undefined> | undefined {
    const slot = this.#destroyed ? undefined : this.#slots.find(({ busy }) => !busy);
    if (!slot) return undefined;
    slot.busy = true;
    const commandEncoder = this.#device.createCommandEncoder();
    this.#copyTexture(commandEncoder, this.#rgba);
    const pass = commandEncoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#bindGroup);
    pass.dispatchWorkgroups(Math.ceil(this.#blocksAcross / GROUP_WIDTH), Math.ceil(this.#blocksDown / GROUP_HEIGHT));
    pass.end();
    commandEncoder.copyBufferToBuffer(this.#i420, 0, slot.buffer, 0, slot.buffer.size);
    this.#device.queue.submit([commandEncoder.finish()]);
    return this.#map(slot);
  }

  /**
   * Reads the texture back without conversion: `width` x `height` pixels of 4 bytes (RGBA), rows without padding. Allocates
   * memory; meant for tests and screenshots.
   * @throws Error if destroy() or the loss of the device comes first
   */
  async snapshot(): Promise<Uint8Array> {
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = this.#bytesPerRow * this.height;
    const staging = this.#device.createBuffer({ label: 'picture snapshot', size, usage: COPY_DST | MAP_READ });
    try {
      const commandEncoder = this.#device.createCommandEncoder();
      this.#copyTexture(commandEncoder, staging);
      this.#device.queue.submit([commandEncoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const mapped = new Uint8Array(staging.getMappedRange());
      const pixels = new Uint8Array(this.width * this.height * 4);
      for (let row = 0; row < this.height; row++) {
        const start = row * this.#bytesPerRow;
        pixels.set(mapped.subarray(start, start + this.width * 4), row * this.width * 4);
      }
      return pixels;
    } finally {
      staging.destroy();
    }
  }

  /** Destroys the texture and buffers. Unreleased pictures become empty, and pending reads give undefined. Idempotent. */
  destroy(): void {
    this.#destroyed = true;
    this.texture.destroy();
    for (const buffer of [this.#rgba, this.#i420, this.#uniform]) buffer.destroy();
    for (const { buffer } of this.#slots) buffer.destroy();
  }

  #copyTexture(commandEncoder: GPUCommandEncoder, buffer: GPUBuffer): void {
    const size = [this.width, this.height];
    commandEncoder.copyTextureToBuffer({ texture: this.texture }, { buffer, bytesPerRow: this.#bytesPerRow }, size);
  }

  async #map(slot: Slot): Promise<Picture | undefined> {
    try {
      await slot.buffer.mapAsync(GPUMapMode.READ);
    } catch {
      slot.busy = false;
      return undefined;
    }
    if (this.#destroyed) return undefined;
    const bytes = slot.buffer.getMappedRange();
    const lumaBytes = this.#lumaStride * this.height;
    const chromaStride = this.#lumaStride / 2;
    return {
      width: this.width,
      height: this.height,
      y: new Uint8Array(bytes, 0, lumaBytes),
      u: new Uint8Array(bytes, lumaBytes, lumaBytes / 4),
      v: new Uint8Array(bytes, (lumaBytes * 5) / 4, lumaBytes / 4),
      yStride: this.#lumaStride,
      uStride: chromaStride,
      vStride: chromaStride,
      release: once(() => {
        if (!this.#destroyed) slot.buffer.unmap();
        slot.busy = false;
      }),
    };
  }
}

/** Returns a function that calls `action` at its first call, and does nothing at later calls. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

/** Returns the compute pipeline that converts RGBA to I420. Each device has one. */
function conversion(device: GPUDevice): GPUComputePipeline {
  const known = PIPELINES.get(device);
  if (known) return known;
  const code = readFileSync(new URL('./convert.wgsl', import.meta.url), 'utf8');
  const pipeline = device.createComputePipeline({
    label: 'rgba to i420',
    layout: 'auto',
    compute: {
      module: device.createShaderModule({ label: 'rgba to i420', code }),
      entryPoint: 'convert',
    },
  });
  PIPELINES.set(device, pipeline);
  return pipeline;
}
