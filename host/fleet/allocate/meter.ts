/** Bounds of Prometheus histograms for times within a cluster, in seconds. */
const BOUNDS = [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Counts how long something takes. */
export class Meter {
  readonly #counts = new Array<number>(BOUNDS.length).fill(0);
  #sum = 0;
  #count = 0;

  /** @param seconds how long it has taken */
  add(seconds: number): void {
    const index = BOUNDS.findIndex((bound) => seconds <= bound);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += seconds;
    this.#count++;
  }

  /** Returns the lines of a histogram in Prometheus's text format 0.0.4. */
  lines(name: string, help: string): string[] {
    let below = 0;
    const buckets = BOUNDS.map((bound, index) => {
      below += this.#counts[index] ?? 0;
      return `${name}_bucket{le="${bound}"} ${below}`;
    });
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...buckets,
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}
