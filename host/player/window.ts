import type { Milli } from '../base/time.ts';

/** Computes percentiles of the last seconds' samples. Adding one allocates nothing, and a percentile only one array view. */
export class SampleWindow {
  readonly #spanMs: number;
  readonly #values: Float64Array;
  readonly #times: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;

  /** Keeps at most `capacity` samples, and ignores those older than `spanMs`. */
  constructor({ capacity = 1024, spanMs = 10_000 } = {}) {
    this.#spanMs = spanMs;
    this.#values = new Float64Array(capacity);
    this.#times = new Float64Array(capacity);
    this.#sorted = new Float64Array(capacity);
  }

  /** Adds a sample. `now` must never decrease from call to call. */
  add(value: number, now: Milli): void {
    const slot = this.#count++ % this.#values.length;
    this.#values[slot] = value;
    this.#times[slot] = now;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Returns the percentile by nearest rank; `fraction` is 0 to 1. NaN if there is no recent sample. */
  percentile(fraction: number, now: Milli): number {
    const capacity = this.#values.length;
    const kept = Math.min(this.#count, capacity);
    let recent = 0;
    for (let i = 1; i <= kept; i++) {
      const slot = (this.#count - i) % capacity;
      if (now - (this.#times[slot] ?? 0) > this.#spanMs) break;
      this.#sorted[recent++] = this.#values[slot] ?? 0;
    }
    const sorted = this.#sorted.subarray(0, recent).sort();
    return sorted[Math.max(0, Math.ceil(fraction * recent) - 1)] ?? Number.NaN;
  }
}
