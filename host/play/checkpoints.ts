import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import type { EdgeStore } from '../edge/store/store.ts';
import type { Room, SavedMatch } from '../room/room.ts';
import type { Player } from '../stream/player.ts';
import {
  type Checkpoint,
  readCheckpoint,
  readSeats,
  type SeatRecord,
  writeCheckpoint,
  writeSeats,
} from './checkpoint.ts';

/** A match is saved this much later if a player was between two games, whose state it would not have. */
const BETWEEN_MS = 50;
/** Number of times that this is tried when the host closes. A move is decided within a second or two. */
const TRIES_MAX = 40;

export interface CheckpointsOptions {
  store: Pick<EdgeStore, 'putSave' | 'getSave' | 'removeSave'>;
  config: Pick<Config, 'checkpointSeconds' | 'resumeSecondsMax'>;
  log: Log;
  clock: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** A match that an earlier process has begun. */
export interface Kept extends SavedMatch {
  /** Those players of the match who can prove that a seat is theirs. */
  readonly records: readonly SeatRecord[];
}

const matchId = (game: string) => `match/${game}`;
const seatsId = (game: string) => `seats/${game}`;

/**
 * Keeps the matches of a host in its store, so that they go on after a restart or a power cut: every few seconds the state of each
 * game, and at once who has which seat. A match ends with its room. No room waits for the store.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  /** The rooms whose matches are kept, by game. */
  readonly #rooms = new Map<string, Room>();
  /** Those of them whose games save a state. */
  readonly #saving = new Map<string, Room>();
  /** The matches of an earlier process that were read, by game. */
  readonly #read = new Map<string, Kept | undefined>();
  /** The players of those matches, and those who came after the state was saved. */
  readonly #former = new Map<string, readonly SeatRecord[]>();
  /** The seats of each game as the store has them. */
  readonly #seats = new Map<string, string>();
  readonly #records = new Map<string, readonly SeatRecord[]>();
  /** Those who wait until the store has the next state of a game. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #closing = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** Reads the match of an earlier process. Only the first call for a game has one, because a later room is a new match. */
  async read(game: string): Promise<Kept | undefined> {
    if (this.#read.has(game)) return undefined;
    this.#read.set(game, undefined);
    const kept = await this.#readOnce(game);
    this.#read.set(game, kept);
    // Until the server tells who has which seat, the players of the match have theirs.
    if (kept) this.#records.set(game, kept.records);
    return kept;
  }

  /** Returns what a player of a match that goes on must prove; undefined if that player cannot return. */
  recordOf({ game, seat }: Pick<Player, 'game' | 'seat'>): SeatRecord | undefined {
    return this.#read.get(game)?.records.find((record) => record.seat === seat);
  }

  /**
   * Returns the digest of the token that a player of an earlier process had last, by the one that the player's stay began with; undefined if
   * the stay is not known.
   */
  lastDigest(game: string, origin: string): string | undefined {
    return this.#former.get(game)?.find((record) => record.origin === origin)?.digest;
  }

  /** Resolves when the store has the state of a game as it is now, or as it is later. At once if the game's state is not kept. */
  async after(game: string): Promise<void> {
    if (!this.#saving.has(game)) return;
    const waiting = this.#waiting.get(game) ?? Promise.withResolvers<void>();
    this.#waiting.set(game, waiting);
    await waiting.promise;
  }

  async #readOnce(game: string): Promise<Kept | undefined> {
    const { store, config, log, now = Date.now } = this.#options;
    try {
      const seats = await store.getSave({ id: seatsId(game) });
      const records = seats ? readSeats(seats.state) : [];
      this.#former.set(game, records);
      const save = await store.getSave({ id: matchId(game) });
      if (!save) return undefined;
      const seconds = (now() - save.savedAt) / 1000;
      if (seconds > config.resumeSecondsMax || seconds < -config.resumeSecondsMax) {
        log('info', `${game}: the kept match is too old to go on (RESUME_SECONDS_MAX)`, { room: game });
        return undefined;
      }
      const match = readCheckpoint(save.state);
      if (!match) {
        log('warn', `${game}: the kept match cannot be read, and a new one begins`, { room: game });
        return undefined;
      }
      return { ...match, records: records.filter((record) => isInMatch(match, record)) };
    } catch (error) {
      log('warn', `${game}: the kept match cannot be read, and a new one begins: ${(error as Error).message}`, {
        room: game,
      });
      return undefined;
    }
  }

  /** Keeps the match of a room until it ends. */
  watch(room: Room): void {
    this.#rooms.set(room.name, room);
    this.#saving.set(room.name, room);
    void room.ended.then(() => this.#forget(room));
    void this.#keepSaving(room);
  }

  /** Notes who has which seat of the games. */
  noteSeats(seats: readonly (SeatRecord & { game: string })[]): void {
    if (this.#isClosed) return;
    for (const game of this.#rooms.keys()) {
      const records = seats
        .filter((seat) => seat.game === game)
        .map(({ seat, digest, origin, pass }) => ({ seat, digest, origin, pass }));
      const bytes = writeSeats(records);
      const text = bytes.toString();
      if (this.#seats.get(game) === text) continue;
      this.#seats.set(game, text);
      this.#records.set(game, records);
      void this.#put(seatsId(game), game, bytes);
    }
  }

  /** Keeps all matches as they are now. Nothing is kept or removed afterwards, so that they go on in the next process. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.resolve();
    await Promise.all([...this.#rooms.values()].map((room) => this.#saveWhole(room)));
  }

  async #keepSaving(room: Room): Promise<void> {
    const { clock, config } = this.#options;
    const usualMs = config.checkpointSeconds * 1000;
    let savedTicks = -1;
    let pauseMs = usualMs;
    for (;;) {
      await Promise.race([clock.until(milli(clock.now() + pauseMs)), this.#closing.promise, room.ended]);
      if (this.#isClosed || room.isClosed) return;
      const { ticks } = room.stats;
      pauseMs = usualMs;
      // The game's time stands still without players, and so does its state, unless a player has come and gone.
      if (ticks === savedTicks && !this.#waiting.has(room.name)) continue;
      const outcome = await this.#save(room);
      if (outcome === 'none') return this.#endSaving(room);
      if (outcome === 'between') pauseMs = BETWEEN_MS;
      else savedTicks = ticks;
    }
  }

  async #saveWhole(room: Room): Promise<void> {
    const { clock } = this.#options;
    for (let n = 0; n < TRIES_MAX && (await this.#save(room)) === 'between'; n++)
      await Promise.race([clock.until(milli(clock.now() + BETWEEN_MS)), room.ended]);
  }

  /** @returns `none` if the game saves no state, `between` if it would lack a player now */
  async #save(room: Room): Promise<'done' | 'none' | 'between'> {
    const { name } = room;
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    const before = this.#records.get(name) ?? [];
    const match = await room.save();
    if (!match) {
      waiting?.resolve();
      return 'none';
    }
    if (!match.isWhole) {
      this.#waitOn(name, waiting);
      return 'between';
    }
    // A seat that was given to another player meanwhile belongs to neither in this state.
    const after = this.#records.get(name) ?? [];
    const origins = match.seats.map((seat) => {
      const origin = originAt(before, seat);
      return origin === originAt(after, seat) ? origin : null;
    });
    if (await this.#put(matchId(name), name, writeCheckpoint({ ...match, origins }))) waiting?.resolve();
    else this.#waitOn(name, waiting);
    return 'done';
  }

  /** Lets those who have waited in vain wait for the next state. */
  #waitOn(game: string, waiting: PromiseWithResolvers<void> | undefined): void {
    const others = this.#waiting.get(game);
    if (waiting && others) void others.promise.then(waiting.resolve);
    else if (waiting) this.#waiting.set(game, waiting);
  }

  /** @returns whether the store has it */
  async #put(id: string, game: string, state: Uint8Array): Promise<boolean> {
    const { store, log, now = Date.now } = this.#options;
    try {
      await store.putSave({ id, game, savedAt: now(), state });
      return true;
    } catch (error) {
      log('warn', `${game}: the match is not kept: ${(error as Error).message}`, { room: game });
      return false;
    }
  }

  #endSaving(room: Room): void {
    if (this.#saving.get(room.name) !== room) return;
    this.#saving.delete(room.name);
    this.#waiting.get(room.name)?.resolve();
    this.#waiting.delete(room.name);
  }

  async #forget(room: Room): Promise<void> {
    this.#endSaving(room);
    if (this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    this.#seats.delete(room.name);
    this.#records.delete(room.name);
    if (this.#isClosed) return;
    const { store, log } = this.#options;
    for (const id of [matchId(room.name), seatsId(room.name)])
      await store
        .removeSave({ id })
        .catch((error: Error) =>
          log('warn', `${room.name}: the match is still kept: ${error.message}`, { room: room.name }),
        );
  }
}

function originAt(records: readonly SeatRecord[], seat: number): string | null {
  return records.find((record) => record.seat === seat)?.origin ?? null;
}

/** Tells whether the player of a record is the one whom the match has in that seat. */
function isInMatch({ seats, origins }: Checkpoint, { seat, origin }: SeatRecord): boolean {
  return origins === undefined || origin === undefined || origins[seats.indexOf(seat)] === origin;
}
