import type { Clock } from '../base/clock.ts';
import { NearlightError } from '../base/errors.ts';
import type { Player, ViewRequest } from '../stream/player.ts';
import type { Room } from './room.ts';

/** A room that ended is opened again for the next player, but not sooner than this after it was last opened. */
const REOPEN_MS_MIN = 1000;
/**
 * One that kept the GPU for too long took time from every other room, and may have taken the device: it stays closed for so long,
 * then for twice as long each time, unless it has run well for as long as it was closed before.
 */
const PENALTY_MS_MIN = 60_000;
const PENALTY_MS_MAX = 3_600_000;

interface Entry {
  open(): Promise<Room>;
  /** While the room is being opened. */
  opening: Promise<Room> | undefined;
  /** While the room runs. */
  room: Room | undefined;
  openedAt: number;
  /** For how long it stayed closed when it last kept the GPU for too long, and until when; 0 for never. */
  penaltyMs: number;
  closedUntil: number;
}

/** The rooms of a process by name; the first is the one that a page without a wish gets. */
export class Lobby {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rooms that run. */
  get rooms(): Room[] {
    return [...this.#entries.values()].flatMap((entry) => entry.room ?? []);
  }

  /** Opens a room and keeps it; rejects as `open` does. */
  async add(name: string, open: () => Promise<Room>): Promise<Room> {
    const entry = { open, opening: undefined, room: undefined, openedAt: 0, penaltyMs: 0, closedUntil: 0 };
    this.#entries.set(name, entry);
    return this.#open(entry);
  }

  /**
   * Gives a page a seat; opens the room anew if it has ended.
   * @throws NearlightError NL_REQUEST for an unknown room, NL_ROOM_FULL, NL_ROOM_ENDED, NL_SHUTDOWN, or what opening throws
   */
  async accept(name: string | undefined, request: ViewRequest): Promise<Player> {
    if (this.#closed) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
    const entry = name === undefined ? [...this.#entries.values()][0] : this.#entries.get(name);
    if (!entry)
      throw new NearlightError(
        'NL_REQUEST',
        `there is no game "${name}" here; there is ${[...this.#entries.keys()].join(', ')}`,
      );
    const room = entry.room ?? (await (entry.opening ?? this.#reopen(entry)));
    return room.accept(request);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const entries = [...this.#entries.values()];
    await Promise.allSettled(entries.map((entry) => entry.opening));
    await Promise.all(entries.map((entry) => entry.room?.close()));
  }

  #reopen(entry: Entry): Promise<Room> {
    const now = this.#clock.now();
    const wait = entry.openedAt + REOPEN_MS_MIN - now;
    const closed = entry.closedUntil - now;
    if (closed > 0)
      throw new NearlightError(
        'NL_ROOM_ENDED',
        `it kept the GPU for too long (NL_GPU_TIME), and is opened again in ${Math.ceil(closed / 1000)} s`,
      );
    if (wait > 0) throw new NearlightError('NL_ROOM_ENDED', `it is opened again in ${Math.ceil(wait / 100) / 10} s`);
    return this.#open(entry);
  }

  #ended(entry: Entry, error: NearlightError | undefined): void {
    const now = this.#clock.now();
    if (now - entry.openedAt >= entry.penaltyMs) entry.penaltyMs = 0;
    if (error?.code === 'NL_GPU_TIME') this.#penalise(entry);
  }

  /** Once for each time: whoever hung the GPU may end with that, too. */
  #penalise(entry: Entry): void {
    const now = this.#clock.now();
    if (entry.closedUntil > now) return;
    entry.penaltyMs = Math.min(Math.max(PENALTY_MS_MIN, 2 * entry.penaltyMs), PENALTY_MS_MAX);
    entry.closedUntil = now + entry.penaltyMs;
  }

  #open(entry: Entry): Promise<Room> {
    entry.openedAt = this.#clock.now();
    entry.opening = entry
      .open()
      .then((room) => {
        entry.room = room;
        room.onHung = () => this.#penalise(entry);
        void room.ended.then((error) => {
          if (entry.room !== room) return;
          entry.room = undefined;
          this.#ended(entry, error);
        });
        return room;
      })
      .finally(() => {
        entry.opening = undefined;
      });
    return entry.opening;
  }
}
