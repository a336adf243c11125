import { MEASURE_NAMES, type MeasureName } from '../../base/measures.ts';
import type { Load } from './load.ts';
import type { ScalePolicy } from './policy.ts';
import { floorAt } from './schedule.ts';

/** A reason for a number of servers: a measure with a target, or a rule of the policy. */
export type Reason = MeasureName | 'seats' | 'schedule' | 'players' | 'min' | 'max' | 'no data';

export interface Demand {
  readonly servers: number;
  /** The measure or rule that asks for this number. */
  readonly reason: Reason;
}

/**
 * Returns how many servers the load and the schedule ask for now. The greatest demand wins, and a server with players is never one too
 * many, whatever the largest number is.
 * @param now milliseconds since 1970
 */
export function demandOf(policy: ScalePolicy, load: Load, now: number): Demand {
  const wishes: Demand[] = [
    { servers: policy.min, reason: 'min' },
    { servers: floorAt(policy.schedule, now), reason: 'schedule' },
    { servers: serversForSeats(policy, load), reason: 'seats' },
    ...MEASURE_NAMES.flatMap((name) => {
      const target = policy.targets[name];
      return target === undefined ? [] : [{ servers: serversFor(name, target, load), reason: name }];
    }),
  ];
  const greatest = wishes.reduce((most, wish) => (wish.servers > most.servers ? wish : most));
  const bounded = greatest.servers > policy.max ? { servers: policy.max, reason: 'max' as const } : greatest;
  return load.occupied > bounded.servers ? { servers: load.occupied, reason: 'players' } : bounded;
}

/** Returns how many servers have all used seats and the free ones of the buffer. */
function serversForSeats({ buffer, seatsPerServer }: ScalePolicy, { seats, sums, draining, waiting }: Load): number {
  const used = seats.used + sums.queue.sum + waiting;
  const free = Math.max(buffer.seats, (buffer.percent / 100) * used);
  return draining + Math.ceil((used + free) / Math.max(1, seats.largest || seatsPerServer));
}

/**
 * Returns how many servers more than were needed stay when servers are removed. Players come and go by chance, so their number varies by
 * its square root (Poisson). Without these servers a small fleet would remove one and need it again.
 */
export function spareOf({ seatsPerServer }: ScalePolicy, { seats }: Load): number {
  return Math.ceil((2 * Math.sqrt(seats.used)) / Math.max(1, seats.largest || seatsPerServer));
}

/**
 * Returns how many servers bring a measure to its target. A busy server counts as several, of which the others take those who come: more
 * servers relieve none that are busy already. Empty ones do not count, so the demand cannot feed itself.
 */
function serversFor(name: MeasureName, target: number, { sums, unknown }: Load): number {
  const { sum, lastKnown } = sums[name];
  // A server that says nothing may be as busy as before or busier, but not idle.
  const silent = lastKnown.reduce((total, value) => total + Math.max(value, target), 0);
  const neverHeard = Math.max(0, unknown - lastKnown.length) * target;
  return Math.ceil((sum + silent + neverHeard) / target);
}
