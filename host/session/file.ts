import { createWriteStream } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import { type Recording, readRecording } from './reader.ts';
import type { Sink } from './writer.ts';

/** A day of ten busy players is about a tenth of it. */
export const RECORDING_BYTES_MAX = 2 ** 30;

export interface RecordingFileOptions {
  path: string;
  log(level: 'error', message: string): void;
}

/**
 * Makes or empties a file, and the folders that it lies in, and writes a recording into it. Where that fails the reason is logged, and the recording ends there.
 * @throws NearlightError NL_RECORDING where the file cannot be opened
 */
export async function createRecordingFile({ path, log }: RecordingFileOptions): Promise<Sink> {
  // Where no folder can be, the file says why.
  await mkdir(dirname(path), { recursive: true }).catch(() => {});
  const stream = createWriteStream(path);
  let failed = false;
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (cause) => reject(new NearlightError('NL_RECORDING', said(path, cause), { cause })));
  });
  stream.on('error', (cause) => {
    failed = true;
    log('error', `the recording ends here: ${said(path, cause)}`);
  });
  return {
    write(chunk) {
      if (failed || bytes > RECORDING_BYTES_MAX) return;
      bytes += chunk.length;
      if (bytes <= RECORDING_BYTES_MAX) stream.write(chunk);
      else log('error', `the recording ends here: ${path} would be larger than ${RECORDING_BYTES_MAX} bytes`);
    },
    close: () => new Promise((resolve) => (failed ? resolve() : stream.end(() => resolve()))),
  };
}

/** The file of a game's n-th session, from 0: `path`, then `path-2` and so on before its ending, as a game is loaded anew. */
export function numbered(path: string, session: number): string {
  return session === 0 ? path : path.replace(/(\.\w+)?$/, `-${session + 1}$1`);
}

/** @throws NearlightError NL_RECORDING where the file cannot be read, is too large, or broken */
export function readRecordingFile(path: string): Promise<Recording> {
  return readFileAs(path, readRecording, RECORDING_BYTES_MAX);
}

/**
 * What `read` makes of a file's bytes; what it throws names the file.
 * @throws NearlightError NL_RECORDING where the file cannot be read or has more than `bytesMax` bytes
 */
export async function readFileAs<T>(path: string, read: (bytes: Uint8Array) => T, bytesMax: number): Promise<T> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax) throw new NearlightError('NL_RECORDING', `it has ${size} bytes, and ${bytesMax} are the most`);
    return read(await readFile(path));
  } catch (cause) {
    if (cause instanceof NearlightError) throw new NearlightError(cause.code, `${path}: ${cause.detail}`, { cause });
    throw new NearlightError('NL_RECORDING', said(path, cause), { cause });
  }
}

function said(path: string, cause: unknown): string {
  return `${path}: ${(cause as NodeJS.ErrnoException).code ?? cause}`;
}
