/** The newest samples of a quantity, for percentiles over a recent time. Nothing is allocated after construction but a view a reading. */
export class SampleWindow {
  readonly #spanMs: number;
  readonly #values: Float64Array;
  readonly #times: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;

  /** Keeps the newest `capacity` samples; those older than `spanMs` no longer count. */
  constructor({ capacity = 1024, spanMs = 10_000 } = {}) {
    this.#spanMs = spanMs;
    this.#values = new Float64Array(capacity);
    this.#times = new Float64Array(capacity);
    this.#sorted = new Float64Array(capacity);
  }

  /** `now` in milliseconds, never falling. */
  add(value: number, now: number): void {
    const slot = this.#count++ % this.#values.length;
    this.#values[slot] = value;
    this.#times[slot] = now;
  }

  clear(): void {
    this.#count = 0;
  }

  /** The value that a share `fraction` (0 to 1) of the recent samples does not exceed (nearest rank); NaN where there is none. */
  percentile(fraction: number, now: number): number {
    const capacity = this.#values.length;
    const kept = Math.min(this.#count, capacity);
    let recent = 0;
    for (let i = 1; i <= kept; i++) {
      const slot = (this.#count - i) % capacity;
      if (now - this.#times[slot]! > this.#spanMs) break;
      this.#sorted[recent++] = this.#values[slot]!;
    }
    if (recent === 0) return Number.NaN;
    const sorted = this.#sorted.subarray(0, recent).sort();
    return sorted[Math.max(0, Math.ceil(fraction * recent) - 1)]!;
  }
}
