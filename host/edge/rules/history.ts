import { JOIN_WINDOW_SECONDS } from '../../../renderer/contract/rule.ts';
import type { Clock } from '../../base/clock.ts';

/** The window is divided into this many slots. The oldest one is forgotten as a whole. */
const SLOTS = 6;
const SLOT_MS = (JOIN_WINDOW_SECONDS * 1000) / SLOTS;
/** Accounts and addresses that are remembered, each. The ones that were seen least recently are forgotten first. */
export const KEYS_MAX = 8192;

/** Recent joins, before the one that is decided now. */
export interface JoinCounts {
  account: number;
  address: number;
  addressRefusals: number;
  node: number;
}

/** Who has joined: an address, and an account if there is one. */
export interface Joiner {
  account?: string | undefined;
  address: string;
}

/** Counts events in the slots of the window. */
class Window {
  readonly #counts = new Uint32Array(SLOTS);
  #newest = 0;

  add(slot: number): void {
    this.#enter(slot);
    const index = slot % SLOTS;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  sum(slot: number): number {
    this.#enter(slot);
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  #enter(slot: number): void {
    const passed = Math.min(slot - this.#newest, SLOTS);
    for (let n = 0; n < passed; n++) this.#counts[(slot - n) % SLOTS] = 0;
    this.#newest = slot;
  }
}

/** Windows by key. The number of keys is bounded. */
class Windows {
  readonly #windows = new Map<string, Window>();

  add(key: string, slot: number): void {
    const window = this.#windows.get(key) ?? new Window();
    // A map keeps the order of insertion, so the key that was seen least recently is the first one.
    this.#windows.delete(key);
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined && this.#windows.size >= KEYS_MAX) this.#windows.delete(oldest);
    this.#windows.set(key, window);
    window.add(slot);
  }

  sum(key: string, slot: number): number {
    return this.#windows.get(key)?.sum(slot) ?? 0;
  }
}

/** Remembers the joins of the last JOIN_WINDOW_SECONDS, in bounded memory. */
export class JoinHistory {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #accounts = new Windows();
  readonly #addresses = new Windows();
  readonly #refusals = new Windows();
  readonly #node = new Window();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Returns the joins until now, and adds this one. */
  take({ account, address }: Joiner): JoinCounts {
    const slot = this.#slot;
    const counts = {
      account: account === undefined ? 0 : this.#accounts.sum(account, slot),
      address: this.#addresses.sum(address, slot),
      addressRefusals: this.#refusals.sum(address, slot),
      node: this.#node.sum(slot),
    };
    if (account !== undefined) this.#accounts.add(account, slot);
    this.#addresses.add(address, slot);
    this.#node.add(slot);
    return counts;
  }

  /** Notes that a join from an address was refused, by a rule or for another reason. */
  noteRefusal(address: string): void {
    this.#refusals.add(address, this.#slot);
  }

  get #slot(): number {
    return Math.floor(this.#clock.now() / SLOT_MS);
  }
}
