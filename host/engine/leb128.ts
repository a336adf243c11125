import { NearlightError } from '../base/errors.ts';

const text = new TextDecoder('utf-8', { fatal: true });

/** Reads the binary format of WebAssembly (core 2, section 5) within bounds. @throws NearlightError NL_MODULE_INVALID */
export class Reader {
  private readonly source: Uint8Array;
  private at: number;

  constructor(source: Uint8Array, at = 0) {
    this.source = source;
    this.at = at;
  }

  get ended(): boolean {
    return this.at === this.source.length;
  }

  byte(): number {
    if (this.at >= this.source.length) throw truncated();
    return this.source[this.at++]!;
  }

  /** An unsigned LEB128 number of at most 32 bits. */
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

  /** The length of a vector, each element of which takes a byte at least. */
  count(): number {
    const count = this.unsigned();
    if (count > this.source.length - this.at) throw truncated();
    return count;
  }

  bytes(length: number): Uint8Array {
    if (length > this.source.length - this.at) throw truncated();
    this.at += length;
    return this.source.subarray(this.at - length, this.at);
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.bytes(this.source.length - this.at);
  }

  name(): string {
    const bytes = this.bytes(this.count());
    try {
      return text.decode(bytes);
    } catch {
      throw new NearlightError('NL_MODULE_INVALID', 'a name is not UTF-8');
    }
  }
}

/** Appends an unsigned LEB128 number of at most 32 bits, and returns the bytes. */
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
  return new NearlightError('NL_MODULE_INVALID', 'it ends in the middle of a section, or a length in it is wrong');
}
