import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const CHUNK_BYTES = 64 * 1024;

/**
 * Room on the disk that a file keeps occupied, so that the store can still write when the disk is full: to remove what it
 * gives up, and then match results.
 */
export class Reserve {
  readonly #path: string | undefined;
  readonly #bytes: number;
  #isHeld = false;

  /** @param path the file; undefined for a store in memory, which needs none */
  constructor(path: string | undefined, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Occupies the room. Returns whether there is as much. */
  take(): boolean {
    if (this.#path === undefined || this.#isHeld) return true;
    if (statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes) {
      this.#isHeld = true;
      return true;
    }
    try {
      this.#write(this.#path);
      this.#isHeld = true;
    } catch {
      this.release();
    }
    return this.#isHeld;
  }

  /** Occupies the room if as much is free in addition, so that the disk is not full again at once. Returns whether it is. */
  takeAmply(): boolean {
    if (this.#path === undefined) return true;
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path));
      return bavail * bsize >= this.#bytes * (this.#isHeld ? 1 : 2) && this.take();
    } catch {
      return false;
    }
  }

  release(): void {
    this.#isHeld = false;
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
  }

  #write(path: string): void {
    const file = openSync(path, 'w', 0o600);
    try {
      // Zeros would take no room on a file system that compresses.
      const chunk = randomFillSync(new Uint8Array(CHUNK_BYTES));
      for (let left = this.#bytes; left > 0; ) {
        const written = writeSync(file, chunk, 0, Math.min(left, CHUNK_BYTES));
        // A disk that is nearly full takes part of a chunk first.
        left -= written;
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}
