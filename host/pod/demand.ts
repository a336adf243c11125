/** How long pods that start are taken for one burst. */
const BURST_MS = 60_000;
/** How long a burst counts. After this time without another one, the pool is as small as before. */
const MEMORY_MS = 600_000;
/** Most starts that are remembered, which bounds the work of each look. */
const STARTS_MAX = 256;

export interface DemandOptions {
  /** Fewest and most hosts that should wait for pods. */
  min: number;
  max: number;
  /** Milliseconds of a monotonic clock. */
  now?(): number;
}

/** Decides how many hosts should wait for pods: as many as the largest burst of starts in the last minutes would have needed. */
export class Demand {
  readonly #options: DemandOptions;
  /** When pods have taken hosts, the earliest first. */
  #starts: { pid: number; at: number }[] = [];

  constructor(options: DemandOptions) {
    this.#options = options;
  }

  /** A pod has taken a host process, a waiting one or one that was started for it. Repeated notes of one start count once. */
  note(pid: number): void {
    const at = this.#now();
    if (this.#starts.some((start) => start.pid === pid && at - start.at < BURST_MS)) return;
    this.#starts.push({ pid, at });
    if (this.#starts.length > STARTS_MAX) this.#starts.shift();
  }

  /** How many hosts should wait. */
  get wanted(): number {
    const { min, max } = this.#options;
    const now = this.#now();
    this.#starts = this.#starts.filter(({ at }) => now - at < MEMORY_MS);
    let [largest, first] = [0, 0];
    for (const [last, { at }] of this.#starts.entries()) {
      while (at - (this.#starts[first]?.at ?? at) >= BURST_MS) first++;
      largest = Math.max(largest, last - first + 1);
    }
    return Math.min(Math.max(largest, min), Math.max(min, max));
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }
}
