import type { Config } from '../../base/config.ts';
import type { Notice } from '../../base/protocol.ts';
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
  /** Opens the GPU. It is the first message to the worker, and is sent once. */
  | ({ kind: 'open'; canvas: OffscreenCanvas; config: Config; seed: number } & Size)
  /** Plays a build of the game, from the state `saved` if there is one. */
  | { kind: 'build'; notice: Built; saved: Saved | undefined }
  | ({ kind: 'size' } & Size)
  /** The player's input, as messages of the page's input writer. */
  | { kind: 'event'; message: Uint8Array<ArrayBuffer>; sequence: number }
  | { kind: 'state'; message: Uint8Array<ArrayBuffer>; sequence: number }
  /** Asks whether the worker still responds. It answers with `pong` at once. */
  | { kind: 'ping' };

/** Why a game has stopped. */
export interface Stop {
  headline: string;
  problems: Problem[];
  /** Call stack of the module's trap. The server translates it to places in the sources. */
  frames: readonly TrapFrame[];
}

/** Messages to the page from the worker that runs the game. `id` is that of a build of the game. */
export type FromGame =
  | { kind: 'ready'; gpu: string }
  | { kind: 'no-gpu' }
  | { kind: 'pong' }
  /** The worker starts to run the code of this build. */
  | { kind: 'begun'; id: number }
  /** The worker could not fetch this build from the server. */
  | { kind: 'missed'; id: number }
  /** This build of the game is running. `state` says whether it continues from the saved state. */
  | { kind: 'opened'; id: number; state: 'kept' | 'refused' | 'none' }
  /** The GPU has drawn the first frame of this build. */
  | { kind: 'drawn'; id: number }
  | { kind: 'saved'; id: number; saved: Saved }
  /** The game asks something of the player, or no longer does. */
  | { kind: 'notice'; notice: Notice }
  /** The sound of a tick. */
  | { kind: 'sound'; samples: Float32Array<ArrayBuffer> }
  | { kind: 'meters'; fps: number; encodeMs: number; replayMs: number }
  | { kind: 'stopped'; id: number; stop: Stop }
  /** The worker's GPU cannot be used any more. */
  | { kind: 'lost' };
