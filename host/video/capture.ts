import { readFileSync } from 'node:fs';

/** One picture in I420, BT.709 limited range. The planes may be read until release(), which its owner calls once. */
export interface Picture {
  /** In pixels; the chroma planes have half of each. */
  readonly width: number;
  readonly height: number;
  readonly y: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
  /** Bytes from one row to the next; what lies past a row's width is undefined. */
  readonly yStride: number;
  readonly uStride: number;
  readonly vStride: number;
  /** Gives the memory back to the ring; the planes become empty. Idempotent. */
  release(): void;
}

export interface CaptureOptions {
  device: GPUDevice;
  /** In pixels; even, and 16 at least. */
  width: number;
  height: number;
}

interface Slot {
  readonly buffer: GPUBuffer;
  busy: boolean;
}

/** Enough for one picture on the GPU, one being encoded and one on its way between them. */
const SLOTS = 3;
/** convert.wgsl's workgroup, in blocks; wide and low is what llvmpipe and hardware both run fastest. */
const GROUP_WIDTH = 32;
const GROUP_HEIGHT = 2;
const BLOCK_WIDTH = 8;
const BLOCK_HEIGHT = 2;

const pipelines = new WeakMap<GPUDevice, GPUComputePipeline>();

/** Takes pictures of one view: its texture, the conversion to I420 on the GPU, and the ring that reads back. */
export class Capture {
  readonly width: number;
  readonly height: number;
  /** What the view is drawn into: rgba8unorm, `width` x `height`; RENDER_ATTACHMENT, COPY_SRC, TEXTURE_BINDING. */
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

  constructor({ device, width, height }: CaptureOptions) {
    if (width < 16 || height < 16 || width % 2 !== 0 || height % 2 !== 0)
      throw new RangeError(`a view of ${width}x${height} pixels: both must be even, and 16 at least`);
    this.#device = device;
    this.width = width;
    this.height = height;
    this.#blocksAcross = Math.ceil(width / BLOCK_WIDTH);
    this.#blocksDown = height / BLOCK_HEIGHT;
    this.#lumaStride = this.#blocksAcross * BLOCK_WIDTH;
    this.#bytesPerRow = Math.ceil((width * 4) / 256) * 256;

    const i420Bytes = (this.#lumaStride * height * 3) / 2;
    const { RENDER_ATTACHMENT, COPY_SRC: FROM_TEXTURE, TEXTURE_BINDING } = GPUTextureUsage;
    const { COPY_SRC, COPY_DST, STORAGE, UNIFORM, MAP_READ } = GPUBufferUsage;
    this.texture = device.createTexture({
      label: 'view',
      size: [width, height],
      format: 'rgba8unorm',
      usage: RENDER_ATTACHMENT | FROM_TEXTURE | TEXTURE_BINDING,
    });
    const buffer = (label: string, size: number, usage: number) => device.createBuffer({ label, size, usage });
    this.#rgba = buffer('view rgba', this.#bytesPerRow * height, COPY_DST | COPY_SRC | STORAGE);
    this.#i420 = buffer('view i420', i420Bytes, STORAGE | COPY_SRC);
    this.#slots = Array.from({ length: SLOTS }, (_, index) => ({
      buffer: buffer(`view readback ${index}`, i420Bytes, MAP_READ | COPY_DST),
      busy: false,
    }));
    this.#uniform = buffer('view layout', 16, UNIFORM | COPY_DST);
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
   * Submits conversion and readback of what `texture` holds once all earlier submits are done. Never waits or queues:
   * undefined at once when every slot of the ring is taken, and the caller drops the frame.
   * The promise resolves with undefined when the picture was lost to destroy() or with the device.
   */
  capture(): Promise<Picture | undefined> | undefined {
    const slot = this.#destroyed ? undefined : this.#slots.find(({ busy }) => !busy);
    if (!slot) return undefined;
    slot.busy = true;
    const encoder = this.#device.createCommandEncoder();
    this.#copyTexture(encoder, this.#rgba);
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#bindGroup);
    pass.dispatchWorkgroups(Math.ceil(this.#blocksAcross / GROUP_WIDTH), Math.ceil(this.#blocksDown / GROUP_HEIGHT));
    pass.end();
    encoder.copyBufferToBuffer(this.#i420, 0, slot.buffer, 0, slot.buffer.size);
    this.#device.queue.submit([encoder.finish()]);
    return this.#read(slot);
  }

  /**
   * Reads the view back as it is: `width` x `height` pixels of 4 bytes (RGBA), rows without padding. Allocates; for tests and screenshots.
   * @throws Error when the view or the device is destroyed meanwhile
   */
  async snapshot(): Promise<Uint8Array> {
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = this.#bytesPerRow * this.height;
    const staging = this.#device.createBuffer({ label: 'view snapshot', size, usage: COPY_DST | MAP_READ });
    try {
      const encoder = this.#device.createCommandEncoder();
      this.#copyTexture(encoder, staging);
      this.#device.queue.submit([encoder.finish()]);
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

  /** Destroys every GPU object; pictures that are not released become empty, promises settle as dropped. Idempotent. */
  destroy(): void {
    this.#destroyed = true;
    this.texture.destroy();
    for (const buffer of [this.#rgba, this.#i420, this.#uniform]) buffer.destroy();
    for (const { buffer } of this.#slots) buffer.destroy();
  }

  #copyTexture(encoder: GPUCommandEncoder, buffer: GPUBuffer): void {
    encoder.copyTextureToBuffer({ texture: this.texture }, { buffer, bytesPerRow: this.#bytesPerRow }, [
      this.width,
      this.height,
    ]);
  }

  async #read(slot: Slot): Promise<Picture | undefined> {
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

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

function conversion(device: GPUDevice): GPUComputePipeline {
  const known = pipelines.get(device);
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
  pipelines.set(device, pipeline);
  return pipeline;
}
