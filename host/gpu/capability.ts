import { names } from './decode.ts';

/** Fits what a module gets: a u32. */
const LIMIT_MAX = 2 ** 32 - 1;

/** What a module may ask of its GPU, whose buffers its room bounds: bit n of `features` is the n-th FeatureName, `limits` has each LimitName's value. */
export function capabilities(
  device: GPUDevice,
  { gpuBufferBytesMax = LIMIT_MAX } = {},
): { features: number; limits: number[] } {
  const has = (name: string, bit: number): number => (device.features.has(name as GPUFeatureName) ? 1 << bit : 0);
  const limits = device.limits as unknown as Record<string, number | undefined>;
  return {
    features: names.FeatureName.reduce((bits, name, bit) => bits | has(name, bit), 0),
    limits: names.LimitName.map((name) =>
      Math.min(limits[name] ?? 0, name === 'maxBufferSize' ? gpuBufferBytesMax : LIMIT_MAX),
    ),
  };
}
