import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import type { EdgeStore } from '../edge/store/store.ts';
import type { Room, SavedMatch } from '../room/room.ts';
import type { Player } from '../stream/player.ts';
import { readCheckpoint, readSeats, type SeatRecord, writeCheckpoint, writeSeats } from './checkpoint.ts';

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
  /** The matches of an earlier process that were read, by game. */
  readonly #read = new Map<string, Kept | undefined>();
  /** The seats of each game as the store has them. */
  readonly #seats = new Map<string, string>();
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
    return kept;
  }

  /** Returns what a player of a match that goes on must prove; undefined if that player cannot return. */
  recordOf({ game, seat }: Pick<Player, 'game' | 'seat'>): SeatRecord | undefined {
    return this.#read.get(game)?.records.find((record) => record.seat === seat);
  }

  async #readOnce(game: string): Promise<Kept | undefined> {
    const { store, config, log, now = Date.now } = this.#options;
    try {
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
      const seats = await store.getSave({ id: seatsId(game) });
      return { ...match, records: seats ? readSeats(seats.state) : [] };
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
    void room.ended.then(() => this.#forget(room));
    void this.#keepSaving(room);
  }

  /** Notes who has which seat of the games. */
  noteSeats(seats: readonly (SeatRecord & { game: string })[]): void {
    if (this.#isClosed) return;
    for (const game of this.#rooms.keys()) {
      const records = seats
        .filter((seat) => seat.game === game)
        .map(({ seat, digest, pass }) => ({ seat, digest, pass }));
      const bytes = writeSeats(records);
      const text = bytes.toString();
      if (this.#seats.get(game) === text) continue;
      this.#seats.set(game, text);
      this.#put(seatsId(game), game, bytes);
    }
  }

  /** Keeps all matches as they are now. Nothing is kept or removed afterwards, so that they go on in the next process. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.resolve();
    await Promise.all([...this.#rooms.values()].map((room) => this.#save(room)));
  }

  async #keepSaving(room: Room): Promise<void> {
    const { clock, config } = this.#options;
    let savedTicks = -1;
    for (;;) {
      await Promise.race([
        clock.until(milli(clock.now() + config.checkpointSeconds * 1000)),
        this.#closing.promise,
        room.ended,
      ]);
      if (this.#isClosed || room.isClosed) return;
      // The game's time stands still without players, and so does its state.
      if (room.stats.ticks === savedTicks) continue;
      savedTicks = room.stats.ticks;
      if (!(await this.#save(room))) return;
    }
  }

  /** @returns false if the game saves no state */
  async #save(room: Room): Promise<boolean> {
    const match = await room.save();
    if (!match) return false;
    await this.#put(matchId(room.name), room.name, writeCheckpoint(match));
    return true;
  }

  async #put(id: string, game: string, state: Uint8Array): Promise<void> {
    const { store, log, now = Date.now } = this.#options;
    await store
      .putSave({ id, game, savedAt: now(), state })
      .catch((error: Error) => log('warn', `${game}: the match is not kept: ${error.message}`, { room: game }));
  }

  async #forget(room: Room): Promise<void> {
    if (this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    this.#seats.delete(room.name);
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
