import type { Clock } from '../base/clock.ts';
import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Player, ViewRequest } from '../stream/player.ts';
import type { Room } from './room.ts';

/** A game that has ended starts again at the earliest this long after its last start. */
const REOPEN_MS_MIN = 1000;
/**
 * A game that hung the GPU, or whose shader took too much to compile, took time from every other game and may have lost the
 * device for all of them. Its room stays closed for PENALTY_MS_MIN, and for twice as long after each further time. The penalty
 * is forgiven once the room has run for as long as it was closed.
 */
const PENALTY_MS_MIN = 60_000;
const PENALTY_MS_MAX = 3_600_000;
/** The errors with a penalty, and what they say to a player who joins meanwhile. */
const PENALISED: Partial<Record<ErrorCode, string>> = {
  NL_GPU_TIME: 'it kept the GPU busy for too long (NL_GPU_TIME)',
  NL_SHADER: 'one of its shaders took too much to compile (NL_SHADER)',
};

interface Entry {
  open(): Promise<Room>;
  /** The game's room while it is being opened; undefined at other times. */
  opening: Promise<Room> | undefined;
  /** The game's room while it is running; undefined at other times. */
  room: Room | undefined;
  openedAt: Milli;
  /** How long the room last stayed closed as a penalty; 0 if it never did or was forgiven. */
  penaltyMs: number;
  /** When the room may open again after its last penalty. */
  closedUntil: Milli;
  /** Why the room got its last penalty. */
  reason: string;
}

/** The rooms of a host process, one for each game, by the game's name. A page that names no game gets the first. */
export class Lobby {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The rooms of the games that are running now. */
  get rooms(): Room[] {
    return [...this.#entries.values()].flatMap((entry) => entry.room ?? []);
  }

  /** Opens the room of a game, and opens it again for the next player whenever it has ended. @throws what `open` throws */
  async add(name: string, open: () => Promise<Room>): Promise<Room> {
    const never = milli(0);
    const entry = {
      open,
      opening: undefined,
      room: undefined,
      openedAt: never,
      penaltyMs: 0,
      closedUntil: never,
      reason: '',
    };
    this.#entries.set(name, entry);
    return this.#open(entry);
  }

  /**
   * Gives a page a player's seat in a game's room, and opens that room again first if it has ended.
   * @throws NearlightError NL_REQUEST for an unknown room, NL_ROOM_FULL, NL_ROOM_ENDED, NL_SHUTDOWN, or what opening throws
   */
  async accept(name: string | undefined, request: ViewRequest): Promise<Player> {
    return (await this.admit(name, request))();
  }

  /**
   * Checks that a game's room has a free seat, and opens that room again first if it has ended. Returns a function that takes
   * a seat; it throws NL_ROOM_FULL or NL_ROOM_ENDED if the room has filled or ended meanwhile.
   * @throws NearlightError as accept
   */
  async admit(name: string | undefined, request: ViewRequest): Promise<() => Player> {
    const room = await this.#find(name);
    room.checkFree();
    return () => room.accept(request);
  }

  /** Returns a function that lets a page watch a game. @throws NearlightError as accept, and as Room.watch */
  async watch(name: string | undefined, request: ViewRequest): Promise<() => Player> {
    const room = await this.#find(name);
    // A client learns that it cannot watch from the answer to its offer, not from a connection that closes.
    room.checkWatchable();
    return () => room.watch(request);
  }

  async #find(name: string | undefined): Promise<Room> {
    if (this.#closed) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
    const entry = name === undefined ? [...this.#entries.values()][0] : this.#entries.get(name);
    if (!entry)
      throw new NearlightError(
        'NL_REQUEST',
        `there is no game "${name}" here; there is ${[...this.#entries.keys()].join(', ')}`,
      );
    return entry.room ?? entry.opening ?? this.#reopen(entry);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const entries = [...this.#entries.values()];
    await Promise.allSettled(entries.map((entry) => entry.opening));
    await Promise.all(entries.map((entry) => entry.room?.close()));
  }

  #reopen(entry: Entry): Promise<Room> {
    const now = this.#clock.now();
    const waitMs = entry.openedAt + REOPEN_MS_MIN - now;
    const penaltyMs = entry.closedUntil - now;
    if (penaltyMs > 0)
      throw new NearlightError('NL_ROOM_ENDED', `${entry.reason} and opens again in ${Math.ceil(penaltyMs / 1000)} s`);
    if (waitMs > 0) throw new NearlightError('NL_ROOM_ENDED', `it opens again in ${Math.ceil(waitMs / 100) / 10} s`);
    return this.#open(entry);
  }

  /** Notes how a room has ended, or why it could not be opened. */
  #noteEnd(entry: Entry, error: unknown): void {
    const now = this.#clock.now();
    if (now - entry.openedAt >= entry.penaltyMs) entry.penaltyMs = 0;
    if (error instanceof NearlightError) this.#penalise(entry, error.code);
  }

  /**
   * Keeps a room closed for a while if its error has a penalty. A hang that also ends the room is reported twice but penalised
   * once.
   */
  #penalise(entry: Entry, code: ErrorCode): void {
    const now = this.#clock.now();
    const reason = PENALISED[code];
    if (!reason || entry.closedUntil > now) return;
    entry.reason = reason;
    entry.penaltyMs = Math.min(Math.max(PENALTY_MS_MIN, 2 * entry.penaltyMs), PENALTY_MS_MAX);
    entry.closedUntil = milli(now + entry.penaltyMs);
  }

  #open(entry: Entry): Promise<Room> {
    entry.openedAt = this.#clock.now();
    entry.opening = entry
      .open()
      .then((room) => {
        entry.room = room;
        room.onHung = () => this.#penalise(entry, 'NL_GPU_TIME');
        void room.ended.then((error) => {
          if (entry.room !== room) return;
          entry.room = undefined;
          this.#noteEnd(entry, error);
        });
        return room;
      })
      .catch((error: unknown) => {
        this.#noteEnd(entry, error);
        throw error;
      })
      .finally(() => {
        entry.opening = undefined;
      });
    return entry.opening;
  }
}
