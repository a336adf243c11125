/** Times in a row, each within so many milliseconds of the one before. */
const COUNT_MAX = 3;
const ROW_MS = 60_000;

/** How often a room goes on after its GPU was lost, and nobody knows by what: its own module may lose it each time. */
export class Renewals {
  #count = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** Whether the room goes on once more at `now`, in milliseconds. */
  next(now: number): boolean {
    this.#count = now - this.#at < ROW_MS ? this.#count + 1 : 1;
    this.#at = now;
    return this.#count <= COUNT_MAX;
  }
}
