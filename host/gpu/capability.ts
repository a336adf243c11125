import { ENUMS } from './decode.ts';

/** The highest value of a GPU limit that a module can read, because it gets limits as u32. */
const LIMIT_MAX = 2 ** 32 - 1;

const TIMESTAMP_BIT = 1 << ENUMS.FeatureName.indexOf('timestamp-query');

/**
 * The GPU features and limits that a module can query: bit n of `features` is the n-th FeatureName, and `limits` has the value
 * of each LimitName. The host's own limit lowers maxBufferSize. Timestamps are a clock, so `gpuTimestamps` must allow them.
 */
export function capabilities(
  device: GPUDevice,
  { gpuBufferBytesMax = LIMIT_MAX, gpuTimestamps = false } = {},
): { features: number; limits: number[] } {
  const has = (name: string, bit: number): number => (device.features.has(name as GPUFeatureName) ? 1 << bit : 0);
  const features = ENUMS.FeatureName.reduce((bits, name, bit) => bits | has(name, bit), 0);
  const limits = device.limits as unknown as Record<string, number | undefined>;
  return {
    features: gpuTimestamps ? features : features & ~TIMESTAMP_BIT,
    limits: ENUMS.LimitName.map((name) =>
      Math.min(limits[name] ?? 0, name === 'maxBufferSize' ? gpuBufferBytesMax : LIMIT_MAX),
    ),
  };
}

/** Whether a module that was offered these features may create timestamp queries. @param features as in capabilities() */
export function offersTimestamps({ features }: { features: number }): boolean {
  return (features & TIMESTAMP_BIT) !== 0;
}
