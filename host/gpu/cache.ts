import { u32 } from './words.ts';

const ENTRIES_MAX = 1024;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

interface Entry<T> {
  words: Uint32Array;
  value: T;
}

/** Caches values that were computed from a range of 32-bit words. The key is the words themselves. */
export class WordCache<T> {
  readonly #entries = new Map<number, Entry<T>>();

  /** The cached value whose key equals the words from index `from` up to `to`, or undefined. Allocates nothing. */
  find(words: Uint32Array, from: number, to: number): T | undefined {
    const entry = this.#entries.get(hash(words, from, to));
    if (entry === undefined || entry.words.length !== to - from) return undefined;
    for (let n = from; n < to; n++) if (entry.words[n - from] !== words[n]) return undefined;
    return entry.value;
  }

  /** Caches a value under the words from index `from` up to `to`. It replaces a value whose words have the same hash. */
  add(words: Uint32Array, from: number, to: number, value: T): void {
    if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
    this.#entries.set(hash(words, from, to), { words: words.slice(from, to), value });
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** The FNV-1a hash of the words from index `from` up to `to`. It takes words where FNV takes bytes. */
function hash(words: Uint32Array, from: number, to: number): number {
  let value = FNV_OFFSET;
  for (let n = from; n < to; n++) value = Math.imul(value ^ u32(words, n), FNV_PRIME);
  return value;
}
