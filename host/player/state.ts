import type { Tier } from '../base/tiers.ts';
import type { Milli } from '../base/time.ts';
import type { Quality } from './quality.ts';
import type { ReceiverFigures } from './receiver.ts';

/**
 * Why a page that connects is not connected yet. `message` says what it waits for or what went wrong, if that is known. There is a
 * `code` if that lasts until a person changes something; the page then tries again at long intervals. `status` is the HTTP status of
 * an answer that another server than Nearlight's gave.
 */
export type Obstacle = { message?: string; code?: string; status?: number };

/** State of the player's connection to the game, as the page shows it. */
export type PlayerState =
  | { kind: 'idle' }
  /** The page connects for the first time. `attempt` counts from 1. */
  | ({ kind: 'connecting'; attempt: number } & Obstacle)
  /** The page waits for a free seat. It is number `position` in the queue, from 1. */
  | { kind: 'waiting'; position: number }
  | { kind: 'playing' }
  /**
   * The connection was lost and the page connects again. `heldUntil` says until when the player's seat waits, on the clock of
   * performance.now(); undefined if it does not.
   */
  | ({ kind: 'reconnecting'; attempt: number; heldUntil?: Milli } & Obstacle)
  /** The page has stopped for good. `message` is for the player. */
  | { kind: 'ended'; code: string; message: string };

/** How the host treats the page. */
export type TierStats = {
  /**
   * `hot` while the page plays, `warm` while it is hidden, so that the host sends no pictures, and `cold` while the connection is lost
   * and the seat waits. Undefined if the page has no seat.
   */
  tier: Tier | undefined;
  /** Number of presses and messages that the host has left out, because the page sent too many. */
  inputsDropped: number;
};

/** Statistics of play in the last ten seconds. NaN where there is no sample yet. */
export type PlayerStats = ReceiverFigures &
  TierStats & {
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
