import type { NearlightError } from '../base/errors.ts';
import type { GameLoop } from './loop.ts';
import type { Loaded } from './options.ts';
import type { Seat } from './seat.ts';

export interface PlayerMovesOptions {
  seats: readonly (Seat | undefined)[];
  /** Resolves when the room has ended. */
  ended: Promise<NearlightError | undefined>;
  loop(): Pick<GameLoop, 'tasks' | 'replay'>;
  /** Returns the running module. */
  game(): Loaded;
}

/** Takes what belongs to a player out of a room, and puts it into another room of the same game. */
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

  #hasJoined(number: number): boolean {
    const seat = this.#options.seats[number];
    return seat?.joined === true && !seat.closed;
  }
}
