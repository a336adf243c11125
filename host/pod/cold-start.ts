import { type Milli, milli } from '../base/time.ts';

/** When a container was requested, and how long afterwards each phase of its start was complete. */
export interface ColdStart {
  /** As performance.now() counts time. */
  createdAt: Milli;
  loadedMs?: Milli;
  firstTickMs?: Milli;
  /** Players could join. */
  readyMs?: Milli;
  /** A picture was sent to a player. */
  firstFrameMs?: Milli;
}

/** The time since the request. */
export function sinceRequest({ createdAt }: ColdStart): Milli {
  return milli(performance.now() - createdAt);
}

/** The phases that are complete, in seconds, under the names that they have in the metrics. */
export function phaseSeconds(start: ColdStart | undefined): Record<string, number> {
  const { loadedMs, firstTickMs, readyMs, firstFrameMs } = start ?? {};
  const all = Object.entries({ loaded: loadedMs, first_tick: firstTickMs, ready: readyMs, first_frame: firstFrameMs });
  return Object.fromEntries(all.flatMap(([phase, ms]) => (ms === undefined ? [] : [[phase, ms / 1000]])));
}

/** A start for readers outside this process: `createdAt` counts from 1970. */
export function withWallClock(start: ColdStart | undefined): ColdStart | undefined {
  return start && { ...start, createdAt: milli(performance.timeOrigin + start.createdAt) };
}
