/**
 * The measures by which a fleet learns of the load of one server, each with its largest value. The unit stands last in a name; a ratio is from 0 to 1. A
 * host measures rates, quantiles and ratios over the last WINDOW_MS.
 */
export const MEASURES = {
  /** Pages that are connected. */
  sessions: { max: 65_536 },
  /** Pages that wait for a seat. */
  queue: { max: 1_000_000 },
  /** Time from reading the newest input to sending the picture that shows it, which 99 % of the pictures need at most. */
  frameP99Ms: { max: 60_000 },
  /** GPU time of the players' pictures in one second. */
  gpuMsPerSecond: { max: 1000 },
  /** Pages that connect in one second. */
  connectionsPerSecond: { max: 100_000 },
  /** Video packets that were sent again, as a part of all. */
  retransmissionRatio: { max: 1 },
  /** Time from sending a packet to the page's report of its arrival, which 95 % of the reports need at most. */
  rttP95Ms: { max: 60_000 },
  /** Periods in which the kernel stopped the pod's processes because they had used their CPU limit, as a part of all. */
  throttledRatio: { max: 1 },
  /** Part of the time in which a process of the pod waited for a processor (PSI). Only with cgroup version 2. */
  cpuPressureRatio: { max: 1 },
} as const satisfies Record<string, { max: number }>;

export type MeasureName = keyof typeof MEASURES;

/** The load of one server. A measure is missing if the server does not know it: a GPU without timestamps, or too short a time. */
export type Measures = { readonly [name in MeasureName]?: number | undefined };

export const MEASURE_NAMES = Object.keys(MEASURES) as MeasureName[];

/** Time over which hosts measure. */
export const WINDOW_MS = 10_000;

/** Reads measures from outside. Names that this version does not know are left out; undefined if a known one is not valid. */
export function readMeasures(value: unknown): Measures | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const found: { [name in MeasureName]?: number } = {};
  for (const name of MEASURE_NAMES) {
    const entry: unknown = (value as Record<string, unknown>)[name];
    if (entry === undefined) continue;
    // This is false for NaN too.
    if (typeof entry !== 'number' || !(entry >= 0 && entry <= MEASURES[name].max)) return undefined;
    found[name] = entry;
  }
  return found;
}
