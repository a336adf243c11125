import type { Milli } from '../../base/time.ts';

const SLOTS = 2048;

/** Measures how many bits per second leave the host and arrive at the page. */
export class Throughput {
  readonly #arrivedAt = new Float64Array(SLOTS);
  readonly #bytes = new Float64Array(SLOTS);
  #count = 0;
  readonly #departedAt = new Float64Array(SLOTS);
  readonly #departedBytes = new Float64Array(SLOTS);
  #departed = 0;

  /** Adds a packet that was sent. `arrivedAt` is NaN if it was lost. Packets come in the order of sending. */
  add(departedAt: Milli, arrivedAt: Milli, bytes: number): void {
    const departed = this.#departed++ % SLOTS;
    this.#departedAt[departed] = departedAt;
    this.#departedBytes[departed] = bytes;
    if (Number.isNaN(arrivedAt)) return;
    const slot = this.#count++ % SLOTS;
    this.#arrivedAt[slot] = arrivedAt;
    this.#bytes[slot] = bytes;
  }

  /** Returns the bits per second of the packets that left, also lost ones, in the last `windowMs` before the newest one. */
  sentBitsPerSecond(windowMs: number): number {
    const kept = Math.min(this.#departed, SLOTS);
    const newest = this.#departedAt[(this.#departed - 1 + SLOTS) % SLOTS] ?? 0;
    let bytes = 0;
    for (let back = 1; back <= kept; back++) {
      const slot = (this.#departed - back) % SLOTS;
      if (newest - (this.#departedAt[slot] ?? 0) > windowMs) break;
      bytes += this.#departedBytes[slot] ?? 0;
    }
    return (bytes * 8000) / windowMs;
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
