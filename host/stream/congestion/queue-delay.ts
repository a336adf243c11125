import type { Milli } from '../../base/time.ts';

/** Number of newest packets that are looked at, and for how long. */
const SLOTS = 256;
/**
 * The smallest delay of the packets that left within this time counts. A queue on the path delays all of them. A page or a host that
 * is busy, or a radio link that sends in bursts, delays some of them only.
 */
const WINDOW_MS = 80;
/** At a low frame rate, at least this many packets are looked at, if they are not older than WINDOW_MS_MAX. */
const PACKETS_MIN = 4;
const WINDOW_MS_MAX = 400;
/** The path's own delay is the smallest one of the last BUCKETS * BUCKET_MS. The clocks of host and page drift apart less. */
const BUCKET_MS = 2000;
const BUCKETS = 6;

/**
 * Measures how long packets wait in queues on the path: how much longer they take than the fastest ones did. Host and page need
 * no common clock.
 */
export class QueueDelay {
  readonly #departedAt = new Float64Array(SLOTS);
  readonly #delays = new Float64Array(SLOTS);
  #count = 0;
  readonly #smallest = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
  #bucket = 0;

  /** Adds a packet that has arrived. */
  add(departedAt: Milli, arrivedAt: Milli): void {
    const delay = arrivedAt - departedAt;
    const slot = this.#count++ % SLOTS;
    this.#departedAt[slot] = departedAt;
    this.#delays[slot] = delay;
    const bucket = Math.floor(departedAt / BUCKET_MS);
    for (; this.#bucket < bucket; this.#bucket++) {
      // After a long pause, all buckets would be cleared several times.
      if (bucket - this.#bucket > BUCKETS) this.#bucket = bucket - BUCKETS;
      this.#smallest[(this.#bucket + 1) % BUCKETS] = Number.POSITIVE_INFINITY;
    }
    const index = this.#bucket % BUCKETS;
    this.#smallest[index] = Math.min(this.#smallest[index] ?? 0, delay);
  }

  /** The time that the newest packets have waited in queues, in milliseconds; 0 without packets. */
  get delayMs(): number {
    const delay = this.#newest();
    return delay === undefined ? 0 : Math.max(0, delay - Math.min(...this.#smallest));
  }

  /** Takes the newest packets' delay for the path's own, as after a change of the route. */
  rebase(): void {
    const delay = this.#newest();
    if (delay !== undefined) this.#smallest.fill(delay);
  }

  #newest(): number | undefined {
    const kept = Math.min(this.#count, SLOTS);
    if (kept === 0) return undefined;
    const last = this.#departedAt[(this.#count - 1) % SLOTS] ?? 0;
    let smallest = Number.POSITIVE_INFINITY;
    for (let back = 1; back <= kept; back++) {
      const slot = (this.#count - back) % SLOTS;
      const age = last - (this.#departedAt[slot] ?? 0);
      if (age > (back > PACKETS_MIN ? WINDOW_MS : WINDOW_MS_MAX)) break;
      smallest = Math.min(smallest, this.#delays[slot] ?? 0);
    }
    return smallest;
  }
}
