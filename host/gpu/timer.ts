/** The most passes of one render that are timed. The GPU time of further passes is not counted. */
const PASSES_MAX = 32;
/** One in this many renders is timed. It is prime, so that work that a game does every few frames is not always missed. */
const RENDERS = 31;
const TIMESTAMP_BYTES = 8;

/**
 * Estimates the GPU time of a room's renders. Times the passes of one in RENDERS renders with timestamp queries. No one waits
 * for the GPU; until the result of one render has arrived, no other render is timed.
 */
export class GpuTimer {
  readonly #device: GPUDevice;
  readonly #onTime: (ms: number, renders: number) => void;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;
  #renders = 0;
  #passes = 0;
  #timing = false;
  #busy = false;
  #destroyed = false;

  /**
   * @param device has the feature `timestamp-query`
   * @param onTime takes the GPU milliseconds of one render, and the number of renders since the one timed before
   */
  constructor(device: GPUDevice, onTime: (ms: number, renders: number) => void) {
    this.#device = device;
    this.#onTime = onTime;
    const count = 2 * PASSES_MAX;
    const size = count * TIMESTAMP_BYTES;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#queries = device.createQuerySet({ label: 'gpu time', type: 'timestamp', count });
    this.#resolved = device.createBuffer({ label: 'gpu time', size, usage: QUERY_RESOLVE | COPY_SRC });
    this.#readback = device.createBuffer({ label: 'gpu time readback', size, usage: COPY_DST | MAP_READ });
  }

  /** Counts a render that begins, and decides whether to time it. */
  begin(): void {
    this.#renders++;
    this.#passes = 0;
    this.#timing = !this.#busy && !this.#destroyed && this.#renders >= RENDERS;
  }

  /** Returns the timestampWrites with which the next pass is timed; undefined if the pass is not timed. */
  pass(): GPURenderPassTimestampWrites | undefined {
    if (!this.#timing || this.#passes === PASSES_MAX) return undefined;
    const first = 2 * this.#passes++;
    return { querySet: this.#queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  /** Reads back the times of a render whose passes have all been submitted. */
  end(): void {
    if (!this.#timing) return;
    this.#timing = false;
    const renders = this.#renders;
    this.#renders = 0;
    if (this.#passes === 0) return;
    const bytes = 2 * this.#passes * TIMESTAMP_BYTES;
    const commandEncoder = this.#device.createCommandEncoder();
    commandEncoder.resolveQuerySet(this.#queries, 0, 2 * this.#passes, this.#resolved, 0);
    commandEncoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, bytes);
    this.#device.queue.submit([commandEncoder.finish()]);
    this.#busy = true;
    void this.#read(bytes, renders);
  }

  /** Stops timing a render that failed, because its passes may never be submitted. */
  drop(): void {
    this.#timing = false;
  }

  /** Destroys the timer's GPU objects; idempotent. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#timing = false;
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readback.destroy();
  }

  async #read(bytes: number, renders: number): Promise<void> {
    try {
      await this.#readback.mapAsync(GPUMapMode.READ, 0, bytes);
    } catch {
      // The buffer was destroyed, or the device was lost.
      return;
    }
    if (this.#destroyed) return;
    const ns = sumOfPasses(new BigUint64Array(this.#readback.getMappedRange(0, bytes)));
    this.#readback.unmap();
    this.#busy = false;
    this.#onTime(Number(ns) / 1e6, renders);
  }
}

/** Sums up the nanoseconds of all passes. @param times beginning and end of each pass in turn */
function sumOfPasses(times: BigUint64Array): bigint {
  let sum = 0n;
  let beginning = 0n;
  for (const [index, time] of times.entries()) {
    if (index % 2 === 0) beginning = time;
    // A driver may report an end before the beginning (WebGPU, "Timestamp Query"). Such a pass counts as nothing.
    else if (time > beginning) sum += time - beginning;
  }
  return sum;
}
