import { REPLY_MAPPED, REPLY_WORK_DONE } from '../../renderer/contract/abi.ts';
import type { QueueCommands } from './decode.ts';
import { type Encoder, setSite, textureSite } from './encoder.ts';
import { inside } from './pass.ts';
import { Fault, type Reader } from './reader.ts';
import type { Handles } from './table.ts';

const MAP_READ = 1;
const COPY_DST = 8;
/** GPUMapMode.READ. */
const READ = 1;

export interface QueueOptions {
  device: GPUDevice;
  reader: Reader;
  encoder: Encoder;
  /** Bytes of assets that one call may upload. */
  uploadBytesMax: number;
  /** `onSubmittedWorkDone` that may be waited for at a time. */
  waitsMax: number;
  asset(handle: number): Uint8Array | undefined;
  /** @throws Fault where the GPU has refused something in this call */
  settle(): void;
  /** Bytes of buffers that may be on their way back at a time. */
  mapBytesMax: number;
  /** Puts a record on the module's reply ring. */
  reply(type: number, ...values: number[]): void;
  /** Puts bytes into the module's linear memory before its next call. */
  write(address: number, bytes: Uint8Array): void;
}

/** Uploads and submits: the commands of GPUQueue. */
export class Queue implements QueueCommands {
  readonly #options: QueueOptions;
  readonly #queue: GPUQueue;
  readonly #site = textureSite();
  readonly #layout = { offset: 0, bytesPerRow: 0, rowsPerImage: 0 } as {
    offset: number;
    bytesPerRow: number | undefined;
    rowsPerImage: number | undefined;
  };
  readonly #extent = { width: 0, height: 0, depthOrArrayLayers: 0 };
  readonly #submission: GPUCommandBuffer[] = [];
  #uploaded = 0;
  #waits = 0;
  #mapped = 0;
  #submitted = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#queue = options.device.queue;
  }

  /** Begins the account of a call. */
  begin(): void {
    this.#uploaded = 0;
    this.#submitted = false;
  }

  /** Whether anything was queued in this call. */
  get submitted(): boolean {
    return this.#submitted;
  }

  writeBuffer(buffer: Handles['buffer'], offset: number, dataOffset: number, dataLength: number): void {
    this.#write(buffer, offset, this.#options.reader.data, dataOffset, dataLength);
  }

  writeBufferFromAsset(
    buffer: Handles['buffer'],
    offset: number,
    asset: number,
    assetOffset: number,
    size: number,
  ): void {
    this.#write(buffer, offset, this.#asset(asset, assetOffset, size), assetOffset, size);
  }

  writeTexture(
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspect,
    width: number,
    height: number,
    depthOrArrayLayers: number,
    bytesPerRow: number,
    rowsPerImage: number,
    dataOffset: number,
    dataLength: number,
  ): void {
    setSite(this.#site, texture, mipLevel, originX, originY, originZ, aspect);
    this.#setExtent(width, height, depthOrArrayLayers);
    this.#writeTexture(this.#options.reader.data, bytesPerRow, rowsPerImage, dataOffset, dataLength);
  }

  writeTextureFromAsset(
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspect,
    width: number,
    height: number,
    depthOrArrayLayers: number,
    bytesPerRow: number,
    rowsPerImage: number,
    asset: number,
    assetOffset: number,
    size: number,
  ): void {
    setSite(this.#site, texture, mipLevel, originX, originY, originZ, aspect);
    this.#setExtent(width, height, depthOrArrayLayers);
    this.#writeTexture(this.#asset(asset, assetOffset, size), bytesPerRow, rowsPerImage, assetOffset, size);
  }

  submit(): void {
    const commands = this.#options.encoder.finish();
    if (commands === undefined) return;
    this.#options.settle();
    this.#submission[0] = commands;
    this.#queue.submit(this.#submission);
    this.#submitted = true;
    this.#submission.length = 0;
  }

  onSubmittedWorkDone(token: number): void {
    if (this.#waits >= this.#options.waitsMax)
      throw new Fault(`${this.#waits} are waited for already: as many as the reply ring has records`);
    this.#waits++;
    const done = (): void => {
      this.#waits--;
      this.#options.reply(REPLY_WORK_DONE, token);
    };
    // A device that is lost fails every wait at once; its owner hears of it from device.lost.
    this.#queue.onSubmittedWorkDone().then(done, () => {});
  }

  mapAsync(buffer: Handles['buffer'], offset: number, size: number, address: number, token: number): void {
    const { mapBytesMax, reply, write } = this.#options;
    inside(buffer, offset, size, MAP_READ, 'MAP_READ');
    if (offset % 8 !== 0 || size % 4 !== 0 || size === 0)
      throw new Fault(`offset ${offset} is a multiple of 8, size ${size} one of 4 and not 0`);
    if (buffer.mapping) throw new Fault('the buffer is on its way back already');
    if (this.#mapped + size > mapBytesMax)
      throw new Fault(`more than ${mapBytesMax} bytes would be on their way back (MAP_BYTES_MAX)`);
    this.#mapped += size;
    buffer.mapping = true;
    const end = (ready: 0 | 1): void => {
      this.#mapped -= size;
      buffer.mapping = false;
      reply(REPLY_MAPPED, token, ready);
    };
    buffer.gpu.mapAsync(READ, offset, size).then(
      () => {
        write(address, new Uint8Array(buffer.gpu.getMappedRange(offset, size)));
        buffer.gpu.unmap();
        end(1);
      },
      () => end(0),
    );
  }

  #write(buffer: Handles['buffer'], offset: number, data: Uint8Array, dataOffset: number, size: number): void {
    inside(buffer, offset, size, COPY_DST, 'COPY_DST');
    if (offset % 4 !== 0 || size % 4 !== 0)
      throw new Fault(`offset ${offset} and length ${size} must both be multiples of 4`);
    this.#queue.writeBuffer(buffer.gpu, offset, data as Uint8Array<ArrayBuffer>, dataOffset, size);
  }

  #writeTexture(data: Uint8Array, bytesPerRow: number, rowsPerImage: number, offset: number, size: number): void {
    const layout = this.#layout;
    layout.bytesPerRow = bytesPerRow || undefined;
    layout.rowsPerImage = rowsPerImage || undefined;
    const bytes = data.subarray(offset, offset + size) as Uint8Array<ArrayBuffer>;
    this.#queue.writeTexture(this.#site, bytes, layout as GPUTexelCopyBufferLayout, this.#extent);
  }

  #setExtent(width: number, height: number, depthOrArrayLayers: number): void {
    this.#extent.width = width;
    this.#extent.height = height;
    this.#extent.depthOrArrayLayers = depthOrArrayLayers;
  }

  #asset(handle: number, offset: number, size: number): Uint8Array {
    const asset = this.#options.asset(handle);
    if (asset === undefined) throw new Fault(`there is no asset ${handle}`);
    if (offset + size > asset.byteLength)
      throw new Fault(`${size} bytes at ${offset} do not fit the ${asset.byteLength} of asset ${handle}`);
    const { uploadBytesMax } = this.#options;
    this.#uploaded += size;
    if (this.#uploaded > uploadBytesMax)
      throw new Fault(`one call uploads more than ${uploadBytesMax} bytes of assets (GPU_BYTES_MAX)`);
    return asset;
  }
}
