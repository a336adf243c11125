import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import { milli } from '../../../host/base/time.ts';
import type { Holder, MoveAnswer, MoveMessage } from '../../../host/edge/saga/message.ts';
import type { Peer } from '../../../host/edge/saga/peer.ts';
import type { Destination, Place, Reservation, Seats } from '../../../host/edge/saga/seats.ts';
import { MoveSource } from '../../../host/edge/saga/source.ts';
import { MoveTarget } from '../../../host/edge/saga/target.ts';
import { Committer } from '../../../host/edge/store/committer.ts';
import { type OperationName, operationNamed } from '../../../host/edge/store/operations.ts';
import type { Saga } from '../../../host/edge/store/sagas.ts';
import { type EdgeStore, STORE_FILE } from '../../../host/edge/store/store.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { ManualClock } from '../../room/fake.ts';
import { MIB, temporaryFolder } from '../store/stores.ts';

/** Milliseconds since 1970 at which the worlds of these tests begin. */
const EPOCH = 1_790_000_000_000;
export const GAME = 'relay';
export const SEATS = 4;

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** A seat in a room that takes the place of a real one. */
interface FakeSeat {
  digest: string;
  /** The player's state while the player is in the game. */
  player?: Uint8Array | undefined;
  departed?: { id: string; state: Uint8Array } | undefined;
  restored?: string;
  sentTo?: Destination;
  /** The move that has reserved the seat. */
  reservedBy?: string;
  isTaken?: boolean;
}

/** The fate of a host's rooms when it crashes. With `go on`, they go on from their last checkpoint. */
export type RoomsFate = 'live on' | 'end' | 'go on';

/** Takes the place of a host's rooms. */
export class FakeSeats implements Seats {
  seats: (FakeSeat | undefined)[] = new Array(SEATS).fill(undefined);
  /** Whether the host makes checkpoints. */
  keepsMatches = false;
  /** The seats as of the last checkpoint. */
  #kept: (FakeSeat | undefined)[] = [];
  /** Whether the game can use the states that come. */
  isWilling = true;

  holderOf({ seat }: Place): Holder | undefined {
    const found = this.seats[seat];
    return found && !found.sentTo ? { digest: found.digest } : undefined;
  }

  async depart(id: string, { seat }: Place): Promise<Uint8Array | undefined> {
    const found = this.seats[seat];
    if (found?.departed) return found.departed.id === id ? found.departed.state : undefined;
    if (!found?.player) return undefined;
    found.departed = { id, state: found.player };
    found.player = undefined;
    return found.departed.state;
  }

  async restore(id: string, _place: Place, lost?: { holder: Holder; player: Uint8Array }): Promise<void> {
    const found = this.seats.find((seat) => seat?.departed?.id === id);
    if (found?.departed) Object.assign(found, { player: found.departed.state, departed: undefined, restored: id });
    else if (lost && !this.seats.some((seat) => seat?.restored === id))
      Object.assign(this.#adopt(lost.holder), { player: lost.player, restored: id });
  }

  async release(id: string, _place: Place, to: Destination, lost?: Holder): Promise<void> {
    const found = this.seats.find((seat) => seat?.departed?.id === id);
    if (found) found.sentTo = to;
    else if (lost) {
      const departed = { id, state: new Uint8Array() };
      Object.assign(this.#adopt(lost), { player: undefined, departed, sentTo: to });
    }
  }

  hasLeft(id: string): boolean {
    return !this.seats.some((seat) => seat?.departed?.id === id);
  }

  async reserve(id: string, _game: string, holder: Holder): Promise<number> {
    const known = this.seats.findIndex((seat) => seat?.reservedBy === id);
    return known >= 0 ? known : this.#add({ digest: holder.digest, reservedBy: id });
  }

  async arrive(id: string, player: Uint8Array): Promise<boolean> {
    const found = this.seats.find((seat) => seat?.reservedBy === id);
    if (!found || !this.isWilling) return false;
    found.player ??= player;
    return true;
  }

  isKept(id: string): boolean {
    const has = (seats: readonly (FakeSeat | undefined)[]) =>
      seats.some((seat) => seat?.player && (seat.reservedBy === id || seat.restored === id));
    return !this.keepsMatches || !has(this.seats) || has(this.#kept);
  }

  async vacate(id: string, lost?: { holder: Holder }): Promise<void> {
    const isOwn = (seat: FakeSeat) => seat.reservedBy === id || seat.digest === lost?.holder.digest;
    const at = this.seats.findIndex((seat) => seat && isOwn(seat) && !seat.isTaken);
    if (at >= 0) this.seats[at] = undefined;
  }

  reservation(id: string): Reservation {
    const found = this.seats.find((seat) => seat?.reservedBy === id);
    if (!found) return 'gone';
    return found.isTaken ? 'taken' : 'waiting';
  }

  /** Keeps the players who are in the game, unless one is between this game and another. */
  checkpoint(): void {
    if (this.seats.some((seat) => seat?.departed && !seat.sentTo)) return;
    this.#kept = this.seats.map((seat) => (seat?.player ? { ...seat } : undefined));
  }

  /** Loses the rooms. If they go on, it is with those players of the last checkpoint whose pages have not left since. */
  lose(fate: RoomsFate): void {
    if (fate === 'live on') return;
    const present = new Set(this.seats.map((seat) => seat?.digest));
    const kept = fate === 'go on' ? this.#kept : [];
    this.seats = Array.from({ length: SEATS }, (_, at) => {
      const seat = kept[at];
      return seat && present.has(seat.digest) ? { ...seat, isTaken: false } : undefined;
    });
    this.checkpoint();
  }

  /** Lets a player join who has this state. Returns the seat. */
  join(player: Uint8Array): { seat: number; token: string } {
    const token = randomBytes(16).toString('base64url');
    return { seat: this.#add({ digest: digestOf(token), player }), token };
  }

  /** The states of the players who are in the game. */
  get players(): Uint8Array[] {
    return this.seats.flatMap((seat) => seat?.player ?? []);
  }

  /** Returns the seat that a player has or gets after a restart. */
  #adopt({ digest }: Holder): FakeSeat {
    const found = this.seats.find((seat) => seat?.digest === digest);
    return found ?? must(this.seats[this.#add({ digest })], 'seat');
  }

  #add(seat: FakeSeat): number {
    const at = this.seats.indexOf(undefined);
    if (at < 0) throw new NearlightError('NL_ROOM_FULL', 'all seats are taken');
    this.seats[at] = seat;
    return at;
  }
}

/** A fate of a message in the network, or of the answer to it. */
export type Fate = 'arrives' | 'is lost' | 'is late' | 'comes twice';

type Calls = Pick<EdgeStore, 'putSaga' | 'getSaga' | 'openSagas' | 'close'>;

/** Opens a store on the disk without a thread of its own, which takes most of the time that opening one takes. */
function openDirectly(folder: string, lines: string[]): Calls {
  const options = { path: join(folder, STORE_FILE), bytesMax: 64 * MIB, reserveBytes: MIB / 4 };
  const committer = new Committer(options, (_level, message) => void lines.push(message));
  const call = async (name: OperationName, input: object): Promise<never> => {
    operationNamed(name).check(input);
    const [reply] = committer.commit([{ id: 1, name, input }]);
    if (reply && 'code' in reply) throw new NearlightError(reply.code, reply.detail);
    return reply?.output as never;
  };
  return {
    putSaga: (row) => call('putSaga', row),
    getSaga: (input) => call('getSaga', input),
    openSagas: (input) => call('openSagas', input),
    close: async () => void committer.close(),
  };
}

/** One life of a host, from its start to its crash. */
interface Life {
  isOver: boolean;
  store: Calls;
  source: MoveSource;
  target: MoveTarget;
}

/** A host with a real store on the disk, and stand-ins for its rooms and its clock. */
export class Node {
  readonly name: string;
  readonly seats = new FakeSeats();
  readonly meters = new Meters();
  readonly lines: string[] = [];
  /** Time that the disk takes for a write. */
  writeMs = 0;
  /** The rows about moves from this host that were written to the disk since the last call of `clear`. */
  written: Saga[] = [];
  readonly #world: World;
  readonly #folder = temporaryFolder();
  #life: Life | undefined;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
  }

  get life(): Life {
    return must(this.#life, 'life');
  }

  async start(): Promise<void> {
    const { clock } = this.#world;
    const store = openDirectly(this.#folder, this.lines);
    const life = { isOver: false, store } as Life;
    const guard = <A extends unknown[], R>(label: string, call: (...args: A) => Promise<R>) =>
      this.#world.guard(life, `${this.name} ${label}`, call);
    const { seats } = this;
    const parts = {
      store: {
        putSaga: guard('putSaga', async (row: Saga) => {
          const { writeMs } = this;
          if (writeMs > 0) await clock.until(milli(clock.now() + writeMs));
          const isPut = await this.#world.busy(store.putSaga(row));
          if (row.kind === 'departure' && isPut) this.written.push(row);
          return isPut;
        }),
        getSaga: (input: { id: string }) => this.#world.busy(store.getSaga(input)),
        openSagas: (input: Parameters<EdgeStore['openSagas']>[0]) => this.#world.busy(store.openSagas(input)),
      },
      seats: {
        holderOf: (place: Place) => seats.holderOf(place),
        reservation: (id: string) => seats.reservation(id),
        hasLeft: (id: string) => seats.hasLeft(id),
        isKept: (id: string) => seats.isKept(id),
        depart: guard('depart', (...args: Parameters<Seats['depart']>) => seats.depart(...args)),
        restore: guard('restore', (...args: Parameters<Seats['restore']>) => seats.restore(...args)),
        release: guard('release', (...args: Parameters<Seats['release']>) => seats.release(...args)),
        reserve: guard('reserve', (...args: Parameters<Seats['reserve']>) => seats.reserve(...args)),
        arrive: guard('arrive', (...args: Parameters<Seats['arrive']>) => seats.arrive(...args)),
        vacate: guard('vacate', (...args: Parameters<Seats['vacate']>) => seats.vacate(...args)),
      },
      peerOf: (name: string): Peer | undefined => {
        const other = this.#world.nodes.get(name);
        return other && { ask: guard('ask', (message: MoveMessage) => this.#world.carry(message, this, other)) };
      },
      meters: this.meters,
      log: (_level: unknown, message: string) => void this.lines.push(message),
      stepMsMax: 300,
      clock,
      now: () => EPOCH + clock.now(),
      random: () => 0.5,
    };
    this.#life = Object.assign(life, { source: new MoveSource(parts), target: new MoveTarget(parts) });
  }

  /** Ends the life of the host at once, and starts the next one. @param losesRooms whether the rooms end with it */
  async crash(fate: RoomsFate): Promise<void> {
    this.life.isOver = true;
    await this.life.store.close();
    this.seats.lose(fate);
    Object.assign(this.meters.movesOpen, { departures: 0, arrivals: 0 });
    await this.start();
    const { source, target } = this.life;
    // Recovering waits for other hosts, and so for the clock.
    await this.#world.drive(target.recover());
    await this.#world.drive(source.recover());
  }

  async close(): Promise<void> {
    await this.#life?.store.close();
  }
}

/** Two hosts, `east` and `west`, with a network between them. */
export class World {
  readonly clock = new ManualClock();
  readonly nodes = new Map<string, Node>();
  /** Decides what happens to each message and each answer. */
  fate: (message: MoveMessage, isAnswer: boolean) => Fate = () => 'arrives';
  /** Called at each point where a host can crash: before and after each write, call of a room, and message. */
  onPoint: (life: Life, label: string) => void = () => {};
  /** Digests of the tokens of pages that have followed their players. */
  #followers = new Set<string>();
  /** Number of calls that wait for a disk. */
  #busy = 0;

  static async open(): Promise<World> {
    const world = new World();
    for (const name of ['east', 'west']) {
      const node = new Node(name, world);
      await node.start();
      world.nodes.set(name, node);
      onTestFinished(() => node.close());
    }
    return world;
  }

  get east(): Node {
    return must(this.nodes.get('east'), 'east');
  }

  get west(): Node {
    return must(this.nodes.get('west'), 'west');
  }

  /** Makes a call of a host one that never returns, or never happens, when the host has crashed. */
  guard<A extends unknown[], R>(life: Life, label: string, call: (...args: A) => Promise<R>) {
    const pass = (point: string): Promise<void> => {
      if (!life.isOver) this.onPoint(life, point);
      return life.isOver ? new Promise<never>(() => {}) : Promise.resolve();
    };
    return async (...args: A): Promise<R> => {
      await pass(`before ${label}`);
      try {
        return await call(...args);
      } finally {
        await pass(`after ${label}`);
      }
    };
  }

  async busy<T>(call: Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await call;
    } finally {
      this.#busy--;
    }
  }

  /** Takes a message to another host, and its answer back. */
  async carry(message: MoveMessage, from: Node, to: Node): Promise<MoveAnswer> {
    const fate = this.fate(message, false);
    if (fate === 'is lost') return new Promise(() => {});
    if (fate === 'is late') await this.clock.until((this.clock.now() + 700) as ReturnType<ManualClock['now']>);
    const obey = () => {
      const { source, target } = to.life;
      return message.kind === 'ask' ? source.answer(message, from.name) : target.handle(message, from.name);
    };
    if (fate === 'comes twice') void obey();
    const answer = await obey();
    const back = this.fate(message, true);
    if (back === 'is lost') return new Promise(() => {});
    if (back === 'is late') await this.clock.until((this.clock.now() + 700) as ReturnType<ManualClock['now']>);
    return answer;
  }

  /** Lets time pass until something is done. Time stands still while a disk is busy. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const ending = () => {
      isDone = true;
    };
    work.then(ending, ending);
    for (;;) {
      await this.rest();
      if (isDone) return work;
      await this.clock.pass(50);
    }
  }

  /** Waits until nothing happens without time passing. */
  async rest(): Promise<void> {
    for (let turns = 0; turns < 6; turns++) {
      await nextTurn();
      if (this.#busy > 0) turns = 0;
    }
  }

  /** Lets time pass, and both hosts look after their moves, until none is open. */
  async settle(): Promise<void> {
    for (let round = 0; round < 400; round++) {
      const { east, west } = this;
      const open = [east, west].map(({ life }) => life);
      await this.drive(Promise.all(open.flatMap(({ source, target }) => [source.tend(), target.tend()])));
      await this.follow();
      for (const { seats } of [east, west]) seats.checkpoint();
      if ([east, west].every(({ meters }) => meters.movesOpen.departures + meters.movesOpen.arrivals === 0)) return;
      await this.clock.pass(250);
    }
    throw new Error('a move does not end');
  }

  /** Lets pages that were sent on take their seats in the other game. */
  async follow(): Promise<void> {
    for (const node of this.nodes.values())
      for (const [at, seat] of node.seats.seats.entries()) {
        const there = seat?.sentTo && this.nodes.get(seat.sentTo.host)?.seats.seats;
        const found = there?.find((other) => other?.digest === digestOf(seat?.sentTo?.token ?? ''));
        if (!found) continue;
        this.#followers.add(found.digest);
        node.seats.seats[at] = undefined;
      }
    // A page also comes back to a seat that its host has lost in a crash.
    for (const { seats } of this.nodes.values())
      for (const seat of seats.seats) if (seat?.reservedBy && this.#followers.has(seat.digest)) seat.isTaken = true;
  }

  /** Frees all seats, for the next walk. */
  clear(): void {
    for (const node of this.nodes.values()) {
      node.seats.seats.fill(undefined);
      node.seats.checkpoint();
      node.seats.isWilling = true;
      node.written = [];
    }
    this.fate = () => 'arrives';
    this.onPoint = () => {};
  }
}
