/** Upper bounds of the histogram buckets in seconds. Several are the frame times of 120, 60, 50, 30, 20 and 10 Hz. */
export const BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.002, 0.004, 0.0083, 0.0167, 0.02, 0.033, 0.05, 0.1, 0.25, 1,
];

const BOUNDS_MS: readonly number[] = BUCKETS.map((seconds) => seconds * 1000);

/** Counts durations in fixed buckets over the life of the process. Adding a duration allocates no memory. */
export class Histogram {
  /** One count for each bucket, and a last one for durations above every bound. The counts are not cumulative. */
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
    for (const bound of BOUNDS_MS) {
      if (ms <= bound) break;
      bucket++;
    }
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.#sumMs += ms;
    this.#count++;
  }
}
