import { randomBytes } from 'node:crypto';

/**
 * Remembers which join tickets were used, and the key that signs them. An implementation that keeps both on a disk makes a ticket
 * valid once across restarts of the host.
 */
export interface TicketStore {
  /** Returns the key that signs tickets, at least KEY_BYTES long, which is always the same for this store. */
  key(): Promise<Uint8Array>;
  /**
   * Notes that a ticket is used, before it has any effect.
   * @param expiresAt until when the store has to remember it, in milliseconds since 1970
   * @returns false if it was used before
   */
  use(id: string, expiresAt: number): Promise<boolean>;
}

/** Length of a key for HMAC with SHA-256 (RFC 7518, 3.2). */
export const KEY_BYTES = 32;
/** When this many tickets are remembered, those that have expired are forgotten. */
const SWEEP = 4096;

/** Remembers tickets for as long as this process lives. Its key dies with it, and so do all tickets. */
export class MemoryTicketStore implements TicketStore {
  readonly #key = randomBytes(KEY_BYTES);
  readonly #used = new Map<string, number>();
  readonly #now: () => number;
  #sweepAt = SWEEP;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Number of tickets that are remembered. */
  get size(): number {
    return this.#used.size;
  }

  async key(): Promise<Uint8Array> {
    return this.#key;
  }

  async use(id: string, expiresAt: number): Promise<boolean> {
    if (this.#used.has(id)) return false;
    if (this.#used.size >= this.#sweepAt) this.#sweep();
    this.#used.set(id, expiresAt);
    return true;
  }

  #sweep(): void {
    const now = this.#now();
    for (const [id, expiresAt] of this.#used) if (expiresAt <= now) this.#used.delete(id);
    // If most are still valid, the next sweep waits until there are twice as many, so that the work for each ticket stays small.
    this.#sweepAt = Math.max(SWEEP, this.#used.size * 2);
  }
}
