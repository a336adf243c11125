import type { Config } from '../../base/config.ts';
import type { TrapFrame } from '../../engine/engine.ts';
import type { Saved } from '../../play/tab.ts';
import type { Built, Problem } from './build.ts';

/** The size of the picture in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What the page tells the worker that the game runs in. */
export type ToGame =
  /** First of all, once. */
  | ({ kind: 'open'; canvas: OffscreenCanvas; config: Config; seed: number } & Size)
  /** A build to play, from `saved` where that is given. */
  | { kind: 'build'; notice: Built; saved: Saved | undefined }
  | ({ kind: 'size' } & Size)
  /** A message of the page's input writer. */
  | { kind: 'event'; message: Uint8Array<ArrayBuffer>; sequence: number }
  | { kind: 'state'; message: Uint8Array<ArrayBuffer>; sequence: number }
  /** To be answered at once. */
  | { kind: 'ping' };

/** Why a game does not go on. */
export interface Stop {
  headline: string;
  problems: Problem[];
  /** Places that a trap arose in, which the server can name. */
  frames: readonly TrapFrame[];
}

/** What the worker tells the page; `id` is a build's. */
export type FromGame =
  | { kind: 'ready'; gpu: string }
  | { kind: 'no-gpu' }
  | { kind: 'pong' }
  /** The module's code runs from here on. */
  | { kind: 'begun'; id: number }
  /** The server could not be asked for it. */
  | { kind: 'missed'; id: number }
  | { kind: 'opened'; id: number; state: 'kept' | 'refused' | 'none' }
  /** Its first frame is drawn. */
  | { kind: 'drawn'; id: number }
  | { kind: 'saved'; id: number; saved: Saved }
  | { kind: 'meters'; fps: number; encodeMs: number; replayMs: number }
  | { kind: 'stopped'; id: number; stop: Stop }
  /** The worker's GPU is of no more use. */
  | { kind: 'lost' };
