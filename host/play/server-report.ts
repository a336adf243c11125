import type { HostReport } from '../base/host-report.ts';
import { type Seats, type ServerState, stateOf } from '../base/lifecycle.ts';
import type { Measures } from '../base/measures.ts';
import type { Room } from '../room/room.ts';

/** The state of a host as a game server, and its seats. */
export interface Lifecycle {
  readonly state: ServerState;
  readonly seats: Seats;
}

type OpenRoom = Pick<Room, 'isClosed' | 'seats' | 'players'>;

const NO_SEATS: Seats = { all: 0, taken: 0, reserved: 0 };

/** Describes a host with the games that it runs, for the fleet. */
export function reportOf(options: {
  /** Id of the host's pod. */
  uid: string;
  rooms: readonly Pick<Room, 'name'>[];
  /** undefined while players cannot join yet. */
  lifecycle: Lifecycle | undefined;
  /** Players who have come with tickets of the fleet, by their reservation. */
  arrived: Readonly<Record<string, number>>;
  /** The load of the host; undefined before it serves players. */
  measures?: Measures | undefined;
}): HostReport {
  const { uid, rooms, lifecycle, arrived, measures = {} } = options;
  const { state, seats } = lifecycle ?? { state: 'starting', seats: NO_SEATS };
  // A measure that is not known has no entry in JSON.
  const known = measures as Readonly<Record<string, number>>;
  return { uid, game: rooms[0]?.name ?? '', state, seats, arrived, measures: known };
}

/** Returns the state of a host that serves players in some rooms. */
export function lifecycleOf(
  rooms: readonly OpenRoom[],
  options: {
    /** Whether a game is being started; by default none is. */
    isStarting?: boolean | undefined;
    isDraining?: boolean;
    isClosing?: boolean;
    /** Number of seats that wait for players who have not come yet. */
    reserved?: number;
  } = {},
): Lifecycle {
  const { isStarting = false, isDraining = false, isClosing = false, reserved = 0 } = options;
  const open = rooms.filter((room) => !room.isClosed);
  const sum = (count: (room: OpenRoom) => number) => open.reduce((total, room) => total + count(room), 0);
  const seats = { all: sum((room) => room.seats), taken: sum((room) => room.players), reserved };
  const isRunning = open.length > 0 && !isClosing;
  return { state: stateOf({ isRunning, isStarting: isStarting && !isClosing, isDraining, seats }), seats };
}
