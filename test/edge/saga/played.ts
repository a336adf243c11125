import { vi } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import { ANYONE } from '../../../host/base/pass.ts';
import type { Notice } from '../../../host/base/protocol.ts';
import { milli } from '../../../host/base/time.ts';
import type { Holder } from '../../../host/edge/saga/message.ts';
import type { Destination, Place } from '../../../host/edge/saga/seats.ts';
import type { MoveResult } from '../../../host/edge/saga/source.ts';
import { MovingSeats } from '../../../host/play/moving-seats.ts';
import { PlayerMoves, type PlayerMovesOptions } from '../../../host/room/moves.ts';
import { Admission } from '../../../host/stream/admission.ts';

import type { Player, PlayerConnection } from '../../../host/stream/player.ts';
import { createToken, Returns } from '../../../host/stream/returns.ts';
import { Transfers } from '../../../host/stream/transfers.ts';
import type { ManualClock } from '../../room/fake.ts';
import { Hosts, type Node, type RoomsFate, type TestSeats } from './hosts.ts';

export const GAME = 'counts';
const SEATS = 8;
/** A seat waits this long for its page. */
const HOLD_MS = 3000;
const VIEW = { width: 640, height: 360, fps: 60 };
const NAMES = ['east', 'west'];
const PEERS = NAMES.map((name) => ({ name, url: `http://${name}/`, pages: `http://${name}/` }));
const UNLIMITED = {
  offersPerSecondMax: 1e9,
  addressOffersPerSecondMax: 1e9,
  halfOpenMax: 1e9,
  addressHalfOpenMax: 1e9,
  addressSeatsMax: 1e9,
};

/** The part of a room's seat that moves of players touch. */
interface Chair {
  readonly number: number;
  joined: boolean;
  closed: boolean;
  departed?: { id: string; state: Uint8Array; notice?: Notice } | undefined;
  restored?: string;
  connection?: Pick<PlayerConnection, 'notify' | 'end'> | undefined;
}

/** A player's state: who it is, and how often the player has left a game. */
export interface Count {
  readonly player: number;
  readonly departures: number;
}

const bytesOf = ({ player, departures }: Count) => Uint8Array.of(player, departures);
const countOf = ([player = 0, departures = 0]: Uint8Array): Count => ({ player, departures });

/** Takes the place of a room and its game. The moves of its players are those of a real room. */
class Room {
  readonly name = GAME;
  readonly chairs: (Chair | undefined)[] = new Array(SEATS).fill(undefined);
  /** The state of each player in the game, by seat. */
  readonly counts = new Map<number, Count>();
  readonly moves: PlayerMoves;
  #tasks: Promise<void> = Promise.resolve();

  constructor(clock: ManualClock) {
    const tasks = { add: (task: () => Promise<void>) => this.#add(task) };
    const instance = {
      exportPlayer: async (number: number) => {
        const { player, departures } = must(this.counts.get(number), 'player');
        return bytesOf({ player, departures: departures + 1 });
      },
      importPlayer: async (number: number, state: Uint8Array) => {
        this.counts.set(number, countOf(state));
        return { accepted: true, submission: undefined };
      },
    };
    const options = {
      name: GAME,
      clock,
      log: () => {},
      seating: {
        seats: this.chairs,
        enter: async (chair: Chair) => {
          chair.joined = true;
        },
        depart: async (chair: Chair) => this.#exit(chair),
        showAgain: () => {},
      },
      ended: new Promise(() => {}),
      loop: () => ({ tasks, replay: async () => {} }),
      game: () => ({ instance }),
    };
    this.moves = new PlayerMoves(options as unknown as PlayerMovesOptions);
  }

  /** Gives a player a seat. @param count the state of a player of a match that goes on */
  admit(count?: Count, number = this.chairs.indexOf(undefined)): Player {
    if (number < 0) throw new NearlightError('NL_ROOM_FULL', 'all seats are taken');
    const chair: Chair = { number, joined: count !== undefined, closed: false };
    this.chairs[number] = chair;
    if (count) this.counts.set(number, count);
    const player = {
      ...VIEW,
      game: GAME,
      seat: number,
      seats: SEATS,
      onConnected: (connection: PlayerConnection) => {
        chair.connection = connection;
        if (chair.departed?.notice) connection.notify(chair.departed.notice);
      },
      onLost: () => {
        chair.connection = undefined;
      },
      onClosed: () => this.#add(async () => this.#free(chair)),
      canReturn: () => !chair.closed,
      return: () => player,
    };
    return player as unknown as Player;
  }

  #add(task: () => Promise<void>): void {
    this.#tasks = this.#tasks.then(task);
  }

  #exit(chair: Chair): void {
    this.counts.delete(chair.number);
    chair.joined = false;
  }

  #free(chair: Chair): void {
    chair.closed = true;
    if (chair.joined) this.#exit(chair);
    this.chairs[chair.number] = undefined;
  }
}

/** Who has which seat, as the store has it at once. */
interface Record {
  readonly seat: number;
  readonly digest: Buffer;
  readonly origin: Buffer;
}

/** The real seats of a host, with a stand-in for its room. */
export class PlayedSeats implements TestSeats {
  readonly #clock: ManualClock;
  /** The seats whose players may return, now and when the host was started. */
  #records: readonly Record[] = [];
  #former: readonly Record[] = [];
  /** The players of the last checkpoint, by seat. */
  #saved = new Map<number, { count: Count; origin: string | undefined }>();
  #checkpoint = Promise.withResolvers<void>();
  #parts: { room: Room; admission: Admission; returns: Returns; moving: MovingSeats };

  constructor(clock: ManualClock) {
    this.#clock = clock;
    this.#parts = this.#open();
  }

  /** Loses all players, also those of the last checkpoint. */
  clear(): void {
    this.#records = [];
    this.#saved.clear();
    this.#parts = this.#open();
  }

  get counts(): [seat: number, count: Count][] {
    return [...this.#parts.room.counts];
  }

  checkpoint(): void {
    const { room } = this.#parts;
    if (room.moves.isBetween) return;
    this.#saved = new Map(
      room.chairs.flatMap((chair) => {
        const count = chair?.joined ? room.counts.get(chair.number) : undefined;
        if (!chair || !count) return [];
        const origin = this.#records.find(({ seat }) => seat === chair.number)?.origin.toString('base64url');
        return [[chair.number, { count, origin }]];
      }),
    );
    this.#checkpoint.resolve();
    this.#checkpoint = Promise.withResolvers();
  }

  lose(fate: RoomsFate): void {
    if (fate === 'live on') return;
    if (fate === 'end') this.#saved.clear();
    this.#former = this.#records;
    this.#parts = this.#open();
    const { room, returns } = this.#parts;
    for (const [seat, { count, origin }] of this.#saved) {
      const player = room.admit(count, seat);
      const record = this.#former.find((each) => each.seat === seat && each.origin.toString('base64url') === origin);
      if (record) returns.resume(player, { ...record, pass: ANYONE }, HOLD_MS);
      else player.onClosed('page');
    }
  }

  /** Lets a page take a seat: its own by a token, or a free one for a player with a state. */
  connect(page: Page, count?: Count): void {
    const { room, admission, returns } = this.#parts;
    const ticket = admission.open(`page ${page.number}`, () => {});
    const id = createToken();
    const token = createToken();
    const close = () => void returns.lose(id, 'deleted');
    const arrival = { id, token, ticket, close };
    let player: Player;
    if (count) {
      ticket.seat();
      player = room.admit(count);
      returns.add(player, arrival);
    } else {
      const stay = returns.find(page.tokens);
      // The page of a real player would come in as a stranger.
      if (!stay) throw new Error(`page ${page.number} finds no seat at ${page.at}`);
      player = returns.take(stay, arrival, VIEW);
    }
    const leave = () => void returns.leave(id, false);
    page.take({ seat: player.seat, token, leave });
    const connection = { notify: (notice: Notice) => page.notify(notice), end: async () => leave() };
    player.onConnected(connection as unknown as PlayerConnection);
  }

  holderOf(place: Place) {
    return this.#parts.moving.holderOf(place);
  }
  depart(id: string, place: Place) {
    return this.#parts.moving.depart(id, place);
  }
  restore(id: string, place: Place, lost?: { holder: Holder; player: Uint8Array }) {
    return this.#parts.moving.restore(id, place, lost);
  }
  release(id: string, place: Place, to: Destination, lost?: Holder) {
    return this.#parts.moving.release(id, place, to, lost);
  }
  hasLeft(id: string, place: Place) {
    return this.#parts.moving.hasLeft(id, place);
  }
  reserve(id: string, game: string, holder: Holder) {
    return this.#parts.moving.reserve(id, game, holder);
  }
  arrive(id: string, player: Uint8Array) {
    return this.#parts.moving.arrive(id, player);
  }
  isKept(id: string) {
    return this.#parts.moving.isKept(id);
  }
  vacate(id: string, lost?: { game: string; holder: Holder }) {
    return this.#parts.moving.vacate(id, lost);
  }
  forget(id: string) {
    this.#parts.moving.forget(id);
  }
  reservation(id: string) {
    return this.#parts.moving.reservation(id);
  }

  #open() {
    const room = new Room(this.#clock);
    const admission = new Admission(UNLIMITED, { now: () => milli(this.#clock.now()) });
    const onChange = () => {
      // A host that was lost notes nothing any more.
      if (this.#parts.returns === returns) this.#records = returns.kept;
    };
    const limits = { returnMsMax: HOLD_MS, reloadMsMax: HOLD_MS, addressHeldMax: 1e9 };
    const returns = new Returns(limits, { onChange });
    const options = { admit: async () => () => room.admit() };
    const places = { options, admission, returns, queue: { isWaitedFor: () => false } };
    const moving = new MovingSeats({
      rooms: () => [room],
      transfers: new Transfers({ places, config: { returnMsMax: HOLD_MS }, defaultView: VIEW }),
      checkpoints: {
        after: () => this.#checkpoint.promise,
        lastDigest: (_, origin) =>
          this.#former.find((record) => record.origin.toString('base64url') === origin)?.digest.toString('base64url'),
      },
      peers: PEERS,
      returnMsMax: HOLD_MS,
    });
    return { room, admission, returns, moving };
  }
}

/** A player's page, which follows its player. */
export class Page {
  readonly number: number;
  at: string;
  seat = -1;
  tokens: string[] = [];
  isConnected = false;
  /** Where the player is now. */
  notice: (Notice & { kind: 'moved' }) | undefined;
  leave: () => void = () => {};

  constructor(number: number, at: string) {
    this.number = number;
    this.at = at;
  }

  take({ seat, token, leave }: { seat: number; token: string; leave: () => void }): void {
    Object.assign(this, { seat, leave, isConnected: true, notice: undefined });
    // The host may crash before it has kept the new token.
    this.tokens = [token, ...this.tokens].slice(0, 2);
  }

  notify(notice: Notice): void {
    if (notice.kind === 'moved') this.notice = notice;
  }

  /** Notes that the page's host has crashed. */
  lose(): void {
    this.isConnected = false;
    this.leave = () => {};
  }
}

/** Two hosts whose seats are real. */
export class PlayedWorld extends Hosts<PlayedSeats> {
  readonly pages: Page[] = [];
  /** Whether pages follow their players. They may be slow. */
  areQuick = true;

  static async begin(): Promise<PlayedWorld> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const world = new PlayedWorld();
    return world.open(() => new PlayedSeats(world.clock));
  }

  override async pass(ms: number): Promise<void> {
    await super.pass(ms);
    vi.advanceTimersByTime(ms);
  }

  join(at: string): Page {
    const page = new Page(this.pages.length, at);
    this.pages.push(page);
    this.nodeOf(at).seats.connect(page, { player: page.number, departures: 0 });
    return page;
  }

  nodeOf(name: string): Node<PlayedSeats> {
    return must(this.nodes.get(name), name);
  }

  /** Moves a player to the other host, whether or not the page has followed the last move. */
  async move(page: Page, from = { at: page.at, seat: page.seat }): Promise<MoveResult> {
    const { life } = this.nodeOf(from.at);
    const host = from.at === 'east' ? 'west' : 'east';
    return life.source.start({ from: { game: GAME, seat: from.seat }, to: { host, game: GAME } });
  }

  async crash(name: string): Promise<void> {
    for (const page of this.pages) if (page.at === name) page.lose();
    await this.nodeOf(name).crash('go on');
  }

  follow(): void {
    if (this.areQuick) for (const page of this.pages) this.#follow(page);
  }

  #follow(page: Page): void {
    const { notice, leave } = page;
    if (!notice && page.isConnected) return;
    const at = notice ? new URL(notice.url ?? '').hostname : page.at;
    const { life, seats } = this.nodeOf(at);
    if (life.isOver) return;
    if (notice) Object.assign(page, { at, tokens: [notice.token] });
    seats.connect(page);
    if (notice) leave();
    // The player may have moved on meanwhile.
    this.#follow(page);
  }

  /** Where each player is, in the order of the pages. */
  whereabouts(): string[] {
    return this.pages.map(({ number }) =>
      [...this.nodes.values()]
        .flatMap(({ name, seats }) =>
          seats.counts
            .filter(([, { player }]) => player === number)
            .map(([seat, { departures }]) => `${name} ${seat} ${departures}`),
        )
        .join(', '),
    );
  }

  /** Frees all seats, for the next walk. */
  clear(): void {
    for (const node of this.nodes.values()) {
      node.seats.clear();
      node.written = [];
    }
    this.pages.length = 0;
    this.areQuick = true;
    this.fate = () => 'arrives';
    this.onPoint = () => {};
  }
}
