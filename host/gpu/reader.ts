import { WordCache } from './cache.ts';
import { u32 } from './words.ts';

/** Texts of up to this many bytes are decoded once and then found in a cache, because most names repeat in every frame. */
const INTERNED_BYTES_MAX = 64;
/** The most characters that a GPU object's label keeps. The GPU stores labels, and no limit counts that memory. */
const LABEL_CHARS_MAX = 256;

interface Interned {
  text: string;
  byteLength: number;
}

/** Thrown for a command that breaks the contract. The message does not name the command; the replay adds number and name. */
export class Fault extends Error {}

/** A cursor over the commands and bulk data that one call of a module submitted. It stands at the current command. */
export class Reader {
  words: Uint32Array = new Uint32Array();
  floats: Float32Array = new Float32Array();
  data: Uint8Array = new Uint8Array();
  /** Index of the word at which the command stream ends. `words` may be longer. */
  length = 0;
  /** Number of the current command in the command stream, counted from 0. */
  index = 0;
  /** Index of the first word of the current command. */
  at = 0;
  /** Index of the first word of the command to execute next. */
  end = 0;
  #bytes: Uint8Array = new Uint8Array();
  readonly #halves = new Uint32Array(2);
  readonly #double = new Float64Array(this.#halves.buffer);
  readonly #interned = new WordCache<Interned>();
  readonly #text = new TextDecoder('utf-8', { fatal: true });

  /** Moves to the start of a new command stream. Creates new views only if its words are in another buffer than before. */
  open(words: Uint32Array, data: Uint8Array): void {
    if (words.buffer !== this.words.buffer || words.byteOffset !== this.words.byteOffset) {
      this.words = new Uint32Array(words.buffer, words.byteOffset, (words.buffer.byteLength - words.byteOffset) >>> 2);
      this.floats = new Float32Array(words.buffer, words.byteOffset, this.words.length);
      this.#bytes = new Uint8Array(words.buffer, words.byteOffset, this.words.byteLength);
    }
    this.length = words.length;
    this.data = data;
    this.rewind();
  }

  /** Moves to word `from` of another reader's command stream, which then ends at word `to`. */
  openPart(whole: Reader, from: number, to: number): void {
    this.words = whole.words;
    this.floats = whole.floats;
    this.data = whole.data;
    this.#bytes = whole.#bytes;
    this.rewind();
    this.at = from;
    this.length = to;
  }

  /** Moves back to the first command of the stream. */
  rewind(): void {
    this.index = 0;
    this.at = 0;
    this.end = 0;
  }

  /** Skips the next `commands` commands, in the next `words` words, which have been executed as one render bundle. */
  skip(words: number, commands: number): void {
    this.end += words;
    this.index += commands;
  }

  /** Whether the command stream has no more commands. */
  get ended(): boolean {
    return this.at === this.length;
  }

  /** Opcode of the current command. */
  get opcode(): number {
    return u32(this.words, this.at) & 0xffff;
  }

  /** The UTF-8 text of `byteLength` bytes that begins at word `at` and must end by word `end`. */
  string(at: number, byteLength: number, end: number, name: string): string {
    if (byteLength === 0) return '';
    if (byteLength > (end - at) * 4) throw new Fault(`${name}: ${byteLength} bytes do not fit the command`);
    const last = at + ((byteLength + 3) >>> 2);
    const short = byteLength <= INTERNED_BYTES_MAX;
    const known = short ? this.#interned.find(this.words, at, last) : undefined;
    // Texts are padded with zeros, so "ab" and "ab\0" have the same words and differ only in length.
    const text = known?.byteLength === byteLength ? known.text : this.#decode(at * 4, byteLength, name);
    if (short && text !== known?.text) this.#interned.add(this.words, at, last, { text, byteLength });
    return name === 'label' ? text.slice(0, LABEL_CHARS_MAX) : text;
  }

  /** Reads the f64 in words `at` and `at + 1`. @throws Fault if it is not finite */
  double(name: string, at: number): number {
    this.#halves[0] = u32(this.words, at);
    this.#halves[1] = u32(this.words, at + 1);
    const [value = Number.NaN] = this.#double;
    return finite(name, value);
  }

  #decode(start: number, byteLength: number, name: string): string {
    try {
      return this.#text.decode(this.#bytes.subarray(start, start + byteLength));
    } catch {
      throw new Fault(`${name} is not UTF-8`);
    }
  }

  /** Checks that `length` bytes at `offset` are inside the submitted bulk data. Returns the offset. @throws Fault */
  reference(offset: number, length: number): number {
    if (offset + length > this.data.byteLength)
      throw new Fault(`its ${length} bytes at ${offset} lie outside the ${this.data.byteLength} bytes submitted`);
    return offset;
  }
}

export function badLength(length: number, expected: number): Fault {
  return new Fault(`its length is ${length} words instead of ${expected}`);
}

/** The enum value that the command stream gives as `number`, counted from 1. @throws Fault if there is none */
export function oneOf<T extends string>(values: readonly T[], name: string, number: number): T {
  const value = values[number - 1];
  if (value === undefined) throw new Fault(`${name}: ${number} is not a value from 1 to ${values.length}`);
  return value;
}

export function oneOfOrNone<T extends string>(values: readonly T[], name: string, number: number): T | undefined {
  return number === 0 ? undefined : oneOf(values, name, number);
}

/** Decodes an optional number. The command stream adds 1 to it, so that 0 means "not given". */
export function optional(number: number): number | undefined {
  return number === 0 ? undefined : number - 1;
}

/** Checks that a set of flags has no bits outside `mask`, and returns it. @throws Fault */
export function bits(mask: number, name: string, value: number): number {
  if ((value & ~mask) !== 0)
    throw new Fault(`${name}: 0x${value.toString(16)} has bits outside 0x${mask.toString(16)}`);
  return value;
}

export function bool(name: string, value: number): boolean {
  if (value > 1) throw new Fault(`${name}: ${value} is neither 0 nor 1`);
  return value === 1;
}

/** Checks that a number is finite, because WebGPU accepts neither infinity nor NaN. @throws Fault */
export function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) throw new Fault(`${name}: ${value} is not finite`);
  return value;
}
