import { type Clock, systemClock } from '../../base/clock.ts';
import { milli } from '../../base/time.ts';
import { type KubeClient, KubeError } from '../kube/client.ts';
import { PODS, type Pod } from '../kube/object.ts';
import { ANNOTATION, type Reservation, writeReservations } from './reservations.ts';
import { COST_ANNOTATION, type GameServer, STATE_LABEL } from './server.ts';
import type { Servers } from './servers.ts';

const CONFLICT = 409;
const NOT_FOUND = 404;
/** Tries to write a pod that others change as well. */
const TRIES_MAX = 8;
/** Pause after a conflict, of which half is random, so that two writers do not meet again and again. */
const PAUSE_MS = 4;

/** Why a reservation is not in the pod: its seats are gone, or the pod is. Another server may do. */
export class Gone extends Error {}

export interface WriterOptions {
  client: Pick<KubeClient, 'get' | 'patch'>;
  servers: Servers;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
  random?(): number;
}

interface Change {
  readonly kind: 'add' | 'remove' | 'mark';
  readonly id: string;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Writes what the fleet knows of a server into its pod: the reservations, its state, and how much it costs to delete it. At most one patch
 * per pod is on its way; changes that come meanwhile share the next. Each patch has the version that it was computed from as its precondition, so
 * a change of another writer is never overwritten. Each reservation is checked against that very version: since it was decided on, a watch may
 * have brought those of another replica that still believes that it leads.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #waiting = new Map<GameServer, Change[]>();
  readonly #running = new Set<GameServer>();
  /** Patches sent, and those that met a conflict. */
  patches = 0;
  conflicts = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
  }

  /** Writes a reservation that the server holds already (Servers.hold). @throws Gone, KubeError */
  add(server: GameServer, id: string): Promise<void> {
    return this.#enqueue(server, 'add', id);
  }

  /** Removes a reservation. @throws Gone, KubeError */
  remove(server: GameServer, id: string): Promise<void> {
    return this.#enqueue(server, 'remove', id);
  }

  /** Writes the server's state. @throws Gone, KubeError */
  mark(server: GameServer): Promise<void> {
    return this.#enqueue(server, 'mark', '');
  }

  #enqueue(server: GameServer, kind: Change['kind'], id: string): Promise<void> {
    const done = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(server) ?? [];
    waiting.push({ kind, id, done });
    this.#waiting.set(server, waiting);
    if (!this.#running.has(server)) void this.#run(server);
    return done.promise;
  }

  async #run(server: GameServer): Promise<void> {
    this.#running.add(server);
    for (;;) {
      const changes = this.#waiting.get(server) ?? [];
      this.#waiting.delete(server);
      if (changes.length === 0) break;
      try {
        await this.#write(server, changes);
        for (const { done } of changes) done.resolve();
      } catch (error) {
        // Those that were refused one by one have their own reason already.
        for (const { done } of changes) done.reject(error);
      }
    }
    this.#running.delete(server);
  }

  async #write(server: GameServer, changes: Change[]): Promise<void> {
    const { servers, client, random = Math.random } = this.#options;
    const { name, namespace } = server.pod.metadata;
    for (let tries = 1; ; tries++)
      try {
        this.#recheck(server, changes);
        if (changes.length === 0) return;
        const body = this.#patchOf(server, changes);
        this.patches++;
        servers.setPod(await client.patch<Pod>(PODS, { namespace, name }, body));
        return;
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        if (error.status === NOT_FOUND) throw new Gone(`pod ${name} is gone`);
        if (error.status !== CONFLICT) throw error;
        this.conflicts++;
        if (tries >= TRIES_MAX) throw new Gone(`pod ${name} changes too often`);
        await this.#clock.until(milli(this.#clock.now() + (PAUSE_MS / 2) * tries * (1 + random())));
        await this.#read(server);
      }
  }

  async #read(server: GameServer): Promise<void> {
    const { servers, client } = this.#options;
    const { name, namespace } = server.pod.metadata;
    const pod = await client.get<Pod>(PODS, { namespace, name }).catch((error: unknown) => {
      if (error instanceof KubeError && error.status === NOT_FOUND) return undefined;
      throw error;
    });
    // A pod of the same name may be another one.
    if (pod?.metadata.uid !== server.uid) throw new Gone(`pod ${name} is gone`);
    servers.setPod(pod);
  }

  /** Refuses reservations for which another writer has left no seats, the newest first. */
  #recheck(server: GameServer, changes: Change[]): void {
    for (let index = changes.length - 1; index >= 0; index--) {
      const change = changes[index];
      if (change?.kind !== 'add' || !isOversold(server, this.#now())) continue;
      server.drop(change.id);
      change.done.reject(new Gone(`the seats of pod ${server.name} are taken`));
      changes.splice(index, 1);
    }
  }

  #patchOf(server: GameServer, changes: readonly Change[]): object {
    const { servers } = this.#options;
    const at = this.#now();
    const removed = new Set(changes.flatMap(({ kind, id }) => (kind === 'remove' ? [id] : [])));
    const kept = server.reservations.filter(({ id, until }) => until > at && !removed.has(id));
    const added = changes.flatMap(({ kind, id }): Reservation[] => {
      const reservation = kind === 'add' && !kept.some((each) => each.id === id) ? server.find(id) : undefined;
      return reservation ? [reservation] : [];
    });
    return {
      metadata: {
        uid: server.uid,
        resourceVersion: server.version,
        labels: { [STATE_LABEL]: servers.stateOf(server) },
        annotations: {
          [ANNOTATION]: writeReservations([...kept, ...added]),
          [COST_ANNOTATION]: String(server.busy(at)),
        },
      },
    };
  }
}

function isOversold(server: GameServer, at: number): boolean {
  const all = server.report?.seats.all ?? 0;
  return server.busy(at) > all;
}
