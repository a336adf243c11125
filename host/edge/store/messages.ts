import type { ErrorCode } from '../../base/errors.ts';
import type { Level } from '../../base/log.ts';
import type { OperationName } from './operations.ts';

/** Everything that the thread needs to open the store. */
export interface ThreadOptions {
  /** Path of the file; undefined to keep the store in memory. */
  path: string | undefined;
  bytesMax: number;
  reserveBytes: number;
}

export interface Request {
  id: number;
  name: OperationName;
  input: object;
}

/** Messages to the store's thread: calls, a look after the disk, a change of how it works, or the end. */
export type ToThread =
  | { kind: 'calls'; calls: Request[] }
  | { kind: 'tend' }
  | { kind: 'full'; isFull: boolean }
  | { kind: 'strict'; isStrict: boolean }
  | { kind: 'close' };

export type Reply = { id: number; output: unknown } | { id: number; code: ErrorCode; detail: string };

/** Counters of the store's thread since it started. */
export interface ThreadFigures {
  commits: number;
  /** Number of kinds of data that the store has given up because the disk is full; GIVEN_UP.length + 1 if it refuses more. */
  givenUp: number;
  /** Number of match results and events that wait for room on the disk. */
  held: number;
  /** Number of files that were damaged and set aside. */
  damaged: number;
  /** Number of rows that were saved from them. */
  salvaged: number;
}

export type FromThread =
  | { kind: 'ready'; figures: ThreadFigures }
  | { kind: 'failed'; code: ErrorCode; detail: string }
  | { kind: 'replies'; to: 'calls' | 'tend'; replies: Reply[]; figures: ThreadFigures; commitMs: number[] }
  | { kind: 'log'; level: Level; message: string }
  | { kind: 'closed'; replies: Reply[] };
