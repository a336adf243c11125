import { BUCKETS, bucketOf } from '../base/buckets.ts';

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
    const bucket = bucketOf(ms);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.#sumMs += ms;
    this.#count++;
  }

  /** Adds durations that were counted elsewhere. @param counts one count for each bucket, as in `counts` */
  merge(counts: ArrayLike<number>, sumMs: number): void {
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      const count = counts[bucket] ?? 0;
      this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    this.#sumMs += sumMs;
  }
}
