import type { Milli } from '../../base/time.ts';

const SLOTS = 2048;

/** Measures how many bits per second arrive at the page. */
export class Throughput {
  readonly #arrivedAt = new Float64Array(SLOTS);
  readonly #bytes = new Float64Array(SLOTS);
  #count = 0;

  /** Adds a packet that has arrived. Packets that arrive in another order than they were sent in may be added as they come. */
  add(arrivedAt: Milli, bytes: number): void {
    const slot = this.#count++ % SLOTS;
    this.#arrivedAt[slot] = arrivedAt;
    this.#bytes[slot] = bytes;
  }

  /** Returns the bits per second of the packets that arrived in the last `windowMs` before the newest one. */
  bitsPerSecond(windowMs: number): number {
    const kept = Math.min(this.#count, SLOTS);
    const newest = this.#arrivedAt[(this.#count - 1 + SLOTS) % SLOTS] ?? 0;
    let bytes = 0;
    let oldest = newest;
    let oldestBytes = 0;
    for (let back = 1; back <= kept; back++) {
      const slot = (this.#count - back) % SLOTS;
      const at = this.#arrivedAt[slot] ?? 0;
      if (newest - at > windowMs) break;
      bytes += this.#bytes[slot] ?? 0;
      if (at > oldest) continue;
      oldest = at;
      oldestBytes = this.#bytes[slot] ?? 0;
    }
    // If the window is full, the first packet's transmission began before it.
    const spanMs = Math.max(newest - oldest, windowMs / 2);
    return ((bytes - oldestBytes) * 8000) / spanMs;
  }
}
