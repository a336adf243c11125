import type { Config } from '../../base/config.ts';
import type { TrapFrame } from '../../engine/engine.ts';
import type { Saved } from '../../play/tab.ts';
import type { Built, Problem } from './build.ts';

/** Size of the picture in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** Messages from the page to the worker that runs the game. */
export type ToGame =
  /** The first message, sent once. */
  | ({ kind: 'open'; canvas: OffscreenCanvas; config: Config; seed: number } & Size)
  /** Plays a build. It starts from the state `saved`, if there is one. */
  | { kind: 'build'; notice: Built; saved: Saved | undefined }
  | ({ kind: 'size' } & Size)
  /** Messages of the page's input writer. */
  | { kind: 'event'; message: Uint8Array<ArrayBuffer>; sequence: number }
  | { kind: 'state'; message: Uint8Array<ArrayBuffer>; sequence: number }
  /** The worker answers with `pong` at once. */
  | { kind: 'ping' };

/** Why a game has stopped. */
export interface Stop {
  headline: string;
  problems: Problem[];
  /** Call stack of a trap. The server translates it to places in the sources. */
  frames: readonly TrapFrame[];
}

/** Messages from the worker to the page. `id` is that of a build. */
export type FromGame =
  | { kind: 'ready'; gpu: string }
  | { kind: 'no-gpu' }
  | { kind: 'pong' }
  /** The build's own code starts to run. */
  | { kind: 'begun'; id: number }
  /** The build could not be fetched from the server. */
  | { kind: 'missed'; id: number }
  /** The build is running. `state` says whether it continues from the saved state. */
  | { kind: 'opened'; id: number; state: 'kept' | 'refused' | 'none' }
  /** The build's first frame is drawn. */
  | { kind: 'drawn'; id: number }
  | { kind: 'saved'; id: number; saved: Saved }
  | { kind: 'meters'; fps: number; encodeMs: number; replayMs: number }
  | { kind: 'stopped'; id: number; stop: Stop }
  /** The worker's GPU cannot be used any more. */
  | { kind: 'lost' };
