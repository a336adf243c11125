import type * as ConstantsModule from 'node-av/constants';
import type * as LibModule from 'node-av/lib';
import { NearlightError } from './errors.ts';

/** FFmpeg's libraries and constants. */
export type Av = typeof LibModule & typeof ConstantsModule;

let loading: Promise<Av> | undefined;

/**
 * Loads FFmpeg's libraries, which takes about 100 ms the first time.
 * @param user the part of the program that needs them, for the message of an error
 * @throws NearlightError NL_ENCODER; the next call tries again
 */
export async function loadFfmpeg(user: string): Promise<Av> {
  loading ??= load();
  try {
    return await loading;
  } catch (cause) {
    loading = undefined;
    const detail = `the ${user}'s library (node-av) could not be loaded (${String(cause)}); run npm install again`;
    throw new NearlightError('NL_ENCODER', detail, { cause });
  }
}

async function load(): Promise<Av> {
  const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
  // FFmpeg would log to stderr. Everything that matters is also returned as an error.
  lib.Log.setLevel(constants.AV_LOG_FATAL);
  return { ...lib, ...constants };
}

/** @throws NearlightError NL_ENCODER if a function of FFmpeg has returned an error */
export function checkFfmpeg(av: Pick<Av, 'FFmpegError'>, code: number, action: string): void {
  if (code < 0) throw new NearlightError('NL_ENCODER', `${action}: ${av.FFmpegError.strerror(code)}`);
}
