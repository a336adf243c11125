/** Upper bounds of histogram buckets in seconds. Several are the frame times of 120, 60, 50, 40, 30, 20 and 10 Hz. */
export const BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.002, 0.004, 0.0083, 0.0167, 0.02, 0.025, 0.033, 0.042, 0.05, 0.07, 0.1, 0.25, 1,
];

/** The same in milliseconds. */
export const BUCKETS_MS: readonly number[] = BUCKETS.map((seconds) => seconds * 1000);

/** Returns the bucket of a duration: the first whose bound is not below it, or BUCKETS.length if it exceeds every bound. */
export function bucketOf(ms: number): number {
  let bucket = 0;
  for (const bound of BUCKETS_MS) {
    if (ms <= bound) break;
    bucket++;
  }
  return bucket;
}
