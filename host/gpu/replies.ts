import { REPLY_WORDS } from '../../renderer/contract/abi.ts';

export interface RepliesOptions {
  /** Takes one record for the module's reply ring. The array is overwritten after the call. */
  reply(record: ArrayLike<number>): void;
  /** Takes bytes to copy into the module's linear memory before its next call. They are valid only until this returns. */
  write(address: number, bytes: Uint8Array): void;
}

/** Sends answers and data of the GPU to a module. Sends nothing after close(). */
export class Replies {
  readonly #options: RepliesOptions;
  readonly #record = new Uint32Array(REPLY_WORDS);
  #closed = false;

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  /** Sends a record to the module's reply ring. @param values the words after the record's type */
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
