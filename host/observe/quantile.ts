import { BUCKETS_MS } from '../base/buckets.ts';

/** Returns the counts of a histogram that came after an earlier look at it, and their sum. */
export function since(newest: Float64Array, oldest: Float64Array): { counts: Float64Array; total: number } {
  const counts = newest.map((count, bucket) => count - (oldest[bucket] ?? 0));
  return { counts, total: counts.reduce((sum, count) => sum + count, 0) };
}

/** Returns the duration of the run number `rank`: linear within a bucket, and the highest bound for what lies above it. */
export function quantileMs(counts: Float64Array, rank: number): number {
  let below = 0;
  for (const [bucket, bound] of BUCKETS_MS.entries()) {
    const count = counts[bucket] ?? 0;
    if (count > 0 && below + count >= rank) {
      const start = BUCKETS_MS[bucket - 1] ?? 0;
      return start + ((bound - start) * (rank - below)) / count;
    }
    below += count;
  }
  return BUCKETS_MS.at(-1) ?? 0;
}
