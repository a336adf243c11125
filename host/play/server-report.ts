import type { HostReport, ServerState } from '../base/host-report.ts';
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
  return {
    uid,
    game: rooms[0]?.name ?? '',
    state: isServing ? stateOf(all, taken) : 'starting',
    seats: { all, taken, reserved: 0 },
    arrived,
    measures: {},
  };
}

function stateOf(all: number, taken: number): ServerState {
  if (all === 0) return 'ended';
  if (taken >= all) return 'full';
  return taken > 0 ? 'allocated' : 'ready';
}
