/** Upper bounds of the buckets in seconds: around the frame times of 120, 60, 50, 30, 20 and 10 Hz, and on both sides. */
export const BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.002, 0.004, 0.0083, 0.0167, 0.02, 0.033, 0.05, 0.1, 0.25, 1,
];

const boundsMs = Float64Array.from(BUCKETS, (seconds) => seconds * 1000);

/** Counts durations in fixed buckets, for as long as the process lives. Adding allocates nothing. */
export class Histogram {
  /** How many fell into each bucket and into no lower one; the last entry is for those above every bound. */
  readonly counts = new Float64Array(BUCKETS.length + 1);
  #sumMs = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get sumSeconds(): number {
    return this.#sumMs / 1000;
  }

  add(ms: number): void {
    let bucket = 0;
    while (bucket < boundsMs.length && ms > boundsMs[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.#sumMs += ms;
    this.#count++;
  }
}
