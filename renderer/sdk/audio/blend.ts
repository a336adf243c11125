import { ONE } from './voice';

/** The volume of one sample of 16 bits. */
const SAMPLE: f32 = 1.0 / 32768.0;
const FRACTION: f32 = 1.0 / 16777216.0;

/**
 * Adds `count` frames of a sound with one channel to frames of two f32 at `out`. The volumes of left and right change evenly from
 * the first numbers to the second. Between two samples the value is interpolated.
 */
export function addMono(
  samples: usize,
  end: u64,
  back: u64,
  start: u64,
  step: u64,
  out: usize,
  count: u32,
  left0: f32,
  right0: f32,
  left1: f32,
  right1: f32,
): void {
  let position = start;
  let left = left0 * SAMPLE;
  let right = right0 * SAMPLE;
  const leftStep = ((left1 - left0) * SAMPLE) / <f32>count;
  const rightStep = ((right1 - right0) * SAMPLE) / <f32>count;
  const stop = out + ((<usize>count) << 3);
  for (let at = out; at < stop; at += 8) {
    if (position >= end) {
      if (back === 0) return;
      while (position >= end) position -= back;
    }
    const from = samples + ((<usize>(position >> 32)) << 1);
    const a = <f32>load<i16>(from);
    const b = <f32>load<i16>(from, 2);
    const value = a + (b - a) * (<f32>(<u32>position >> 8) * FRACTION);
    store<f32>(at, load<f32>(at) + value * left);
    store<f32>(at, load<f32>(at, 4) + value * right, 4);
    left += leftStep;
    right += rightStep;
    position += step;
  }
}

/** Adds frames of a sound with two channels, as addMono does. */
export function addStereo(
  samples: usize,
  end: u64,
  back: u64,
  start: u64,
  step: u64,
  out: usize,
  count: u32,
  left0: f32,
  right0: f32,
  left1: f32,
  right1: f32,
): void {
  let position = start;
  let left = left0 * SAMPLE;
  let right = right0 * SAMPLE;
  const leftStep = ((left1 - left0) * SAMPLE) / <f32>count;
  const rightStep = ((right1 - right0) * SAMPLE) / <f32>count;
  const stop = out + ((<usize>count) << 3);
  for (let at = out; at < stop; at += 8) {
    if (position >= end) {
      if (back === 0) return;
      while (position >= end) position -= back;
    }
    const from = samples + ((<usize>(position >> 32)) << 2);
    const part = <f32>(<u32>position >> 8) * FRACTION;
    const a = <f32>load<i16>(from);
    const b = <f32>load<i16>(from, 2);
    store<f32>(at, load<f32>(at) + (a + (<f32>load<i16>(from, 4) - a) * part) * left);
    store<f32>(at, load<f32>(at, 4) + (b + (<f32>load<i16>(from, 6) - b) * part) * right, 4);
    left += leftStep;
    right += rightStep;
    position += step;
  }
}

/**
 * Multiplies `count` frames at `out` by a volume, and rounds off what would be louder than the loudest sample: quiet sound stays
 * as it is, and loud sound is pressed together without a corner.
 */
export function finish(out: usize, count: u32, volume: f32): void {
  const stop = out + ((<usize>count) << 3);
  for (let at = out; at < stop; at += 4) {
    const x = min<f32>(max<f32>(load<f32>(at) * volume, -3), 3);
    // The approximation of tanh by 27 + x^2 and 27 + 9 x^2 is 1 at 3, and flat there.
    store<f32>(at, (x * (27 + x * x)) / (27 + 9 * x * x));
  }
}

/** Returns a speed as a step through a sound: pitch 1 plays `rate` frames a second on a mixer of `mixRate`. */
export function stepOf(pitch: f32, rate: u32, mixRate: u32): u64 {
  const bounded = min<f64>(max<f64>(<f64>pitch, 0.01), 16);
  return <u64>((bounded * <f64>rate * <f64>ONE) / <f64>mixRate);
}
