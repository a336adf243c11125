import { REPLY_WORDS } from '../../renderer/contract/abi.ts';

export interface RepliesOptions {
  /** Takes one record for the module's reply ring. The array is overwritten after the call. */
  reply(record: ArrayLike<number>): void;
  /** Takes bytes that the module finds in its linear memory at its next call. They belong to the GPU after this call. */
  write(address: number, bytes: Uint8Array): void;
}

/** The way back from the GPU to a module. Nothing is sent after close(). */
export class Replies {
  readonly #options: RepliesOptions;
  readonly #record = new Uint32Array(REPLY_WORDS);
  #closed = false;

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  /** Puts a record on the module's reply ring. */
  send(type: number, ...values: readonly number[]): void {
    if (this.#closed) return;
    this.#record.fill(0);
    this.#record[0] = type;
    this.#record.set(values, 1);
    this.#options.reply(this.#record);
  }

  /** Puts bytes into the module's linear memory before its next call. */
  write(address: number, bytes: Uint8Array): void {
    if (!this.#closed) this.#options.write(address, bytes);
  }

  close(): void {
    this.#closed = true;
  }
}
