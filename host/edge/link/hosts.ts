import type { Clock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import type { HostReport } from '../../base/host-report.ts';
import { HOST_MS_MAX, type Presence, SESSIONS_MAX } from './protocol.ts';

/** Limit on the hosts that one service serves. */
export const HOSTS_MAX = 1024;
/** A host that belongs to a fleet says each second how it is. One that has said nothing for this long does not count as a game server. */
const SERVER_MS_MAX = 3000;

export interface HostsOptions {
  clock: Pick<Clock, 'now'>;
  /** Counts a place of an account, and no longer. */
  take(account: string): void;
  free(account: string): void;
}

interface Entry {
  places: ReadonlyMap<string, number>;
  readonly sessions: Set<string>;
  server: HostReport | undefined;
  attendedAt: number;
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
  attend({ host, places, sessions, server }: Presence): void {
    const entry = this.#entry(host);
    this.#count(entry.places, places);
    entry.places = places;
    entry.server = server;
    entry.attendedAt = this.#options.clock.now();
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

  /** Returns the game servers of this node that have said lately how they are. */
  servers(): HostReport[] {
    const from = this.#options.clock.now() - SERVER_MS_MAX;
    const fresh = [...this.#hosts.values()].filter(({ attendedAt }) => attendedAt > from);
    // A sandbox that is being replaced and its successor have the same pod. The one that has spoken last counts.
    const sorted = fresh.sort((a, b) => a.attendedAt - b.attendedAt);
    const byUid = new Map(sorted.flatMap(({ server }) => (server ? [[server.uid, server] as const] : [])));
    return [...byUid.values()];
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
    const entry: Entry = {
      places: new Map(),
      sessions: new Set(),
      server: undefined,
      attendedAt: Number.NEGATIVE_INFINITY,
      expiresAt,
    };
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
