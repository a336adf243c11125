import { NearlightError } from '../errors.ts';
import type { Player, ViewRequest } from '../stream/player.ts';
import type { Clock } from './clock.ts';
import type { Room } from './room.ts';

/** A room that ended is opened again for the next player, but not sooner than this after it was last opened. */
const REOPEN_MS_MIN = 1000;

interface Entry {
  open(): Promise<Room>;
  /** The newest opening; pending, or settled and then `room` is there as long as it runs. */
  opening: Promise<Room>;
  pending: boolean;
  room: Room | undefined;
  openedAt: number;
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
    const entry: Entry = {
      open,
      opening: open(),
      pending: true,
      room: undefined,
      openedAt: this.#clock.now(),
    };
    this.#entries.set(name, entry);
    return this.#await(entry);
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
    if (!entry.room && !entry.pending) this.#reopen(entry);
    return (await entry.opening).accept(request);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const rooms = await Promise.allSettled([...this.#entries.values()].map((entry) => entry.opening));
    await Promise.all(rooms.map((room) => (room.status === 'fulfilled' ? room.value.close() : undefined)));
  }

  #reopen(entry: Entry): void {
    const now = this.#clock.now();
    const since = now - entry.openedAt;
    if (since < REOPEN_MS_MIN)
      throw new NearlightError(
        'NL_ROOM_ENDED',
        `it is opened again in ${Math.ceil((REOPEN_MS_MIN - since) / 100) / 10} s`,
      );
    entry.openedAt = now;
    entry.opening = entry.open();
    entry.pending = true;
    // Whoever waits for `opening` sees the error; this chain only notes the outcome.
    this.#await(entry).catch(() => {});
  }

  async #await(entry: Entry): Promise<Room> {
    const room = await entry.opening.finally(() => {
      entry.pending = false;
    });
    entry.room = room;
    void room.ended.then(() => {
      if (entry.room === room) entry.room = undefined;
    });
    return room;
  }
}
