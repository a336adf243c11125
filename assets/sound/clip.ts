import { NearlightError } from '../../host/base/errors.ts';

/** Sound in memory: for each channel the samples, from -1 to 1. All channels have the same length. */
export interface Clip {
  /** Frames per second. */
  readonly rate: number;
  readonly channels: readonly Float32Array[];
}

/** Limits on a sound file. A file that exceeds one is refused with NL_SOUND. */
export const SOUND_LIMITS = {
  fileBytes: 256 * 2 ** 20,
  /** Longest sound, in seconds. */
  seconds: 600,
  rateMin: 1000,
  rateMax: 192_000,
} as const;

/** Refuses a sound file. @throws NearlightError NL_SOUND, always */
export function refuse(why: string, cause?: unknown): never {
  throw new NearlightError('NL_SOUND', why, cause === undefined ? undefined : { cause });
}

/** Checks the rate, the number of channels and the length of a sound. @throws NearlightError NL_SOUND */
export function checkShape({ rate, channels, frames }: { rate: number; channels: number; frames: number }): void {
  const { rateMin, rateMax, seconds } = SOUND_LIMITS;
  if (!(rate >= rateMin && rate <= rateMax))
    refuse(`it has ${rate} frames a second, and ${rateMin} to ${rateMax} are allowed`);
  if (channels !== 1 && channels !== 2) refuse(`it has ${channels} channels; make it mono or stereo`);
  if (frames === 0) refuse('it contains no sound');
  if (frames > rate * seconds) refuse(`it is longer than ${seconds} seconds`);
}
