import type { Milli } from '../base/time.ts';

/** Number of pings that are remembered. At two pings a second, two clocks drift apart by less than a millisecond meanwhile. */
const PINGS = 32;

/**
 * Relates the host's clock to the page's by pings. The ping with the shortest round trip tells most: the host answered somewhere
 * between its sending and its answer, so half of the round trip bounds the error.
 */
export class HostClock {
  readonly #roundTrips = new Float64Array(PINGS);
  readonly #offsets = new Float64Array(PINGS);
  #count = 0;
  /** Milliseconds by which the host's clock is ahead of the page's. NaN before the first ping. */
  offsetMs = Number.NaN;
  /** Bound of the error of `offsetMs` in milliseconds. */
  errorMs = Number.NaN;

  reset(): void {
    this.#count = 0;
    this.offsetMs = this.errorMs = Number.NaN;
  }

  /**
   * Takes the answer to a ping. Times that are not finite, or out of order, are ignored, because the host may be of another version.
   * @param hostAt when the host answered, on its clock
   */
  add({ sentAt, hostAt, now }: { sentAt: Milli; hostAt: Milli; now: Milli }): void {
    const roundTripMs = now - sentAt;
    if (!Number.isFinite(hostAt) || !(roundTripMs >= 0)) return;
    const slot = this.#count++ % PINGS;
    this.#roundTrips[slot] = roundTripMs;
    this.#offsets[slot] = hostAt - (sentAt + roundTripMs / 2);
    let best = slot;
    for (let each = 0; each < Math.min(this.#count, PINGS); each++)
      if ((this.#roundTrips[each] ?? 0) < (this.#roundTrips[best] ?? 0)) best = each;
    this.offsetMs = this.#offsets[best] ?? Number.NaN;
    this.errorMs = (this.#roundTrips[best] ?? Number.NaN) / 2;
  }
}
