import { closeSync } from 'node:fs';
import type { Sealer } from '../../base/mac.ts';
import type { SealedCode } from './sealed.ts';

interface Entry {
  file: string;
  sealer: Sealer;
  /** It belongs to the entry. */
  code: SealedCode;
}

/**
 * Native code whose seal has been checked, kept in sealed memory so that the start of a pod waits neither for the disk nor for
 * the check. It holds the entries that were used last.
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
   * Returns the code of an entry, which stays valid until the next call.
   * @param file tells the entry's file from one that has replaced it, and from a later state of it
   * @param sealer holds the key that the cache has now; code that was sealed with another one is not returned
   */
  get(key: string, file: string, sealer: Sealer): SealedCode | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.file !== file || entry.sealer !== sealer) {
      this.#drop(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.code;
  }

  /** Takes over the code of an entry, and drops others if they do not all fit. */
  put(key: string, entry: Entry): void {
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#bytes += entry.code.bytes;
    for (const name of entry.code.bytes > this.#bytesMax ? [key] : [...this.#entries.keys()]) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(name);
    }
  }

  /** Notes that this process itself has changed the file of an entry, without its content. */
  touched(key: string, file: string): void {
    const entry = this.#entries.get(key);
    if (entry) entry.file = file;
  }

  /** Drops all entries. */
  clear(): void {
    for (const key of [...this.#entries.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.code.bytes;
    closeSync(entry.code.fd);
  }
}
