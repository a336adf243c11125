/** Passes of one render that are timed; what a render does beyond them is not counted. */
const PASSES_MAX = 32;
/** One render in this many is timed. Prime, so as to stay out of step with what a game does every few pictures. */
const RENDERS = 31;
const TIMESTAMP_BYTES = 8;

/**
 * Estimates the GPU time of a replay's renders: times the passes of one in RENDERS with timestamp queries, and lets it stand
 * for those since the last. Nothing waits for the GPU; while a result is on its way, renders go untimed.
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

  /** The device has `timestamp-query`; `onTime` takes the milliseconds of one render, for so many since it was called last. */
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

  /** A render begins. */
  begin(): void {
    this.#renders++;
    this.#passes = 0;
    this.#timing = !this.#busy && !this.#destroyed && this.#renders >= RENDERS;
  }

  /** Where the pass that begins now puts its times; undefined where it is not timed. */
  pass(): GPURenderPassTimestampWrites | undefined {
    if (!this.#timing || this.#passes === PASSES_MAX) return undefined;
    const first = 2 * this.#passes++;
    return { querySet: this.#queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  /** The render has ended, and all its passes are submitted. */
  end(): void {
    if (!this.#timing) return;
    this.#timing = false;
    const renders = this.#renders;
    this.#renders = 0;
    if (this.#passes === 0) return;
    const bytes = 2 * this.#passes * TIMESTAMP_BYTES;
    const encoder = this.#device.createCommandEncoder();
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#passes, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    this.#busy = true;
    void this.#read(bytes, renders);
  }

  /** The render failed: what its passes wrote may never run. */
  drop(): void {
    this.#timing = false;
  }

  /** Idempotent. */
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
      // Destroyed, or lost with the device.
      return;
    }
    if (this.#destroyed) return;
    const times = new BigUint64Array(this.#readback.getMappedRange(0, bytes));
    let ns = 0n;
    // A driver may put a pass's end before its beginning (WebGPU, "Timestamp Query"); it counts as nothing.
    for (let at = 0; at < times.length; at += 2) if (times[at + 1]! > times[at]!) ns += times[at + 1]! - times[at]!;
    this.#readback.unmap();
    this.#busy = false;
    this.#onTime(Number(ns) / 1e6, renders);
  }
}
