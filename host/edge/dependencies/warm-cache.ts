import type { Clock } from '../../base/clock.ts';

/** A value that is older than this part of its life is loaded again beside the calls that get it. */
const WARM_FROM = 0.5;

interface Entry<V> {
  value?: { readonly of: V; readonly at: number };
  loading?: Promise<V>;
}

export interface WarmCacheOptions {
  /** For how long a value is used; 0: only while others wait for the same value. */
  msMax: number;
  /** Number of values that are kept. The oldest ones make room. */
  entriesMax: number;
  clock: Pick<Clock, 'now'>;
}

/**
 * Keeps values for a short time. All who ask for the same value share one load, and a value in use is loaded again before its life ends,
 * so that no one waits for it. Failures are not kept.
 */
export class WarmCache<V> {
  readonly #options: WarmCacheOptions;
  /** The order is that in which the values were loaded. */
  readonly #entries = new Map<string, Entry<V>>();

  constructor(options: WarmCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Returns a value and whether it was there before. @throws what `load` throws */
  async get(key: string, load: () => Promise<V>): Promise<{ value: V; isCached: boolean }> {
    const { msMax, clock } = this.#options;
    const entry = this.#entries.get(key) ?? {};
    const age = entry.value && clock.now() - entry.value.at;
    if (!entry.value || age === undefined || age >= msMax)
      return { value: await this.#load(key, entry, load), isCached: false };
    if (age >= msMax * WARM_FROM) this.#load(key, entry, load).catch(() => {});
    return { value: entry.value.of, isCached: true };
  }

  #load(key: string, entry: Entry<V>, load: () => Promise<V>): Promise<V> {
    if (entry.loading) return entry.loading;
    this.#keep(key, entry);
    entry.loading = load().then(
      (value) => {
        delete entry.loading;
        entry.value = { of: value, at: this.#options.clock.now() };
        return value;
      },
      (error: unknown) => {
        delete entry.loading;
        if (!entry.value && this.#entries.get(key) === entry) this.#entries.delete(key);
        throw error;
      },
    );
    return entry.loading;
  }

  #keep(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#options.entriesMax) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, entry);
  }
}
