import { type Milli, milli } from '../base/time.ts';
import type { PacketStore } from './rtp/packet-store.ts';

/** A page that asks again within this time has not got the answer yet. */
const REPEAT_MS_MIN = 12;
/**
 * A repeated packet can be lost too, and a page asks again only after 100 ms. On a path with much loss, packets are therefore repeated
 * several times: above these fractions of loss, two and three times.
 */
const LOSS_FOR_COPIES = [0.01, 0.04];
/** A packet that is sent twice in any case is sent again this much later. */
const PROTECT_MS = 6;
/** Losses come in groups, so copies are sent some time apart. */
const COPY_MS = 4;
/** Repeated packets take at most this share of what the path carries, over a second. */
const SHARE_MAX = 0.4;
const WINDOW_MS = 1000;
/** If all packets that the page misses would take the path longer than this, a keyframe shows a current picture sooner. */
const MISSING_MS_MAX = 100;
const MISSING_PACKETS_MIN = 12;

/** Returns how often a packet that the page misses is sent again. @param lossFraction fraction of the packets that the path loses */
export function copiesAt(lossFraction: number): number {
  return 1 + LOSS_FOR_COPIES.filter((loss) => lossFraction > loss).length;
}

/** Decides which packets are sent again, when and how often. It holds no timer; the caller passes the time in. */
export class Retransmissions {
  readonly #store: PacketStore;
  readonly #waiting: { sequence: number; bytes: number; dueAt: Milli }[] = [];
  #bitsPerSecond = 1_000_000;
  #windowAt = milli(Number.NEGATIVE_INFINITY);
  #windowBytes = 0;
  /** Whether the page shows what it has missed even if a keyframe came meanwhile, because it plays everything some time later. */
  readonly #playsLater: boolean;
  /** The store's count of packets when the newest keyframe began. A page that shows the newest frame does not need older packets. */
  #start = Number.NEGATIVE_INFINITY;
  /** Bytes of the packets that wait. */
  #waitingBytes = 0;

  constructor(store: PacketStore, { playsLater = false } = {}) {
    this.#store = store;
    this.#playsLater = playsLater;
  }

  /** Whether packets wait to be sent again. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Sets what the path carries. */
  setRate(bitsPerSecond: number): void {
    this.#bitsPerSecond = bitsPerSecond;
  }

  /** Notes that a keyframe comes next. A page that shows the newest frame shows no earlier one any more. */
  startAnew(): void {
    if (!this.#playsLater) this.#start = this.#store.count;
    this.#waiting.length = this.#waitingBytes = this.#windowBytes = 0;
  }

  /** Has a packet sent a second time, whether the page asks for it or not. */
  protect(sequence: number, now: Milli): void {
    this.#waiting.push({ sequence, bytes: 0, dueAt: milli(now + PROTECT_MS) });
  }

  /**
   * Takes a page's request for a packet.
   * @param copies how often the packet is sent again
   * @returns false if the page misses so much that it needs a keyframe instead
   */
  request(sequence: number, now: Milli, copies: number): boolean {
    // Packet numbers may have wrapped since the newest keyframe.
    if (this.#store.ageOf(sequence) >= this.#store.count - this.#start) return true;
    const packet = this.#store.find(sequence);
    if (!packet) return false;
    // The rate may have fallen by far, so that the window is full. Until it has passed, the picture would stand still.
    if (!this.#hasBudget(now)) return false;
    if (!this.#store.noteResent(sequence, now, REPEAT_MS_MIN)) return true;
    for (let copy = 0; copy < copies && this.#hasBudget(now); copy++) {
      this.#windowBytes += packet.length;
      this.#waitingBytes += packet.length;
      this.#waiting.push({ sequence, bytes: packet.length, dueAt: milli(now + copy * COPY_MS) });
    }
    const isMuch = this.#waitingBytes * 8000 > MISSING_MS_MAX * this.#bitsPerSecond;
    return !isMuch || this.#waiting.length < MISSING_PACKETS_MIN;
  }

  #hasBudget(now: Milli): boolean {
    if (now - this.#windowAt >= WINDOW_MS) {
      this.#windowAt = now;
      this.#windowBytes = 0;
    }
    const bytesMax = (SHARE_MAX * this.#bitsPerSecond * WINDOW_MS) / 8000;
    return this.#windowBytes < bytesMax;
  }

  /** Takes out a packet that is due now. @returns its RTP sequence number, or undefined */
  next(now: Milli): number | undefined {
    for (const [index, { sequence, bytes, dueAt }] of this.#waiting.entries()) {
      if (dueAt > now) continue;
      this.#waiting.splice(index, 1);
      this.#waitingBytes -= bytes;
      return sequence;
    }
    return undefined;
  }
}
