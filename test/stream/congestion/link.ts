import { Random } from '../../random.ts';

export interface LinkOptions {
  /** Bits per second that the link carries at a time in milliseconds. */
  bitsPerSecond(atMs: number): number;
  /** Length of the queue in front of the link, as time at its rate. Packets that do not fit are lost. */
  queueMs: number;
  /** Time that a packet takes one way, in addition to its wait. */
  delayMs: number;
  /** Each packet takes up to this much longer, at random, and may overtake others. */
  jitterMs?: number;
  /** Fraction of the packets that are lost at random. */
  loss?: number;
  seed?: number;
}

interface Waiting {
  sequence: number;
  bytes: number;
  sentAt: number;
}

/** A packet that has passed the link. */
export interface Passed {
  sequence: number;
  bytes: number;
  arrivedAt: number;
  /** Time that it took in addition to the delay of an idle link. */
  addedMs: number;
}

/** A simulated network link with one queue. Its time goes in steps of 1 ms. */
export class Link {
  readonly #options: Required<LinkOptions>;
  readonly #random: Random;
  readonly #queue: Waiting[] = [];
  #queueBytes = 0;
  /** Bytes of the first packet in the queue that were carried already. */
  #carried = 0;
  /** Numbers of packets and bytes that the link could not keep. */
  dropped = 0;
  carriedBytes = 0;

  constructor(options: LinkOptions) {
    this.#options = { jitterMs: 0, loss: 0, seed: 1, ...options };
    this.#random = new Random(this.#options.seed);
  }

  /** Time that a packet sent now would wait. */
  queueMs(atMs: number): number {
    return ((this.#queueBytes - this.#carried) * 8000) / this.#options.bitsPerSecond(atMs);
  }

  send(sequence: number, bytes: number, atMs: number): void {
    if (this.queueMs(atMs) > this.#options.queueMs) {
      this.dropped++;
      return;
    }
    this.#queue.push({ sequence, bytes, sentAt: atMs });
    this.#queueBytes += bytes;
  }

  /** Carries packets for one millisecond. @returns those that pass, with the times at which they arrive */
  step(atMs: number): Passed[] {
    const { bitsPerSecond, delayMs, jitterMs, loss } = this.#options;
    const perMs = bitsPerSecond(atMs) / 8000;
    const passed: Passed[] = [];
    let left = perMs;
    for (let head = this.#queue[0]; head !== undefined && left > 0; head = this.#queue[0]) {
      const wanted = head.bytes - this.#carried;
      if (wanted > left) {
        this.#carried += left;
        break;
      }
      left -= wanted;
      this.#carried = 0;
      this.#queueBytes -= head.bytes;
      this.#queue.shift();
      this.carriedBytes += head.bytes;
      const jitter = (jitterMs * this.#random.below(1000)) / 1000;
      const doneAt = atMs + 1 - left / perMs;
      if (this.#random.below(10_000) < loss * 10_000) continue;
      const { sequence, bytes, sentAt } = head;
      passed.push({ sequence, bytes, arrivedAt: doneAt + delayMs + jitter, addedMs: doneAt - sentAt + jitter });
    }
    return passed;
  }
}
