import type { Milli } from '../base/time.ts';
import type { Quality } from './quality.ts';
import type { ReceiverFigures } from './receiver.ts';

/** State of the player's connection to the game, as the page shows it. */
export type PlayerState =
  | { kind: 'idle' }
  /** The page connects for the first time. `attempt` counts from 1. `message` says what the page waits for, if it waits. */
  | { kind: 'connecting'; attempt: number; message?: string }
  /** The page waits for a free seat. It is number `position` in the queue, from 1. */
  | { kind: 'waiting'; position: number }
  | { kind: 'playing' }
  /**
   * The connection was lost and the page connects again. `heldUntil` says until when the player's seat waits, on the clock of
   * performance.now(); undefined if it does not. `message` says what went wrong, if the server said so.
   */
  | { kind: 'reconnecting'; attempt: number; heldUntil?: Milli; message?: string }
  /** The page has stopped for good. `message` is for the player. */
  | { kind: 'ended'; code: string; message: string };

/** Statistics of play in the last ten seconds. NaN where there is no sample yet. */
export type PlayerStats = ReceiverFigures & {
  /** How well the network carries the game. */
  quality: Quality;
  /** Milliseconds from sending an input to the video callback of the first picture that contains it. */
  latencyP50: number;
  latencyP99: number;
  /** Milliseconds from sending a ping to its answer. */
  rtt: number;
  /** Milliseconds that the server takes from reading an input to sending its picture. */
  serverP50: number;
  /** Size of the received picture in pixels. */
  width: number;
  height: number;
  /** Number of pictures shown since the connection began. */
  framesShown: number;
};
