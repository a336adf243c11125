/** A histogram that counts every sample, in milliseconds. */
interface Counter {
  add(ms: number): void;
}

/** Keeps the newest `size` samples of a measurement, for percentiles. Adding a sample allocates nothing. */
export class Samples {
  readonly #ring: Float64Array;
  readonly #histogram: Counter | undefined;
  #count = 0;

  /** @param options.histogram counts every sample too; the samples must then be milliseconds */
  constructor({ size = 4096, histogram }: { size?: number; histogram?: Counter | undefined } = {}) {
    this.#ring = new Float64Array(size);
    this.#histogram = histogram;
  }

  /** Number of samples added so far, including those no longer kept. */
  get count(): number {
    return this.#count;
  }

  /** The sample that was added last; 0 without samples. */
  get newest(): number {
    return this.#ring[(this.#count - 1) % this.#ring.length] ?? 0;
  }

  add(value: number): void {
    this.#ring[this.#count++ % this.#ring.length] = value;
    this.#histogram?.add(value);
  }

  /** P50, P95, P99 (nearest rank) and maximum of the kept samples, in their unit; zeros if there are none. */
  summary(): { n: number; p50: number; p95: number; p99: number; max: number } {
    const kept = this.#ring.slice(0, Math.min(this.#count, this.#ring.length)).sort();
    const at = (share: number): number => round(kept[Math.max(0, Math.ceil(share * kept.length) - 1)] ?? 0);
    return {
      n: this.#count,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      max: at(1),
    };
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
