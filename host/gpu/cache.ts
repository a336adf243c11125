const ENTRIES_MAX = 1024;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

interface Entry<T> {
  words: Uint32Array;
  value: T;
}

/** What was made of a range of words, so that the same words need not make it again. */
export class WordCache<T> {
  readonly #entries = new Map<number, Entry<T>>();

  /** What was added for words `from` to `to`; allocates nothing. */
  find(words: Uint32Array, from: number, to: number): T | undefined {
    const entry = this.#entries.get(hash(words, from, to));
    if (entry === undefined || entry.words.length !== to - from) return undefined;
    for (let n = from; n < to; n++) if (entry.words[n - from] !== words[n]) return undefined;
    return entry.value;
  }

  /** Adds a value, which replaces one whose words have the same hash. */
  add(words: Uint32Array, from: number, to: number, value: T): void {
    if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
    this.#entries.set(hash(words, from, to), { words: words.slice(from, to), value });
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** FNV-1a, a word at a time. */
function hash(words: Uint32Array, from: number, to: number): number {
  let value = FNV_OFFSET;
  for (let n = from; n < to; n++) value = Math.imul(value ^ words[n]!, FNV_PRIME);
  return value;
}
