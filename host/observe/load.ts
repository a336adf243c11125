import type { Clock } from '../base/clock.ts';
import { MEASURES, type MeasureName, type Measures, WINDOW_MS } from '../base/measures.ts';
import type { Histogram } from './histogram.ts';
import type { KernelCounts } from './kernel.ts';
import type { Meters } from './meters.ts';
import { quantileMs, since } from './quantile.ts';

/** Looks that are younger than this share one. */
const LOOK_MS = 1000;
/** A window that no one has looked at for this long says nothing about the load now. */
const WINDOW_MS_MAX = 6 * WINDOW_MS;
/** Fewer pictures or reports have no quantile: one slow picture would be too large a part. */
const FRAMES_MIN = 100;
const REPORTS_MIN = 20;
/** Fewer packets or periods have no ratio, for the same reason. */
const PACKETS_MIN = 100;
const PERIODS_MIN = 10;

export interface LoadMeterOptions {
  meters: Pick<Meters, 'sessions' | 'sessionsJoined' | 'inputToSend' | 'gpuMs' | 'packets' | 'roundTrip'>;
  /** Number of pages that wait for a seat. */
  queue(): number;
  /** Reads the kernel's counts for the processes of the pod. */
  kernel(): KernelCounts;
  clock: Pick<Clock, 'now'>;
}

interface Look {
  at: number;
  sessionsJoined: number;
  frames: Float64Array;
  reports: Float64Array;
  gpuMs: number | undefined;
  sent: number;
  resent: number;
  kernel: KernelCounts;
}

/**
 * Measures the load of a host over the last seconds, from counters that it keeps anyway. It has no timer: it looks at the counters when
 * someone asks, and compares them with those of an earlier question.
 */
export class LoadMeter {
  readonly #options: LoadMeterOptions;
  /** The oldest first. */
  readonly #looks: Look[] = [];
  #newest: Look;

  constructor(options: LoadMeterOptions) {
    this.#options = options;
    this.#newest = this.#look();
    this.#looks.push(this.#newest);
  }

  /** Returns the load. A rate, a quantile or a ratio is missing until there was enough to measure. */
  get measures(): Measures {
    const now = this.#options.clock.now();
    if (now - this.#newest.at >= LOOK_MS) {
      this.#newest = this.#look();
      this.#looks.push(this.#newest);
    }
    // The window begins at the newest look that is old enough.
    while (this.#looks.length > 2 && now - (this.#looks[1]?.at ?? now) >= WINDOW_MS) this.#looks.shift();
    while (this.#looks.length > 1 && now - (this.#looks[0]?.at ?? now) > WINDOW_MS_MAX) this.#looks.shift();
    const { meters, queue } = this.#options;
    const found = {
      sessions: meters.sessions,
      queue: queue(),
      ...between(this.#looks[0] ?? this.#newest, this.#newest),
    };
    return Object.fromEntries(
      Object.entries(found).map(([name, value]) => [name, within(name as MeasureName, value)] as const),
    ) as Measures;
  }

  #look(): Look {
    const { meters, kernel, clock } = this.#options;
    const copy = ({ counts }: Histogram) => counts.slice();
    return {
      at: clock.now(),
      sessionsJoined: meters.sessionsJoined,
      frames: copy(meters.inputToSend),
      reports: copy(meters.roundTrip),
      gpuMs: meters.gpuMs,
      ...meters.packets,
      kernel: kernel(),
    };
  }
}

function between(from: Look, to: Look): Measures {
  const seconds = (to.at - from.at) / 1000;
  if (seconds <= 0) return {};
  const [frames, reports] = [since(to.frames, from.frames), since(to.reports, from.reports)];
  const gpuMs = difference(from.gpuMs, to.gpuMs);
  const packets = to.sent - from.sent;
  const periods = difference(from.kernel.periods, to.kernel.periods);
  const throttled = difference(from.kernel.throttledPeriods, to.kernel.throttledPeriods);
  const stalledUs = difference(from.kernel.stalledUs, to.kernel.stalledUs);
  return {
    connectionsPerSecond: (to.sessionsJoined - from.sessionsJoined) / seconds,
    ...(frames.total >= FRAMES_MIN && { frameP99Ms: quantileMs(frames.counts, frames.total * 0.99) }),
    ...(reports.total >= REPORTS_MIN && { rttP95Ms: quantileMs(reports.counts, reports.total * 0.95) }),
    ...(gpuMs !== undefined && { gpuMsPerSecond: gpuMs / seconds }),
    ...(packets >= PACKETS_MIN && { retransmissionRatio: (to.resent - from.resent) / packets }),
    ...(periods !== undefined &&
      throttled !== undefined && { throttledRatio: periods >= PERIODS_MIN ? throttled / periods : 0 }),
    ...(stalledUs !== undefined && { cpuPressureRatio: stalledUs / 1e6 / seconds }),
  };
}

/** Returns what a count has grown by; undefined if it is not known at both times, or began again with another cgroup. */
function difference(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined || to < from ? undefined : to - from;
}

/** Rounds a measure to a thousandth, and keeps it within its bounds, because counters are read one after the other. */
function within(name: MeasureName, value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  return Math.min(Math.max(0, Math.round(value * 1000) / 1000), MEASURES[name].max);
}
