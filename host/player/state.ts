import type { ReceiverFigures } from './receiver.ts';

/** State of the player's connection to the game, as the page shows it. */
export type PlayerState =
  | { kind: 'idle' }
  /**
   * `attempt` counts attempts to connect, from 1. It is higher if an earlier one failed or the connection was lost.
   * `message` is set if the server asked the page to wait, and says for what.
   */
  | { kind: 'connecting'; attempt: number; message?: string }
  | { kind: 'playing' }
  /** `message` is for the player. `retry` says whether another call of `connect` may succeed. */
  | { kind: 'ended'; code: string; message: string; retry: boolean };

/** Statistics of play in the last ten seconds. NaN where there is no sample yet. */
export type PlayerStats = ReceiverFigures & {
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
