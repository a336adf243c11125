import { type Demand, demandOf, type Reason, spareOf } from './demand.ts';
import type { Load } from './load.ts';
import type { Direction, RateLimit, ScalePolicy } from './policy.ts';
import { floorAt } from './schedule.ts';

/** Parts of a window. A history keeps one wish for each of them, so that it is small, however often someone decides. */
const PARTS = 128;

/** The least and the greatest demand in a part of a window, in servers. */
interface Wish {
  /** Time of the newest. */
  readonly at: number;
  readonly least: number;
  readonly most: number;
}

interface Change {
  readonly at: number;
  /** Number of servers before the change, and by how many it changed. */
  readonly from: number;
  readonly by: number;
}

/** The part of the past that a decision has to know. Begin with EMPTY_HISTORY. */
export interface History {
  readonly wishes: readonly Wish[];
  /**
   * Changes of the number of servers as they were seen. A decision need not have become one: the HPA controller leaves small differences
   * alone.
   */
  readonly changes: readonly Change[];
  /** Number of servers at the last decision; undefined before the first. */
  readonly current?: number | undefined;
}

export const EMPTY_HISTORY: History = { wishes: [], changes: [] };

export interface Situation {
  /** The load now; undefined if nothing is known of it. */
  readonly load: Load | undefined;
  /** Number of servers that are wanted now, as the Deployment or the GameServerSet says. */
  readonly current: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly history: History;
}

export interface Decision {
  /** Number of servers from now on. */
  readonly servers: number;
  /** The reason for the greatest number now. */
  readonly reason: Reason;
  readonly history: History;
}

/**
 * Decides how many servers a game has. It is a pure function, so the caller keeps the history. Without data the number does not fall, and
 * it never falls below the number of servers with players.
 */
export function decide(policy: ScalePolicy, { load, current, now, history }: Situation): Decision {
  const demand = load ? demandOf(policy, load, now) : withoutData(policy, current, now);
  const wishes = withWish(history.wishes, { policy, now, servers: demand.servers, current });
  const among = (windowMs: number) => wishes.filter(({ at }) => now - at <= windowMs);
  const { up, down } = policy;
  const least = up.stabiliseMs === 0 ? demand.servers : Math.min(...among(up.stabiliseMs).map((wish) => wish.least));
  const most = Math.max(...among(down.stabiliseMs).map((wish) => wish.most)) + (load ? spareOf(policy, load) : 0);
  const changes = history.changes.filter(({ at }) => at <= now && now - at < longestPeriod(policy));
  const { current: from = current } = history;
  if (current !== from) changes.push({ at: now, from, by: current - from });
  const past = { changes, current, now };
  const servers =
    least > current
      ? Math.min(least, current + allowance(up, { ...past, sign: 1 }))
      : Math.min(
          current,
          Math.max(most, leastKept(policy, load, current), current - allowance(down, { ...past, sign: -1 })),
        );
  return { servers, reason: demand.reason, history: { wishes, changes, current } };
}

/** Returns the number below which the servers must not fall now: those with players, or all if too little is known. */
function leastKept(policy: ScalePolicy, load: Load | undefined, current: number): number {
  return load && isKnownEnough(policy, load) ? load.occupied : current;
}

function withoutData({ schedule, max }: ScalePolicy, current: number, now: number): Demand {
  const floor = Math.min(floorAt(schedule, now), max);
  return floor > current ? { servers: floor, reason: 'schedule' } : { servers: current, reason: 'no data' };
}

function isKnownEnough({ unknownPercentMax }: ScalePolicy, { unknown, servers }: Load): boolean {
  return unknown * 100 <= unknownPercentMax * servers;
}

/** Adds a wish, and forgets those that no window reaches. Wishes of the same part of the window are joined. */
function withWish(
  wishes: readonly Wish[],
  { policy, now, servers, current }: { policy: ScalePolicy; now: number; servers: number; current: number },
): Wish[] {
  const windowMs = Math.max(policy.up.stabiliseMs, policy.down.stabiliseMs);
  const partOf = (at: number) => Math.floor((at * PARTS) / Math.max(1, windowMs));
  // A clock that is set back leaves wishes in the future, which would never pass.
  const kept = wishes.filter(({ at }) => at <= now && now - at <= windowMs);
  // A fleet that begins here, such as that of a new leader, may have needed all its servers a moment ago.
  if (kept.length === 0) kept.push({ at: now - 1, least: servers, most: Math.max(servers, current) });
  const newest = kept.at(-1);
  if (!newest || partOf(newest.at) !== partOf(now)) return [...kept, { at: now, least: servers, most: servers }];
  const [least, most] = [Math.min(newest.least, servers), Math.max(newest.most, servers)];
  return [...kept.slice(0, -1), { at: now, least, most }];
}

interface Past {
  readonly changes: readonly Change[];
  readonly current: number;
  readonly now: number;
  readonly sign: 1 | -1;
}

/** Returns by how many servers the number may change in a direction now. */
function allowance({ limits }: Direction, past: Past): number {
  return Math.min(Number.POSITIVE_INFINITY, ...limits.map((limit) => leftOf(limit, past)));
}

function leftOf({ servers = 0, percent = 0, periodMs }: RateLimit, { changes, current, now, sign }: Past): number {
  const recent = changes.filter(({ at, by }) => now - at < periodMs && Math.sign(by) === sign);
  const before = recent[0]?.from ?? current;
  const spent = recent.reduce((sum, { by }) => sum + Math.abs(by), 0);
  // At least one, or a small fleet could never grow by a percentage.
  return Math.max(0, Math.max(1, servers, Math.floor((percent / 100) * before)) - spent);
}

function longestPeriod({ up, down }: ScalePolicy): number {
  return Math.max(0, ...[...up.limits, ...down.limits].map(({ periodMs }) => periodMs));
}
