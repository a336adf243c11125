/**
 * The states of a game server. `starting`: its first game is not running yet. `ready`: no one plays or is expected. `allocated`: someone
 * does. `full`: no seat is free. `draining`: it takes no new players, and those who play go on for a while. `ended`: no game runs any more.
 */
export const SERVER_STATES = ['starting', 'ready', 'allocated', 'full', 'draining', 'ended'] as const;
export type ServerState = (typeof SERVER_STATES)[number];

/** Numbers of seats of a game server. */
export interface Seats {
  readonly all: number;
  /** Seats that are not free. */
  readonly taken: number;
  /** Those among the taken ones that wait for a player who has not come yet, such as the holder of a join ticket. */
  readonly reserved: number;
}

/** Facts from which the state of a game server follows. */
export interface ServerFacts {
  readonly isRunning: boolean;
  /** Whether a game is being started, or was never started. */
  readonly isStarting: boolean;
  readonly isDraining: boolean;
  readonly seats: Seats;
}

/** Returns the state of a game server. */
export function stateOf({ isRunning, isStarting, isDraining, seats }: ServerFacts): ServerState {
  if (!isRunning) return isStarting ? 'starting' : 'ended';
  if (isDraining) return 'draining';
  if (seats.taken === 0) return 'ready';
  return seats.taken < seats.all ? 'allocated' : 'full';
}
