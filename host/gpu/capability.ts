import { ENUMS } from './decode.ts';

/** The highest value of a GPU limit that a module can read, because it gets limits as u32. */
const LIMIT_MAX = 2 ** 32 - 1;

/**
 * The GPU features and limits that a module can query: bit n of `features` is the n-th FeatureName, and `limits` has the value
 * of each LimitName. The host's own limit lowers maxBufferSize.
 */
export function capabilities(
  device: GPUDevice,
  { gpuBufferBytesMax = LIMIT_MAX } = {},
): { features: number; limits: number[] } {
  const has = (name: string, bit: number): number => (device.features.has(name as GPUFeatureName) ? 1 << bit : 0);
  const limits = device.limits as unknown as Record<string, number | undefined>;
  return {
    features: ENUMS.FeatureName.reduce((bits, name, bit) => bits | has(name, bit), 0),
    limits: ENUMS.LimitName.map((name) =>
      Math.min(limits[name] ?? 0, name === 'maxBufferSize' ? gpuBufferBytesMax : LIMIT_MAX),
    ),
  };
}
