import { REPLY_COUNT, REPLY_MAPPED, REPLY_WORK_DONE } from '../../renderer/contract/abi.ts';
import type { QueueCommands, WriteTexture, WriteTextureFromAsset } from './decode.ts';
import type { CommandEncoder } from './encoder.ts';
import type { Loose } from './loose.ts';
import { COPY_DST, checkRange, MAP_READ } from './range.ts';
import { Fault, type Reader } from './reader.ts';
import type { Refusals } from './refusals.ts';
import type { Replies } from './replies.ts';
import { TextureSite } from './site.ts';
import type { Handles } from './table.ts';
import { DeviceWatch } from './watch.ts';

/** The value of GPUMapMode.READ in WebGPU. */
const MAP_MODE_READ = 1;

export interface QueueOptions {
  device: GPUDevice;
  reader: Reader;
  refusals: Refusals;
  replies: Replies;
  encoder: CommandEncoder;
  /** Returns the contents of the game's asset with this handle; undefined if there is none. */
  asset(handle: number): Uint8Array | undefined;
  /** The most bytes of assets that one call of the module may upload to the GPU. */
  uploadBytesMax: number;
  /** The most bytes of buffers that may be read back for the module at a time (MAP_BYTES_MAX). */
  mapBytesMax: number;
}

/** Executes a module's commands for GPUQueue, which upload and submit, and for GPUBuffer.mapAsync. */
export class Queue implements QueueCommands {
  readonly #options: QueueOptions;
  readonly #queue: GPUQueue;
  readonly #watch: DeviceWatch;
  readonly #site = new TextureSite();
  readonly #layout: Loose<GPUTexelCopyBufferLayout> = { offset: 0, bytesPerRow: 0, rowsPerImage: 0 };
  readonly #submission: GPUCommandBuffer[] = [];
  #submitted = false;
  #uploadedBytes = 0;
  /** Number of onSubmittedWorkDone commands that have no answer yet. */
  #waits = 0;
  /** Bytes of buffers that are being read back for the module now. */
  #mappedBytes = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#queue = options.device.queue;
    this.#watch = DeviceWatch.of(options.device);
  }

  /** Resets the counts, because the next call of the module begins. */
  begin(): void {
    this.#uploadedBytes = 0;
    this.#submitted = false;
  }

  /** Whether the current call of the module has submitted any work to the GPU since this was last asked. */
  takeSubmitted(): boolean {
    const submitted = this.#submitted;
    this.#submitted = false;
    return submitted;
  }

  writeBuffer(buffer: Handles['buffer'], offset: number, dataOffset: number, dataLength: number): void {
    this.#writeBuffer(buffer, offset, this.#options.reader.data, dataOffset, dataLength);
  }

  writeBufferFromAsset(
    buffer: Handles['buffer'],
    offset: number,
    asset: number,
    assetOffset: number,
    size: number,
  ): void {
    this.#writeBuffer(buffer, offset, this.#asset(asset, assetOffset, size), assetOffset, size);
  }

  writeTexture(record: WriteTexture): void {
    const { dataOffset, dataLength } = record;
    this.#writeTexture(record, this.#options.reader.data, dataOffset, dataLength);
  }

  writeTextureFromAsset(record: WriteTextureFromAsset): void {
    const { asset, assetOffset, size } = record;
    this.#writeTexture(record, this.#asset(asset, assetOffset, size), assetOffset, size);
  }

  submit(): void {
    const commands = this.#options.encoder.finish();
    if (commands === undefined) return;
    this.#options.refusals.check();
    this.#submission[0] = commands;
    this.#queue.submit(this.#submission);
    this.#watch.countSubmission();
    this.#submitted = true;
    this.#submission.length = 0;
  }

  onSubmittedWorkDone(token: number): void {
    if (this.#waits >= REPLY_COUNT)
      throw new Fault(`the module waits for ${this.#waits} answers already, as many as the reply ring has records`);
    this.#waits++;
    const done = (): void => {
      this.#waits--;
      this.#options.replies.send(REPLY_WORK_DONE, token);
    };
    // The promise rejects only if the device is lost. The device's owner learns of that from device.lost.
    this.#queue.onSubmittedWorkDone().then(done, () => {});
  }

  mapAsync(buffer: Handles['buffer'], offset: number, size: number, address: number, token: number): void {
    const { mapBytesMax, replies } = this.#options;
    checkRange(buffer, offset, size, MAP_READ);
    if (offset % 8 !== 0 || size % 4 !== 0 || size === 0)
      throw new Fault(`offset ${offset} must be a multiple of 8, and size ${size} one of 4 and not 0`);
    if (buffer.mapping) throw new Fault('the buffer is on its way back already');
    if (this.#mappedBytes + size > mapBytesMax)
      throw new Fault(`more than ${mapBytesMax} bytes of buffers would be on their way back (MAP_BYTES_MAX)`);
    this.#mappedBytes += size;
    buffer.mapping = true;
    const end = (ready: 0 | 1): void => {
      this.#mappedBytes -= size;
      buffer.mapping = false;
      replies.send(REPLY_MAPPED, token, ready);
    };
    buffer.gpu.mapAsync(MAP_MODE_READ, offset, size).then(
      () => {
        replies.write(address, new Uint8Array(buffer.gpu.getMappedRange(offset, size)));
        buffer.gpu.unmap();
        end(1);
      },
      () => end(0),
    );
  }

  #writeBuffer(buffer: Handles['buffer'], offset: number, data: Uint8Array, dataOffset: number, size: number): void {
    checkRange(buffer, offset, size, COPY_DST);
    if (offset % 4 !== 0 || size % 4 !== 0)
      throw new Fault(`offset ${offset} and length ${size} must both be multiples of 4`);
    this.#queue.writeBuffer(buffer.gpu, offset, data as Uint8Array<ArrayBuffer>, dataOffset, size);
  }

  #writeTexture(record: WriteTexture | WriteTextureFromAsset, data: Uint8Array, offset: number, size: number): void {
    const layout = this.#layout;
    layout.bytesPerRow = record.bytesPerRow || undefined;
    layout.rowsPerImage = record.rowsPerImage || undefined;
    const bytes = data.subarray(offset, offset + size) as Uint8Array<ArrayBuffer>;
    this.#queue.writeTexture(this.#site.at(record), bytes, layout as GPUTexelCopyBufferLayout, record);
  }

  /** Returns the contents of an asset, and counts `size` bytes at `offset` as uploaded. @throws Fault if they lie outside it */
  #asset(handle: number, offset: number, size: number): Uint8Array {
    const { asset, uploadBytesMax } = this.#options;
    const bytes = asset(handle);
    if (bytes === undefined) throw new Fault(`there is no asset ${handle}`);
    if (offset + size > bytes.byteLength)
      throw new Fault(`${size} bytes at ${offset} do not fit the ${bytes.byteLength} of asset ${handle}`);
    this.#uploadedBytes += size;
    if (this.#uploadedBytes > uploadBytesMax)
      throw new Fault(`one call uploads more than ${uploadBytesMax} bytes of assets (GPU_BYTES_MAX)`);
    return bytes;
  }
}
