import { WordCache } from './cache.ts';

/** Names come again in each frame: those of at most so many bytes are decoded once. */
const INTERNED_BYTES_MAX = 64;
/** Labels are the GPU's to keep, and nobody counts them; what is longer is cut. */
const LABEL_CHARS_MAX = 256;

interface Interned {
  text: string;
  byteLength: number;
}

/** What a decoder refuses, without its place: the replay adds the command's index and name. */
export class Fault extends Error {}

/** A place in a submission: the words of its commands, its bulk data, and the command that is being read. */
export class Reader {
  words: Uint32Array = new Uint32Array();
  floats: Float32Array = new Float32Array();
  data: Uint8Array = new Uint8Array();
  length = 0;
  /** Index of the current command within the submission, for messages. */
  index = 0;
  opcode = 0;
  /** Word at which the current command begins. */
  at = 0;
  /** Word at which to go on instead of after the current command; 0 for none. */
  jump = 0;
  /** Whether every command has been read. */
  ended = false;
  /** Commands until the next look, which is made before a command is read and may throw. */
  countdown = Number.POSITIVE_INFINITY;
  look: () => void = () => {};
  #bytes: Uint8Array = new Uint8Array();
  #label = '';
  #labelled = -1;
  readonly #half = new Uint32Array(2);
  readonly #double = new Float64Array(this.#half.buffer);
  readonly #interned = new WordCache<Interned>();
  readonly #text = new TextDecoder('utf-8', { fatal: true });

  /** Points the reader at a submission; new views are made only when the words lie in another buffer than before. */
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

  /** Points the reader at words `from` to `to` of what another one reads. */
  openPart(whole: Reader, from: number, to: number): void {
    this.words = whole.words;
    this.floats = whole.floats;
    this.data = whole.data;
    this.#bytes = whole.#bytes;
    this.rewind();
    this.at = from;
    this.length = to;
  }

  /** Goes back to the first command. */
  rewind(): void {
    this.index = 0;
    this.at = 0;
    this.jump = 0;
    this.ended = false;
    this.#labelled = -1;
  }

  /** The label that the current command gives, or '' where it has none. */
  get label(): string {
    return this.#labelled === this.index ? this.#label : '';
  }

  /** Word at which the current command ends. */
  get end(): number {
    return this.at + (this.words[this.at]! >>> 16);
  }

  /** The UTF-8 text of `byteLength` bytes at word `at`, which must end by word `end`. */
  string(at: number, byteLength: number, end: number, name: string): string {
    if (byteLength === 0) return '';
    if (byteLength > (end - at) * 4) throw new Fault(`${name}: ${byteLength} bytes do not fit the command`);
    const last = at + ((byteLength + 3) >>> 2);
    const short = byteLength <= INTERNED_BYTES_MAX;
    const known = short ? this.#interned.find(this.words, at, last) : undefined;
    // A name that ends in zeros has the words of a shorter one.
    const text = known?.byteLength === byteLength ? known.text : this.#decode(at * 4, byteLength, name);
    if (short && text !== known?.text) this.#interned.add(this.words, at, last, { text, byteLength });
    if (name !== 'label') return text;
    this.#label = text.slice(0, LABEL_CHARS_MAX);
    this.#labelled = this.index;
    return this.#label;
  }

  /** The f64 in two words from `at` on. */
  double(name: string, at: number): number {
    this.#half[0] = this.words[at]!;
    this.#half[1] = this.words[at + 1]!;
    return finite(name, this.#double[0]!);
  }

  #decode(start: number, byteLength: number, name: string): string {
    try {
      return this.#text.decode(this.#bytes.subarray(start, start + byteLength));
    } catch {
      throw new Fault(`${name} is not UTF-8`);
    }
  }

  /** Checks that `length` bytes at `offset` lie in the submission's data; returns the offset. */
  reference(offset: number, length: number): number {
    if (offset + length > this.data.byteLength)
      throw new Fault(`its ${length} bytes at ${offset} lie outside the ${this.data.byteLength} bytes submitted`);
    return offset;
  }
}

export function badLength(length: number, wanted: number): Fault {
  return new Fault(`its length is ${length} words instead of ${wanted}`);
}

/** Value `value` of an enum, counted from 1. */
export function oneOf<T extends string>(values: readonly T[], name: string, value: number): T {
  const text = values[value - 1];
  if (text === undefined) throw new Fault(`${name}: ${value} is no value from 1 to ${values.length}`);
  return text;
}

export function oneOfOrNone<T extends string>(values: readonly T[], name: string, value: number): T | undefined {
  return value === 0 ? undefined : oneOf(values, name, value);
}

/** A number that may be left out. */
export function optional(value: number): number | undefined {
  return value === 0 ? undefined : value - 1;
}

export function bits(mask: number, name: string, value: number): number {
  if ((value & ~mask) !== 0)
    throw new Fault(`${name}: 0x${value.toString(16)} has bits outside 0x${mask.toString(16)}`);
  return value;
}

export function bool(name: string, value: number): boolean {
  if (value > 1) throw new Fault(`${name}: ${value} is neither 0 nor 1`);
  return value === 1;
}

/** WebGPU takes no infinity and no NaN anywhere. */
export function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) throw new Fault(`${name}: ${value} is not finite`);
  return value;
}
