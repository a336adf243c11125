import type { HostReport } from '../base/host-report.ts';
import { stateOf } from '../base/lifecycle.ts';
import type { Room } from '../room/room.ts';

/** Describes a host with the games that it runs, for the fleet. */
export function reportOf(options: {
  /** Id of the host's pod. */
  uid: string;
  rooms: readonly Pick<Room, 'name' | 'isClosed' | 'seats' | 'players'>[];
  /** Players who have come with tickets of the fleet, by their reservation. */
  arrived: Readonly<Record<string, number>>;
  /** Whether players can join already, and still. */
  isServing: boolean;
}): HostReport {
  const { uid, rooms, arrived, isServing } = options;
  const open = rooms.filter((room) => !room.isClosed);
  const all = open.reduce((sum, { seats }) => sum + seats, 0);
  const taken = open.reduce((sum, { players }) => sum + players, 0);
  const seats = { all, taken, reserved: 0 };
  return {
    uid,
    game: rooms[0]?.name ?? '',
    state: stateOf({ isRunning: isServing && all > 0, isStarting: !isServing, isDraining: false, seats }),
    seats,
    arrived,
    measures: {},
  };
}
