import { MEASURE_NAMES, type MeasureName, type Measures } from '../../base/measures.ts';

/** The newest report of one game server, as far as scaling needs it. Times are milliseconds since 1970. */
export interface ObservedServer {
  readonly state: 'starting' | 'ready' | 'allocated' | 'full' | 'draining' | 'ended';
  readonly seats: { readonly all: number; readonly taken: number; readonly reserved: number };
  readonly measures: Measures;
  /** When the newest report came; undefined if none has come yet. */
  readonly at: number | undefined;
}

/** The load of all servers of a game at one time. */
export interface Load {
  /** Servers that exist and have not ended. */
  readonly servers: number;
  /** Servers that must not be removed: with players, with reservations, or without a fresh report. */
  readonly occupied: number;
  /** Servers with a fresh report that have players. */
  readonly active: number;
  /** Servers of which no fresh report has come. Each counts as full and as busy as before, or as its target, if that is more. */
  readonly unknown: number;
  /** Servers that run and let no one in. */
  readonly draining: number;
  /** Players who wait for a seat anywhere. Those who wait at a server are its measure `queue`. */
  readonly waiting: number;
  /** Seats of the servers that let players in or start, how many of them are taken or reserved, and the largest number in one server. */
  readonly seats: { readonly all: number; readonly used: number; readonly largest: number };
  /** For each measure: the sum over the servers that have it, their number, and the sum over those without a fresh report. */
  readonly sums: Readonly<Record<MeasureName, MeasureSum>>;
}

export interface MeasureSum {
  readonly sum: number;
  readonly servers: number;
  /** Last known values of the servers without a fresh report. */
  readonly lastKnown: readonly number[];
}

/**
 * Adds up what is known of the servers of a game.
 * @param options.staleMs age from which a report says nothing
 * @param options.waiting number of players who wait for a seat anywhere
 */
export function addUp(
  servers: Iterable<ObservedServer>,
  { now, staleMs, waiting = 0 }: { now: number; staleMs: number; waiting?: number | undefined },
): Load {
  const count = { servers: 0, occupied: 0, active: 0, unknown: 0, draining: 0 };
  const seats = { all: 0, used: 0, largest: 0 };
  const sums = Object.fromEntries(
    MEASURE_NAMES.map((name) => [name, { sum: 0, servers: 0, lastKnown: [] }]),
  ) as never as Record<MeasureName, { sum: number; servers: number; lastKnown: number[] }>;
  for (const server of servers) {
    if (server.state === 'ended') continue;
    count.servers++;
    const { all, taken, reserved } = server.seats;
    const isFresh = isKnown(server, now, staleMs);
    const isUsed = taken + reserved > 0;
    if (!isFresh) count.unknown++;
    if (!isFresh || isUsed) count.occupied++;
    if (isFresh && isUsed) count.active++;
    seats.largest = Math.max(seats.largest, all);
    // Those who play on a draining server need no seat elsewhere, and its free seats are of no use.
    if (server.state === 'draining') count.draining++;
    else {
      seats.all += all;
      seats.used += isFresh ? taken + reserved : all;
    }
    // A server has few of the measures, and a fleet has many servers.
    for (const key in server.measures) {
      const name = key as MeasureName;
      const value = server.measures[name];
      if (value === undefined) continue;
      const entry = sums[name];
      if (!isFresh) entry.lastKnown.push(value);
      else if (isUsed || name === 'queue') {
        entry.sum += value;
        entry.servers++;
      }
    }
  }
  return { ...count, waiting, seats, sums };
}

/** Whether a server's report is fresh. A server that starts has not reported yet, and has no players. */
function isKnown({ state, at }: ObservedServer, now: number, staleMs: number): boolean {
  if (at === undefined) return state === 'starting';
  // A report from the future comes from a clock that was set back since.
  return now - at <= staleMs && at - now <= staleMs;
}
