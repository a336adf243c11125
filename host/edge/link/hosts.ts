import type { Clock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import { HOST_MS_MAX, type Presence, SESSIONS_MAX } from './protocol.ts';

/** Limit on the hosts that one service serves. */
export const HOSTS_MAX = 1024;

export interface HostsOptions {
  clock: Pick<Clock, 'now'>;
  /** Counts a place of an account, and no longer. */
  take(account: string): void;
  free(account: string): void;
}

interface Entry {
  places: ReadonlyMap<string, number>;
  readonly sessions: Set<string>;
  expiresAt: number;
}

/**
 * The places of accounts and the sessions that the hosts of a node have at the moment. A host says it again and again, so a service that has just
 * started learns it within seconds, and what a dead host had is free after HOST_MS_MAX.
 */
export class Hosts {
  readonly #options: HostsOptions;
  readonly #hosts = new Map<string, Entry>();

  constructor(options: HostsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#hosts.size;
  }

  /** Takes what a host has now. @throws NearlightError NL_EDGE_REQUEST if there are too many hosts */
  attend({ host, places, sessions }: Presence): void {
    const entry = this.#entry(host);
    this.#count(entry.places, places);
    entry.places = places;
    entry.sessions.clear();
    for (const id of sessions) entry.sessions.add(id);
  }

  /** Notes a session that a host has reported, before the host says what it has. */
  begin(host: string, session: string): void {
    const { sessions } = this.#entry(host);
    if (sessions.size < SESSIONS_MAX) sessions.add(session);
  }

  end(host: string, session: string): void {
    this.#hosts.get(host)?.sessions.delete(session);
  }

  /** Forgets a host that has closed. */
  leave(host: string): void {
    const entry = this.#hosts.get(host);
    if (entry) this.#count(entry.places, new Map());
    this.#hosts.delete(host);
  }

  /** Forgets the hosts that have said nothing for too long. */
  expire(): void {
    const now = this.#options.clock.now();
    for (const [host, { expiresAt }] of this.#hosts) if (expiresAt <= now) this.leave(host);
  }

  /** Returns the ids of all sessions that run. */
  sessions(): string[] {
    return [...this.#hosts.values()].flatMap(({ sessions }) => [...sessions]);
  }

  #entry(host: string): Entry {
    const expiresAt = this.#options.clock.now() + HOST_MS_MAX;
    const known = this.#hosts.get(host);
    if (known) {
      known.expiresAt = expiresAt;
      return known;
    }
    if (this.#hosts.size >= HOSTS_MAX)
      throw new NearlightError('NL_EDGE_REQUEST', `more than ${HOSTS_MAX} hosts use this service`);
    const entry: Entry = { places: new Map(), sessions: new Set(), expiresAt };
    this.#hosts.set(host, entry);
    return entry;
  }

  #count(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
    const { take, free } = this.#options;
    for (const account of new Set([...before.keys(), ...after.keys()])) {
      const more = (after.get(account) ?? 0) - (before.get(account) ?? 0);
      for (let n = 0; n < more; n++) take(account);
      for (let n = 0; n > more; n--) free(account);
    }
  }
}
