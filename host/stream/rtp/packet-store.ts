import type { Milli } from '../../base/time.ts';
import { RTP_BYTES_MAX } from './header.ts';

/** Number of packets that are kept, a power of two. At 8 Mbit/s this is more than a second. */
const SLOTS = 1024;

/** Keeps the newest RTP packets of a video stream, first until they are sent, then in case the page misses them. */
export class PacketStore {
  #memory: Buffer | undefined;
  readonly #lengths = new Uint16Array(SLOTS);
  readonly #sequences = new Int32Array(SLOTS).fill(-1);
  readonly #resentAt = new Float64Array(SLOTS);

  #newest = 0;
  /** Number of packets that were ever put in. */
  count = 0;

  /** Number of packets that are kept. */
  get capacity(): number {
    return SLOTS;
  }

  /** Returns the memory for a packet of `bytes` bytes. It replaces the oldest packet. */
  open(sequence: number, bytes: number): Buffer {
    const slot = sequence % SLOTS;
    this.#newest = sequence;
    this.count++;
    this.#lengths[slot] = bytes;
    this.#sequences[slot] = sequence;
    this.#resentAt[slot] = Number.NEGATIVE_INFINITY;
    return this.#view(slot);
  }

  /** Returns how many packets were put in after the one with an RTP sequence number, a uint16 that wraps. */
  ageOf(sequence: number): number {
    return (this.#newest - sequence) & 0xffff;
  }

  /** Returns the packet with an RTP sequence number, or undefined if it is not kept any more. */
  find(sequence: number): Buffer | undefined {
    const slot = sequence % SLOTS;
    return this.#sequences[slot] === sequence ? this.#view(slot) : undefined;
  }

  /** Notes that a packet is sent again. @returns false if that already happened within the last `intervalMs` */
  noteResent(sequence: number, now: Milli, intervalMs: number): boolean {
    const slot = sequence % SLOTS;
    if (now - (this.#resentAt[slot] ?? 0) < intervalMs) return false;
    this.#resentAt[slot] = now;
    return true;
  }

  #view(slot: number): Buffer {
    this.#memory ??= Buffer.allocUnsafeSlow(SLOTS * RTP_BYTES_MAX);
    const start = slot * RTP_BYTES_MAX;
    return this.#memory.subarray(start, start + (this.#lengths[slot] ?? 0));
  }
}
