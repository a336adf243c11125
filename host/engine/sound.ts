import { CHANNELS } from '../base/sound.ts';
import type { Listening } from './engine.ts';

/** Number of samples that a module mixes in a tick for all seats that listen; 0 if none does. */
export function soundLength(listening: Listening | undefined): number {
  return listening === undefined ? 0 : listening.seats.length * listening.frames * CHANNELS;
}

/**
 * Copies samples that a module has mixed, and makes them harmless: a NaN becomes 0, and what lies outside -1 to 1 is clipped.
 * Bits of a NaN differ between engines, so this also makes the samples the same on all of them.
 * @param target has at least the length of `source`
 */
export function copySamples(source: Float32Array, target: Float32Array): void {
  const count = source.length;
  for (let n = 0; n < count; n++) {
    const sample = source[n] as number;
    // A comparison with NaN is false.
    target[n] = sample > 1 ? 1 : sample >= -1 ? sample : sample < -1 ? -1 : 0;
  }
}

/** Says what is wrong with the address of samples that `audio` returned; undefined if nothing is. */
export function soundProblem(address: number, bytes: number, memoryBytes: number): string | undefined {
  if (address % 4 !== 0) return 'audio returned an address that is not a multiple of 4';
  if (address + bytes > memoryBytes) return 'the frames that audio returned lie outside linear memory';
  return undefined;
}
