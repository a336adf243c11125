import { u32 } from './words.ts';

const ENTRIES_MAX = 1024;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

interface Entry<T> {
  words: Uint32Array;
  value: T;
}

/** Values that were made from ranges of words, kept so that the same words need not be worked through again. */
export class WordCache<T> {
  readonly #entries = new Map<number, Entry<T>>();

  /** The value that was made from the same words as those from `from` up to `to`. Allocates nothing. */
  find(words: Uint32Array, from: number, to: number): T | undefined {
    const entry = this.#entries.get(hash(words, from, to));
    if (entry === undefined || entry.words.length !== to - from) return undefined;
    for (let n = from; n < to; n++) if (entry.words[n - from] !== words[n]) return undefined;
    return entry.value;
  }

  /** Keeps a value. It replaces a value whose words have the same hash. */
  add(words: Uint32Array, from: number, to: number, value: T): void {
    if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
    this.#entries.set(hash(words, from, to), { words: words.slice(from, to), value });
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** FNV-1a, over words instead of bytes. */
function hash(words: Uint32Array, from: number, to: number): number {
  let value = FNV_OFFSET;
  for (let n = from; n < to; n++) value = Math.imul(value ^ u32(words, n), FNV_PRIME);
  return value;
}
