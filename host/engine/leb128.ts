import { NearlightError } from '../base/errors.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the binary format of WebAssembly (core specification 2, section 5). Never reads past the end of the bytes given to it.
 * @throws NearlightError NL_MODULE_INVALID
 */
export class Reader {
  readonly #source: Uint8Array;
  #at: number;

  constructor(source: Uint8Array, at = 0) {
    this.#source = source;
    this.#at = at;
  }

  get ended(): boolean {
    return this.#at === this.#source.length;
  }

  byte(): number {
    const byte = this.#source[this.#at];
    if (byte === undefined) throw truncated();
    this.#at++;
    return byte;
  }

  /** Reads an unsigned LEB128 number of at most 32 bits. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 15) break;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new NearlightError('NL_MODULE_INVALID', 'a number has more than 32 bits');
  }

  /** Reads the length of a vector. Refuses a length above the number of bytes left, since each element takes at least one. */
  count(): number {
    const count = this.unsigned();
    if (count > this.#source.length - this.#at) throw truncated();
    return count;
  }

  bytes(length: number): Uint8Array {
    if (length > this.#source.length - this.#at) throw truncated();
    this.#at += length;
    return this.#source.subarray(this.#at - length, this.#at);
  }

  /** Reads all remaining bytes. */
  rest(): Uint8Array {
    return this.bytes(this.#source.length - this.#at);
  }

  name(): string {
    const bytes = this.bytes(this.count());
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new NearlightError('NL_MODULE_INVALID', 'a name is not UTF-8');
    }
  }
}

/** Appends an unsigned LEB128 number of at most 32 bits to `bytes` and returns `bytes`. */
export function writeUnsigned(bytes: number[], value: number): number[] {
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function truncated(): NearlightError {
  return new NearlightError('NL_MODULE_INVALID', 'the module ends within a section, or a length in it is wrong');
}
