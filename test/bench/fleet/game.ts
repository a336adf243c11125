import type { ScalePolicy } from '../../../host/fleet/scale/policy.ts';
import type { Random } from '../../random.ts';
import { FullestFirst, type Placement, SimulatedServer } from './shelf.ts';

/** Time that a pod takes from its creation until it lets players in: with an image on the node, and a warm host. */
const START_MS = 3000;
/** Kubernetes deletes the pods of a lost node after 40 s until it notices and 300 s of toleration (node-monitor-grace-period). */
const EVICTION_MS = 340_000;
/** The kubelet's pause before it starts a container again doubles from the first to the last. */
const BACKOFF_MS = 10_000;
const BACKOFF_MS_MAX = 300_000;

/** Numbers of one game over a simulation. */
export interface Tally {
  joined: number;
  /** Players who had to wait for a seat, and the longest wait. */
  waited: number;
  waitMsMax: number;
  /** Players whose server was removed by scaling, was lost with its node, or failed. */
  removed: number;
  lost: number;
  failed: number;
  freeSeatsMin: number;
  serverMs: number;
  /** The same with servers that are full to the last seat at every moment. */
  oracleMs: number;
  serversMax: number;
  playersMax: number;
  /** Changes of the number of servers, and those against a change in the other direction less than ten minutes before. */
  changes: number;
  reversals: number;
  /** Pods for which no node had room. */
  pending: number;
}

/** Places for pods on nodes. */
export interface Slots {
  /** Returns the number of a node with room, or undefined. */
  take(): number | undefined;
  free(node: number): void;
}

export interface SimulatedGameOptions {
  policy: ScalePolicy;
  /** Number of servers at the beginning. */
  servers: number;
  playersPerDay: number;
  /** Mean length of a session. The lengths are exponential, as session lengths have a long tail. */
  sessionMinutes: number;
  seatsPerServer: number;
  slots: Slots;
  random: Random;
  stepMs: number;
}

/** One game of a simulated fleet: its players, and the servers of its Deployment. */
export class SimulatedGame {
  readonly options: SimulatedGameOptions;
  readonly servers = new Set<SimulatedServer>();
  readonly tally: Tally = {
    joined: 0,
    waited: 0,
    waitMsMax: 0,
    removed: 0,
    lost: 0,
    failed: 0,
    freeSeatsMin: Number.POSITIVE_INFINITY,
    serverMs: 0,
    oracleMs: 0,
    serversMax: 0,
    playersMax: 0,
    changes: 0,
    reversals: 0,
    pending: 0,
  };
  /** Number of servers that the Deployment has to have. */
  replicas: number;
  /** Length after which servers that are made from now on fail; undefined for a sound build. */
  failsAfterMs: number | undefined;
  /** Factor of the curve of joins, such as for a crowd that comes at once. */
  crowd = 1;
  players = 0;
  readonly #shelf: Placement;
  /** Those who leave, by the number of the step. */
  readonly #leaving = new Map<number, { server: SimulatedServer; life: number }[]>();
  /** When those who wait have come, the oldest first. */
  readonly #waiting: number[] = [];
  readonly #starting = new Set<SimulatedServer>();
  /** Servers of lost nodes, which the Deployment counts until Kubernetes deletes them. */
  readonly #gone: { server: SimulatedServer; until: number }[] = [];
  #fraction = 0;
  #lastChange = { at: Number.NEGATIVE_INFINITY, sign: 0 };

  constructor(options: SimulatedGameOptions) {
    this.options = options;
    this.replicas = options.servers;
    this.#shelf = new FullestFirst(options.seatsPerServer);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get freeSeats(): number {
    return this.#shelf.freeSeats;
  }

  /** Lets a step's time pass. @param joins how many players come in it */
  step(now: number, joins: number): void {
    const { stepMs, seatsPerServer } = this.options;
    this.#leave(Math.floor(now / stepMs));
    this.#start(now);
    this.#fail(now);
    this.#fraction += joins * this.crowd;
    for (; this.#fraction >= 1; this.#fraction--) {
      this.tally.joined++;
      this.#waiting.push(now);
    }
    this.#seat(now);
    const { tally } = this;
    tally.freeSeatsMin = Math.min(tally.freeSeatsMin, this.#shelf.freeSeats);
    tally.serverMs += stepMs * this.servers.size;
    tally.oracleMs += stepMs * Math.ceil(this.players / seatsPerServer);
    tally.serversMax = Math.max(tally.serversMax, this.servers.size);
    tally.playersMax = Math.max(tally.playersMax, this.players);
  }

  /** Seats players who have come before. Exponential lengths have no memory, so theirs are like those of others. */
  populate(players: number, now: number): void {
    for (let player = 0; player < players; player++) this.#waiting.push(now);
    this.#start(now);
    this.#seat(now);
  }

  /** Sets the number of servers, as the HPA controller does. */
  scale(replicas: number, now: number): void {
    const sign = Math.sign(replicas - this.replicas);
    if (sign === 0) return;
    this.tally.changes++;
    if (this.#lastChange.sign === -sign && now - this.#lastChange.at < 600_000) this.tally.reversals++;
    this.#lastChange = { at: now, sign };
    this.replicas = replicas;
  }

  /** Makes or removes servers, as the ReplicaSet controller does: those that are not ready first, then by pod-deletion-cost. */
  reconcile(now: number): void {
    for (const { server, until } of [...this.#gone]) if (until <= now) this.#forget(server);
    while (this.servers.size < this.replicas && this.#create(now));
    let extra = this.servers.size - this.replicas;
    const take = (list: Iterable<SimulatedServer>) => {
      for (const server of [...list].slice(0, Math.max(0, extra))) {
        this.#remove(server);
        extra--;
      }
    };
    if (extra > 0) take(this.#starting);
    if (extra > 0) take([...this.#shelf.empty()]);
    if (extra > 0) take([...this.servers].sort((a, b) => a.seats.taken - b.seats.taken));
  }

  /** A node is gone with all that ran there. Its players come back at once. */
  lose(node: number, now: number): void {
    for (const server of this.servers) {
      if (server.node !== node || server.life < 0) continue;
      this.tally.lost += this.#evict(server, now);
      this.#shelf.remove(server);
      this.#starting.delete(server);
      server.life = Number.NEGATIVE_INFINITY;
      this.#gone.push({ server, until: now + EVICTION_MS });
    }
  }

  /** The servers send reports. @param isHeard whether the fleet hears of a node */
  report(now: number, isHeard: (node: number) => boolean): void {
    for (const server of this.servers) {
      if (server.life < 0 || server.state === 'starting' || !isHeard(server.node)) continue;
      const { taken, all } = server.seats;
      server.at = now;
      server.state = taken === 0 ? 'ready' : taken < all ? 'allocated' : 'full';
      if (server.measures.sessions !== taken) server.measures = { sessions: taken };
    }
  }

  /** The allocator stops or begins to use the servers of a node. */
  shelve(node: number, isUsed: boolean): void {
    for (const server of this.servers) {
      if (server.node !== node || server.state === 'starting' || server.life < 0) continue;
      this.#shelf.remove(server);
      if (isUsed) this.#shelf.add(server);
    }
  }

  /** Replaces empty servers by those of the present build. @returns how many */
  renew(countMax: number): number {
    const old = [...this.#shelf.empty()]
      .filter((server) => server.failsAfterMs !== this.failsAfterMs)
      .slice(0, countMax);
    for (const server of old) this.#remove(server);
    return old.length;
  }

  /** Replaces all servers of a bad build, also those with players: they would fail. Their players come back at once. */
  rollBack(now: number): void {
    for (const server of [...this.servers]) {
      if (server.failsAfterMs === undefined || server.life < 0) continue;
      this.tally.failed += this.#evict(server, now);
      this.#remove(server);
    }
  }

  #create(now: number): boolean {
    const { slots, seatsPerServer } = this.options;
    const node = slots.take();
    if (node === undefined) {
      this.tally.pending++;
      return false;
    }
    const server = new SimulatedServer({
      seats: seatsPerServer,
      node,
      readyAt: now + START_MS,
      failsAfterMs: this.failsAfterMs,
    });
    this.servers.add(server);
    this.#starting.add(server);
    return true;
  }

  #remove(server: SimulatedServer): void {
    const { taken } = server.seats;
    this.tally.removed += taken;
    this.players -= taken;
    this.#shelf.remove(server);
    this.#starting.delete(server);
    server.life = Number.NEGATIVE_INFINITY;
    this.servers.delete(server);
    this.options.slots.free(server.node);
  }

  #forget(server: SimulatedServer): void {
    this.#gone.splice(
      this.#gone.findIndex((entry) => entry.server === server),
      1,
    );
    this.servers.delete(server);
  }

  /** Sends the players of a server back to the beginning. @returns how many */
  #evict(server: SimulatedServer, now: number): number {
    const { taken } = server.seats;
    for (let player = 0; player < taken; player++) this.#waiting.push(now);
    this.players -= taken;
    this.#shelf.remove(server);
    server.seats.taken = 0;
    server.life++;
    return taken;
  }

  #start(now: number): void {
    for (const server of this.#starting) {
      if (server.readyAt > now) continue;
      this.#starting.delete(server);
      server.state = 'ready';
      server.at = now;
      this.#shelf.add(server);
    }
  }

  /** Ends servers of a bad build. The kubelet starts them again, later each time. */
  #fail(now: number): void {
    if (this.failsAfterMs === undefined && this.tally.failed === 0) return;
    for (const server of this.servers) {
      const { failsAfterMs, firstPlayerAt } = server;
      if (failsAfterMs === undefined || firstPlayerAt === undefined || now - firstPlayerAt < failsAfterMs) continue;
      this.tally.failed += this.#evict(server, now);
      server.firstPlayerAt = undefined;
      server.state = 'starting';
      server.readyAt = now + Math.min(BACKOFF_MS * 2 ** server.failures++, BACKOFF_MS_MAX);
      this.#starting.add(server);
    }
  }

  #leave(step: number): void {
    for (const { server, life } of this.#leaving.get(step) ?? []) {
      if (server.life !== life) continue;
      this.#shelf.free(server);
      this.players--;
    }
    this.#leaving.delete(step);
  }

  #seat(now: number): void {
    const { sessionMinutes, random, stepMs } = this.options;
    let seated = 0;
    for (const cameAt of this.#waiting) {
      const server = this.#shelf.take();
      if (!server) break;
      seated++;
      if (now > cameAt) {
        this.tally.waited++;
        this.tally.waitMsMax = Math.max(this.tally.waitMsMax, now - cameAt);
      }
      this.players++;
      server.firstPlayerAt ??= now;
      const lengthMs = -Math.log(1 - random.u32() / 2 ** 32) * sessionMinutes * 60_000;
      const step = Math.floor((now + Math.min(lengthMs, 6 * 3_600_000)) / stepMs) + 1;
      const leaving = this.#leaving.get(step);
      if (leaving) leaving.push({ server, life: server.life });
      else this.#leaving.set(step, [{ server, life: server.life }]);
    }
    this.#waiting.splice(0, seated);
  }
}
