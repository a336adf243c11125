import { REPLY_COUNT, REPLY_DEVICE_LOST, REPLY_WORDS } from '../../renderer/contract/abi.ts';

const waitingMax = 4096;

/**
 * The host's side of the reply ring. A module reads the ring in tick, so no more than REPLY_COUNT records are put on it
 * between two ticks; the others wait, and beyond `waitingMax` of them the oldest are lost. In `load` it sees why it is called
 * and no more: what comes with other records cannot be in its memory then.
 */
export class Replies {
  /** Records put on the ring so far, wrapping. */
  head = 0;
  private readonly waiting: number[][] = [];
  private sinceTick = 0;

  add(record: ArrayLike<number>): void {
    if (this.waiting.length >= waitingMax) this.waiting.shift();
    this.waiting.push(Array.from({ length: REPLY_WORDS }, (_, index) => record[index] ?? 0));
  }

  /** Puts what fits on `ring`, REPLY_COUNT * REPLY_WORDS words, before the call of this export. */
  stage(ring: Uint32Array, call: string): void {
    while (this.waiting.length > 0 && this.sinceTick < REPLY_COUNT) {
      if (call === 'load' && this.waiting[0]![0] !== REPLY_DEVICE_LOST) break;
      ring.set(this.waiting.shift()!, (this.head % REPLY_COUNT) * REPLY_WORDS);
      this.head = (this.head + 1) >>> 0;
      this.sinceTick++;
    }
    if (call === 'tick') this.sinceTick = 0;
  }
}
