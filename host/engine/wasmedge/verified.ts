import type { Sealer } from '../../base/mac.ts';

interface Entry {
  file: string;
  sealer: Sealer;
  code: Uint8Array;
}

/**
 * Native code whose seal has been checked, kept in memory so that the start of a pod waits neither for the disk nor for the
 * check. It holds the entries that were used last.
 */
export class VerifiedCode {
  readonly #bytesMax: number;
  /** Entries by their keys, the one that was used last at the end. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Returns the code of an entry.
   * @param file tells the entry's file from one that has replaced it
   * @param sealer holds the key that the cache has now; code that was sealed with another one is not returned
   */
  get(key: string, file: string, sealer: Sealer): Uint8Array | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.file !== file || entry.sealer !== sealer) {
      this.#bytes -= entry.code.length;
      return undefined;
    }
    this.#entries.set(key, entry);
    return entry.code;
  }

  /** Keeps the code of an entry, and drops others if they do not all fit. */
  put(key: string, entry: Entry): void {
    const old = this.#entries.get(key);
    if (old) this.#bytes -= old.code.length;
    this.#entries.delete(key);
    if (entry.code.length > this.#bytesMax) return;
    this.#entries.set(key, entry);
    this.#bytes += entry.code.length;
    for (const [name, { code }] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#entries.delete(name);
      this.#bytes -= code.length;
    }
  }
}
