import { REPLY_COUNT, REPLY_DEVICE_LOST, REPLY_WORDS } from '../../renderer/contract/abi.ts';

/** The most replies that may wait for space on the reply ring. If there are more, the oldest are dropped. */
const WAITING_MAX = 4096;

/**
 * Fills the reply ring, in which a module reads the GPU's answers. A module reads it in `tick`, so at most REPLY_COUNT records
 * are added between two ticks; further records wait. During `load` the module sees only REPLY_DEVICE_LOST, the reason why
 * `load` is called: other replies may announce data that is not in its memory yet. For the same reason, it sees no new ones
 * during `import_player`.
 */
export class Replies {
  /** Number of records added to the reply ring so far, modulo 2^32. */
  head = 0;
  readonly #waiting: number[][] = [];
  #sinceTick = 0;

  add(record: ArrayLike<number>): void {
    if (this.#waiting.length >= WAITING_MAX) this.#waiting.shift();
    this.#waiting.push(Array.from({ length: REPLY_WORDS }, (_, index) => record[index] ?? 0));
  }

  /** Moves waiting records onto the reply ring before a call. @param ring its words @param call the export to be called */
  stage(ring: Uint32Array, call: string): void {
    while (this.#sinceTick < REPLY_COUNT) {
      const [record] = this.#waiting;
      if (!record || call === 'import_player' || (call === 'load' && record[0] !== REPLY_DEVICE_LOST)) break;
      this.#waiting.shift();
      ring.set(record, (this.head % REPLY_COUNT) * REPLY_WORDS);
      this.head = (this.head + 1) >>> 0;
      this.#sinceTick++;
    }
    if (call === 'tick') this.#sinceTick = 0;
  }
}
