import type { Clock } from '../base/clock.ts';
import { errors, type NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Notice } from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import type { GameLoop } from './loop.ts';
import type { Loaded } from './options.ts';
import type { Departed, Seat } from './seat.ts';
import type { Seating } from './seating.ts';

/** A page that has not followed its player to another game after this time does not know how to, and its connection ends. */
const FOLLOW_MS_MAX = 10_000;
const GONE = new Uint8Array();

export interface PlayerMovesOptions {
  name: string;
  clock: Clock;
  log: Log;
  seating: Pick<Seating, 'seats' | 'enter' | 'depart' | 'showAgain'>;
  /** Resolves when the room has ended. */
  ended: Promise<NearlightError | undefined>;
  loop(): Pick<GameLoop, 'tasks' | 'replay'>;
  /** Returns the running module. */
  game(): Loaded;
}

/**
 * Takes what belongs to a player out of a room, and puts it into another room of the same game. `depart`, `restore` and `release` are the
 * steps of a move, and may be repeated with the same id.
 */
export class PlayerMoves {
  readonly #options: PlayerMovesOptions;

  constructor(options: PlayerMovesOptions) {
    this.#options = options;
  }

  /**
   * Returns what belongs to the player of a seat. Undefined if the module has no such state, no player has joined there, or the
   * room ends meanwhile.
   */
  export(seat: number): Promise<Uint8Array | undefined> {
    const { ended, game } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.#options.loop().tasks.add(async () => {
      // If the module fails meanwhile, the promise `ended` of its instance ends the room.
      const exported = this.#hasJoined(seat) ? game().instance.exportPlayer(seat) : undefined;
      resolve(await exported?.catch(() => undefined));
    });
    return Promise.race([promise, ended.then(() => undefined)]);
  }

  /**
   * Gives the player of a seat what another room has exported. Returns false if the module refuses it, no player has joined
   * there, or the room ends meanwhile.
   * @throws NearlightError NL_MODULE_EXPORT, NL_GUEST_PROTOCOL, as Instance.importPlayer
   */
  import(seat: number, state: Uint8Array): Promise<boolean> {
    const { ended, loop, game } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    loop().tasks.add(async () => {
      const imported = this.#hasJoined(seat)
        ? await game()
            .instance.importPlayer(seat, state)
            .catch((error: unknown) => reject(error))
        : undefined;
      if (imported) await loop().replay(imported.submission);
      resolve(imported?.accepted ?? false);
    });
    return Promise.race([promise, ended.then(() => false)]);
  }

  /**
   * Takes the player of a seat out of the game, who moves to another one. The seat stays the player's, and the page sees the last picture.
   * @returns the player's state; undefined as for `export`, or if another move of the player is under way
   */
  depart(id: string, number: number): Promise<Uint8Array | undefined> {
    return this.#run<Uint8Array | undefined>(undefined, async () => {
      const seat = this.#options.seating.seats[number];
      if (seat?.departed) return seat.departed.id === id && !seat.departed.notice ? seat.departed.state : undefined;
      if (!seat || !this.#hasJoined(number)) return undefined;
      const state = await this.#options
        .game()
        .instance.exportPlayer(number)
        .catch(() => undefined);
      if (state === undefined) return undefined;
      seat.departed = { id, state };
      await this.#options.seating.depart(seat);
      return state;
    });
  }

  /**
   * Lets a player who has departed join the game again, as if nothing had happened.
   * @returns false if the room does not know the move
   */
  restore(id: string): Promise<boolean> {
    return this.#run(false, async () => {
      const seat = this.#byMove(id);
      if (!seat?.departed) return this.#options.seating.seats.some((other) => other?.restored === id);
      const { state } = seat.departed;
      seat.departed = undefined;
      seat.restored = id;
      await this.#put(seat, state);
      this.#options.seating.showAgain(seat);
      return true;
    });
  }

  /**
   * Sends the page of a player who has departed to another game, now or when it comes back. The seat is free when the page has left.
   * @returns false if the room does not know the move
   */
  release(id: string, notice: Notice): Promise<boolean> {
    return this.#run(false, async () => {
      const seat = this.#byMove(id);
      if (!seat?.departed) return false;
      this.#sendAway(seat, { ...seat.departed, notice });
      return true;
    });
  }

  /** Sends the page that comes to a seat to another game. A player whom a match that goes on has there leaves it. */
  redirect(id: string, number: number, notice: Notice): Promise<boolean> {
    return this.#run(false, async () => {
      const seat = this.#options.seating.seats[number];
      if (!seat || seat.closed) return false;
      if (seat.joined) await this.#options.seating.depart(seat);
      this.#sendAway(seat, { id, state: GONE, notice });
      return true;
    });
  }

  /**
   * Lets the player of a seat join, with a state of another room, before the player's page has connected.
   * @returns false if the module cannot use the state; the player has joined then without it
   */
  arrive(number: number, state: Uint8Array): Promise<boolean> {
    return this.#run(false, async () => {
      const seat = this.#options.seating.seats[number];
      return seat !== undefined && !seat.closed && this.#put(seat, state);
    });
  }

  /** Whether a player has departed of whom it is not decided yet where they go on. */
  get isBetween(): boolean {
    return this.#options.seating.seats.some((seat) => seat?.departed && !seat.departed.notice && !seat.closed);
  }

  /** Tells whether a player has departed whose page still has the seat. */
  has(id: string): boolean {
    return this.#byMove(id) !== undefined;
  }

  #sendAway(seat: Seat, departed: Required<Departed>): void {
    const { clock } = this.#options;
    const isFirst = !seat.departed?.notice;
    seat.departed = departed;
    seat.connection?.notify(departed.notice);
    if (!isFirst) return;
    void clock.until(milli(clock.now() + FOLLOW_MS_MAX)).then(() => {
      if (seat.closed || seat.departed?.id !== departed.id) return;
      void seat.connection?.end('NL_MOVED', errors.NL_MOVED.text, false);
    });
  }

  /** Lets the player of a seat join with a state. @returns whether the module has taken the state */
  async #put(seat: Seat, state: Uint8Array): Promise<boolean> {
    const { seating, game, loop, log, name } = this.#options;
    if (seat.closed) return false;
    await seating.enter(seat);
    const imported = await game()
      .instance.importPlayer(seat.number, state)
      .catch((error: Error) => log('warn', `${name}: seat ${seat.number} gets no state: ${error.message}`));
    if (imported) await loop().replay(imported.submission);
    return imported?.accepted ?? false;
  }

  #byMove(id: string): Seat | undefined {
    return this.#options.seating.seats.find((seat) => seat?.departed?.id === id && !seat.closed);
  }

  /** Runs a task between two ticks. @returns `otherwise` if the room ends meanwhile @throws what the task throws */
  #run<T>(otherwise: T, task: () => Promise<T>): Promise<T> {
    const { ended, loop } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // The loop learns of a failure too: it recovers from the loss of the GPU.
    loop().tasks.add(async () => {
      const running = task();
      running.then(resolve, reject);
      await running;
    });
    promise.catch(() => {});
    return Promise.race([promise, ended.then(() => otherwise)]);
  }

  #hasJoined(number: number): boolean {
    const seat = this.#options.seating.seats[number];
    return seat?.joined === true && !seat.closed;
  }
}
