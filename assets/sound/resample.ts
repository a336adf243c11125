import { must } from '../../host/base/assert.ts';
import type { Clip } from './clip.ts';

/** Number of zero crossings of the filter on each side, counted at the lower of the two rates. */
const CROSSINGS = 16;
/** Positions between two frames for which the filter is computed. */
const PHASES = 512;
/** Shape of the Kaiser window: frequencies that the new rate cannot hold are attenuated by about 80 dB. */
const BETA = 8;

/** Returns a sound with another number of frames a second, by a windowed sinc. Both rates are whole numbers. */
export function resample({ rate, channels }: Clip, to: number): Clip {
  if (rate === to) return { rate, channels };
  const scale = Math.min(1, to / rate);
  const reach = Math.ceil(CROSSINGS / scale);
  const filter = createFilter(scale, reach);
  const frames = Math.max(1, Math.round(((channels[0]?.length ?? 0) * to) / rate));
  return {
    rate: to,
    channels: channels.map((source) => {
      const target = new Float32Array(frames);
      for (let n = 0; n < frames; n++) {
        // The position in the source, exactly: whole frames, and the phase between two of them.
        const whole = Math.floor((n * rate) / to);
        const phase = Math.round((((n * rate) % to) / to) * PHASES);
        let sum = 0;
        for (let tap = -reach + 1; tap <= reach; tap++)
          sum += (source[whole + tap] ?? 0) * must(filter[phase * 2 * reach + tap + reach - 1], 'weight');
        target[n] = sum;
      }
      return target;
    }),
  };
}

/** Computes the weights of the 2 * reach frames around a position, for each phase from 0 to PHASES. */
function createFilter(scale: number, reach: number): Float64Array {
  const filter = new Float64Array((PHASES + 1) * 2 * reach);
  const whole = bessel(BETA);
  for (let phase = 0; phase <= PHASES; phase++) {
    const start = phase * 2 * reach;
    let sum = 0;
    for (let tap = 0; tap < 2 * reach; tap++) {
      const distance = tap - reach + 1 - phase / PHASES;
      const part = distance / reach;
      const window = Math.abs(part) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - part * part)) / whole;
      const angle = Math.PI * distance * scale;
      const weight = (angle === 0 ? 1 : Math.sin(angle) / angle) * window;
      filter[start + tap] = weight;
      sum += weight;
    }
    // Weights that add up to 1 keep a constant as it is.
    for (let tap = 0; tap < 2 * reach; tap++) filter[start + tap] = must(filter[start + tap], 'weight') / sum;
  }
  return filter;
}

/** The modified Bessel function of the first kind and order 0. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-12; n++) {
    term *= (x / 2 / n) ** 2;
    sum += term;
  }
  return sum;
}
