import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { Meter } from './meter.ts';
import { ASK_MS, Queue } from './queue.ts';
import { type ReachBounds, reachOf } from './regions.ts';
import type { AllocationRequest, WantedPlayer } from './request.ts';
import { type Reservation, SETTLE_MS } from './reservations.ts';
import { type GameServer, VERSION_LABEL } from './server.ts';
import type { Servers } from './servers.ts';
import type { TicketSigner } from './tickets.ts';
import { Gone, type Writer } from './writer.ts';

const ID_BYTES = 16;
/** Servers that are tried for a request, if others take their seats first. */
const TRIES_MAX = 16;
/** A process that has begun to lead serves no queue before all who wait have had time to ask it. */
const GRACE_MS = 2.5 * ASK_MS;

export interface AllocatorOptions {
  servers: Servers;
  writer: Pick<Writer, 'add' | 'remove'>;
  signer: Pick<TicketSigner, 'sign' | 'signPlace' | 'readPlace'>;
  reach: ReachBounds;
  /** URLs of the fleets of other regions. */
  elsewhere: ReadonlyMap<string, string>;
  /** Returns the address at which players reach a server. */
  addressOf(server: GameServer): string;
  ticketMsMax: number;
  queueMax: number;
  log: Log;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** An answer to a request for seats. */
export type Allocation =
  | {
      readonly kind: 'seats';
      readonly id: string;
      readonly address: string;
      readonly region: string;
      readonly server: { readonly namespace: string; readonly name: string; readonly uid: string };
      /** For how long the tickets are valid. */
      readonly validMs: number;
      readonly tickets: readonly { readonly player: string; readonly ticket: string }[];
    }
  | {
      readonly kind: 'queue';
      readonly queue: string;
      readonly position: number;
      readonly expectedWaitSeconds: number | undefined;
      readonly askAfterMs: number;
    }
  | { readonly kind: 'elsewhere'; readonly region: string; readonly url: string };

/** A request with the regions that its players can reach. */
interface Wanted extends Pick<AllocationRequest, 'game' | 'constraints'> {
  readonly seats: number;
  readonly regions: readonly string[] | undefined;
}

/** Gives seats to players. A reservation is in its pod before the answer leaves. */
export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #queue: Queue<Wanted>;
  /** Requests by the name of their reservation, while they are being served. */
  readonly #serving = new Map<string, Promise<GameServer | undefined>>();
  #servesFrom = Number.POSITIVE_INFINITY;
  /** Seconds that decisions take, without the writing of them. */
  readonly decisions = new Meter();
  /** Seconds from a request to its answer, if that has seats. */
  readonly answers = new Meter();
  given = 0;
  refused = 0;

  constructor(options: AllocatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
    this.#queue = new Queue(options.queueMax);
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Number of seats of a game for which requests wait. */
  waitingFor(game: string): number {
    const own = this.#queue.requests().filter((request) => request.game === game);
    return own.reduce((sum, { seats }) => sum + seats, 0);
  }

  /** Begins to serve the queue, when those who wait have had time to ask. */
  lead(): void {
    this.#servesFrom = this.#clock.now() + GRACE_MS;
  }

  /**
   * Reserves seats for the players of a request, or gives it a place in the queue.
   * @throws NearlightError NL_FLEET_FULL if there are no seats and the request does not wait, NL_FLEET_REQUEST, NL_KUBE
   */
  async allocate(request: AllocationRequest): Promise<Allocation> {
    const begun = performance.now();
    const proof = request.queue === undefined ? undefined : await this.#options.signer.readPlace(request.queue);
    if (request.queue !== undefined && !proof)
      throw new NearlightError('NL_FLEET_REQUEST', 'queue is not a place in the queue of this fleet');
    const id = proof?.id ?? request.id ?? randomBytes(ID_BYTES).toString('base64url');
    const known = this.#options.servers.withReservation(id);
    if (known) {
      await this.#serving.get(id);
      // The one that was being written may have failed.
      if (known.find(id)) return this.#answer(known, id, request.players);
    }
    const place = this.#wantedOf(request);
    if ('url' in place) return place;
    const line = lineOf(place);
    const isServed = this.#clock.now() >= this.#servesFrom;
    const mayPass = proof === undefined && !this.#queue.isWaitedFor(line) && (isServed || !request.waits);
    const server = mayPass ? await this.#reserve(id, place) : undefined;
    if (server) {
      const answer = await this.#answer(server, id, request.players);
      this.answers.add((performance.now() - begun) / 1000);
      return answer;
    }
    if (!proof && !request.waits) throw this.#full(request.game);
    return this.#wait({ id, since: proof?.since ?? this.#now(), line, request: place }, proof !== undefined);
  }

  /** Gives the seats of a reservation back. @throws NearlightError NL_NOT_FOUND, NL_KUBE */
  async release(id: string): Promise<void> {
    const { servers, writer } = this.#options;
    const server = servers.withReservation(id);
    if (!server) throw new NearlightError('NL_NOT_FOUND', `there is no reservation ${id}; it may have ended`);
    await this.#serving.get(id);
    await writer.remove(server, id).catch((error: unknown) => {
      if (!(error instanceof Gone)) throw error;
    });
    servers.settle(server, id);
  }

  /** Gives seats to those who wait, as far as there are any. Called several times a second. Never throws. */
  async serveQueue(): Promise<void> {
    const now = this.#clock.now();
    this.#queue.expire(now);
    if (now < this.#servesFrom) return;
    await Promise.all(this.#queue.heads().map((place) => this.#serveLine(place.line)));
  }

  async #serveLine(line: string): Promise<void> {
    for (;;) {
      const head = this.#queue.heads().find((place) => place.line === line);
      if (!head) return;
      const server = await this.#reserve(head.id, head.request).catch((error: Error) => {
        this.#options.log('warn', `a place in the queue is served later: ${error.message}`);
        return undefined;
      });
      if (!server) return;
      this.#queue.serve(head, this.#clock.now());
    }
  }

  /** @param isKnown whether the request has waited before */
  async #wait(place: Parameters<Queue<Wanted>['ask']>[0], isKnown: boolean): Promise<Allocation> {
    if (!this.#queue.hasRoomFor(place, isKnown)) throw this.#full(place.request.game);
    const { position, expectedWaitSeconds } = this.#queue.ask(place, this.#clock.now());
    const queue = await this.#options.signer.signPlace(place);
    return { kind: 'queue', queue, position, expectedWaitSeconds, askAfterMs: ASK_MS };
  }

  #full(game: string): NearlightError {
    this.refused++;
    return new NearlightError(
      'NL_FLEET_FULL',
      `no server of ${game.slice(0, 64)} has enough free seats; ask again, or with "wait": true`,
    );
  }

  /** Returns where the players can play; the fleet of another region if that is nearer than all of this one. */
  #wantedOf({ game, players, constraints }: AllocationRequest): Wanted | Extract<Allocation, { kind: 'elsewhere' }> {
    const { servers, reach, elsewhere } = this.#options;
    const { near, measured } = reachOf(players, reach);
    const wanted = { game, constraints, seats: players.length };
    if (near === undefined) return { ...wanted, regions: undefined };
    const own = servers.regions;
    const ofThis = near.filter((region) => own.has(region));
    if (ofThis.length > 0) return { ...wanted, regions: ofThis };
    const other = near.find((region) => elsewhere.has(region));
    if (other !== undefined) return { kind: 'elsewhere', region: other, url: elsewhere.get(other) ?? '' };
    // No region is near enough, so the nearest is the best there is.
    const nearest = measured.filter((region) => own.has(region));
    return { ...wanted, regions: nearest.length > 0 ? nearest : undefined };
  }

  /** Reserves seats. Requests with the same name share one try. @returns the server; undefined if none has the seats */
  #reserve(id: string, wanted: Wanted): Promise<GameServer | undefined> {
    const serving = this.#serving.get(id);
    if (serving) return serving;
    const reserving = this.#tryToReserve(id, wanted).finally(() => this.#serving.delete(id));
    this.#serving.set(id, reserving);
    return reserving;
  }

  async #tryToReserve(id: string, { game, seats, regions, constraints }: Wanted): Promise<GameServer | undefined> {
    const { servers, writer, ticketMsMax } = this.#options;
    const refused = new Set<GameServer>();
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const begun = performance.now();
      const fits = (server: GameServer) => !refused.has(server) && isWanted(server, constraints);
      const server = servers.find({ game, seats, regions, fits });
      this.decisions.add((performance.now() - begun) / 1000);
      if (!server) return undefined;
      const reservation: Reservation = { id, seats, until: this.#now() + ticketMsMax + SETTLE_MS };
      servers.hold(server, reservation);
      try {
        await writer.add(server, id);
        this.given += seats;
        return server;
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        refused.add(server);
      } finally {
        servers.settle(server, id);
      }
    }
    return undefined;
  }

  async #answer(server: GameServer, id: string, players: readonly WantedPlayer[]): Promise<Allocation> {
    const { servers, signer, addressOf } = this.#options;
    const reservation = server.find(id);
    const { namespace = '', name } = server.pod.metadata;
    if (!reservation) throw new NearlightError('NL_KUBE', `pod ${name} has lost a reservation; ask again`);
    if (players.length > reservation.seats)
      throw new NearlightError('NL_FLEET_REQUEST', `reservation ${id} has ${reservation.seats} seats`);
    const until = reservation.until - SETTLE_MS;
    const tickets = players.map(async ({ id: player, role }, index) => ({
      player,
      ticket: await signer.sign(server.uid, { account: { id: player, role }, reservation: id, index, until }),
    }));
    return {
      kind: 'seats',
      id,
      address: addressOf(server),
      region: servers.regionOf(server),
      server: { namespace, name, uid: server.uid },
      validMs: Math.max(0, until - this.#now()),
      tickets: await Promise.all(tickets),
    };
  }
}

/** Requests that wait for the same servers wait in the same line. */
function lineOf({ game, regions = [], constraints: { version = '', labels } }: Wanted): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([game, [...regions].sort(), version, sorted]);
}

function isWanted({ pod }: GameServer, { version, labels }: Wanted['constraints']): boolean {
  const own = pod.metadata.labels ?? {};
  if (version !== undefined && own[VERSION_LABEL] !== version) return false;
  return Object.entries(labels).every(([key, value]) => own[key] === value);
}
