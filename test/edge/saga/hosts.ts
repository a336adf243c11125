import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import { milli } from '../../../host/base/time.ts';
import type { MoveAnswer, MoveMessage } from '../../../host/edge/saga/message.ts';
import type { Peer } from '../../../host/edge/saga/peer.ts';
import type { Place, Seats } from '../../../host/edge/saga/seats.ts';
import { MoveSource } from '../../../host/edge/saga/source.ts';
import { Stays } from '../../../host/edge/saga/stays.ts';
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

/** The fate of a host's rooms when it crashes. With `go on`, they go on from their last checkpoint. */
export type RoomsFate = 'live on' | 'end' | 'go on';

/** A host's rooms and seats in a test. */
export interface TestSeats extends Seats {
  /** Keeps the players who are in the game, unless one is between this game and another. */
  checkpoint(): void;
  /** Loses the rooms, as far as their fate is not to live on. */
  lose(fate: RoomsFate): void;
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
export class Node<S extends TestSeats> {
  readonly name: string;
  readonly seats: S;
  readonly meters = new Meters();
  readonly lines: string[] = [];
  /** Whether the disk has no room for a row. */
  refuses: (row: Saga) => boolean = () => false;
  /** Time that the disk takes for a write. */
  writeMs = 0;
  /** The rows about moves from this host that were written to the disk since the last call of `clear`. */
  written: Saga[] = [];
  readonly #world: Hosts<S>;
  readonly #folder = temporaryFolder();
  #life: Life | undefined;

  constructor(name: string, world: Hosts<S>, seats: S) {
    this.name = name;
    this.seats = seats;
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
          if (this.refuses(row)) throw new NearlightError('NL_STORE_FULL', 'the test has filled it');
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
        hasLeft: (id: string, place: Place) => seats.hasLeft(id, place),
        isKept: (id: string) => seats.isKept(id),
        forget: (id: string) => seats.forget(id),
        depart: guard('depart', (...args: Parameters<Seats['depart']>) => seats.depart(...args)),
        restore: guard('restore', (...args: Parameters<Seats['restore']>) => seats.restore(...args)),
        release: guard('release', (...args: Parameters<Seats['release']>) => seats.release(...args)),
        reserve: guard('reserve', (...args: Parameters<Seats['reserve']>) => seats.reserve(...args)),
        arrive: guard('arrive', (...args: Parameters<Seats['arrive']>) => seats.arrive(...args)),
        vacate: guard('vacate', (...args: Parameters<Seats['vacate']>) => seats.vacate(...args)),
      },
      stays: new Stays(),
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
    await this.#world.drive(source.read());
    // Recovering waits for other hosts, and so for the clock.
    await this.#world.drive(target.recover());
    await this.#world.drive(source.recover());
  }

  async close(): Promise<void> {
    await this.#life?.store.close();
  }
}

/** Two hosts, `east` and `west`, with a network between them. */
export abstract class Hosts<S extends TestSeats> {
  readonly clock = new ManualClock();
  readonly nodes = new Map<string, Node<S>>();
  /** Decides what happens to each message and each answer. */
  fate: (message: MoveMessage, isAnswer: boolean) => Fate = () => 'arrives';
  /** Called at each point where a host can crash: before and after each write, call of a room, and message. */
  onPoint: (life: Life, label: string) => void = () => {};
  /** Number of calls that wait for a disk. */
  #busy = 0;

  /** Lets pages that were sent on take their seats in the other game. */
  abstract follow(): void;

  async open(seatsOf: (name: string) => S): Promise<this> {
    for (const name of ['east', 'west']) {
      const node = new Node(name, this, seatsOf(name));
      await node.start();
      this.nodes.set(name, node);
      onTestFinished(() => node.close());
    }
    return this;
  }

  get east(): Node<S> {
    return must(this.nodes.get('east'), 'east');
  }

  get west(): Node<S> {
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
  async carry(message: MoveMessage, from: Node<S>, to: Node<S>): Promise<MoveAnswer> {
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

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.pass(ms);
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
      await this.pass(50);
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
      this.follow();
      for (const { seats } of [east, west]) seats.checkpoint();
      if ([east, west].every(({ meters }) => meters.movesOpen.departures + meters.movesOpen.arrivals === 0)) return;
      await this.pass(250);
    }
    throw new Error('a move does not end');
  }
}
