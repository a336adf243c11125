import { type Milli, milli } from '../base/time.ts';

/** When a container was requested, and how long afterwards each phase of its start was complete. */
export interface ColdStart {
  /** When containerd requested the container, as performance.now() counts time. */
  createdAt: Milli;
  loadedMs?: Milli;
  firstTickMs?: Milli;
  /** Time from the request until players could join. */
  readyMs?: Milli;
  /** Time from the request until a picture was sent to a player. */
  firstFrameMs?: Milli;
}

/** Returns the time since containerd requested the container. */
export function sinceRequest({ createdAt }: ColdStart): Milli {
  return milli(performance.now() - createdAt);
}

/**
 * Returns how long after the request each completed phase of a container's start ended, in seconds, by its name in the metrics.
 */
export function phaseSeconds(start: ColdStart | undefined): Record<string, number> {
  const { loadedMs, firstTickMs, readyMs, firstFrameMs } = start ?? {};
  const all = Object.entries({ loaded: loadedMs, first_tick: firstTickMs, ready: readyMs, first_frame: firstFrameMs });
  return Object.fromEntries(all.flatMap(([phase, ms]) => (ms === undefined ? [] : [[phase, ms / 1000]])));
}

/** Returns a copy for readers outside this process, in which `createdAt` counts from 1970. */
export function withWallClock(start: ColdStart | undefined): ColdStart | undefined {
  return start && { ...start, createdAt: milli(performance.timeOrigin + start.createdAt) };
}
