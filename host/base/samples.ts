/** Counts every sample, in milliseconds. */
interface Counter {
  add(ms: number): void;
}

/** The newest `size` samples of a duration or another figure, for percentiles. Adding allocates nothing. */
export class Samples {
  readonly #ring: Float64Array;
  readonly #histogram: Counter | undefined;
  #count = 0;

  /** @param options.histogram also counts every sample, and outlives these; the samples are milliseconds then */
  constructor({ size = 4096, histogram }: { size?: number; histogram?: Counter | undefined } = {}) {
    this.#ring = new Float64Array(size);
    this.#histogram = histogram;
  }

  /** Samples added since the beginning. */
  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    this.#ring[this.#count++ % this.#ring.length] = value;
    this.#histogram?.add(value);
  }

  /** P50, P95 and P99 by nearest rank over what is kept, in the samples' unit; zeros without samples. */
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
