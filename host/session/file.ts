import { createWriteStream } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import { losses } from '../base/losses.ts';
import { adviceFor } from '../base/system-error.ts';
import { type Recording, readRecording } from './reader.ts';
import type { Sink } from './writer.ts';

/** Size in bytes of the largest recording of a session. Ten busy players fill about a tenth of it in a day. */
export const RECORDING_BYTES_MAX = 2 ** 30;
/** A recording ends when this many of its bytes wait for a slow disk. */
const WAITING_BYTES_MAX = 2 ** 26;

export interface RecordingFileOptions {
  path: string;
  log(level: 'error', message: string): void;
}

/**
 * Creates a file for the recording of a session, and the folders that contain it. Overwrites an existing file. If a write
 * fails later, the reason is logged and the recording ends there.
 * @throws NearlightError NL_RECORDING if the file cannot be created
 */
export async function createRecordingFile({ path, log }: RecordingFileOptions): Promise<Sink> {
  // If a folder cannot be created, opening the file fails with a better reason.
  await mkdir(dirname(path), { recursive: true }).catch(() => {});
  const stream = createWriteStream(path);
  let ended = false;
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (cause) => reject(new NearlightError('NL_RECORDING', reason(path, cause), { cause })));
  });
  /** Ends the recording before the session does. It can be replayed up to here. */
  const end = (why: string): void => {
    if (!ended) log('error', `the recording ends here and can be replayed up to here: ${path} ${why}`);
    ended = true;
    losses.recording++;
  };
  stream.on('error', (cause: NodeJS.ErrnoException) =>
    end(`cannot be written (${cause.code ?? cause}): ${adviceFor(cause.code)}`),
  );
  return {
    write(chunk) {
      bytes += chunk.length;
      if (ended) losses.recording++;
      else if (bytes > RECORDING_BYTES_MAX) end(`has reached ${RECORDING_BYTES_MAX} bytes`);
      else if (stream.writableLength > WAITING_BYTES_MAX)
        end('is on a disk that is too slow for it; record to another disk');
      else stream.write(chunk);
    },
    close: () =>
      new Promise((resolve) => {
        if (stream.closed) resolve();
        else stream.once('close', resolve).end();
      }),
  };
}

/**
 * Returns the path of the recording of a game's n-th session, counted from 0. A game starts a new session each time it is
 * loaded: the first is recorded to `path`, and later ones get `-2`, `-3` and so on before the file's extension.
 */
export function numbered(path: string, session: number): string {
  return session === 0 ? path : path.replace(/(\.\w+)?$/, `-${session + 1}$1`);
}

/** Reads a session's recording. @throws NearlightError NL_RECORDING if the file cannot be read, is too large, or is broken */
export function readRecordingFile(path: string): Promise<Recording> {
  return readFileAs(path, readRecording, RECORDING_BYTES_MAX);
}

/**
 * Reads a file and decodes it with `read`. Errors name the file.
 * @throws NearlightError NL_RECORDING if the file cannot be read or has more than `bytesMax` bytes
 */
export async function readFileAs<T>(path: string, read: (bytes: Uint8Array) => T, bytesMax: number): Promise<T> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax)
      throw new NearlightError(
        'NL_RECORDING',
        `the file has ${size} bytes, more than the ${bytesMax} that can be read`,
      );
    return read(await readFile(path));
  } catch (cause) {
    if (cause instanceof NearlightError) throw new NearlightError(cause.code, `${path}: ${cause.detail}`, { cause });
    throw new NearlightError('NL_RECORDING', reason(path, cause), { cause });
  }
}

function reason(path: string, cause: unknown): string {
  return `${path}: ${(cause as NodeJS.ErrnoException).code ?? cause}`;
}
