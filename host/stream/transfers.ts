import type { Config } from '../base/config.ts';
import { findPlace, keepSeat, type Places } from './entrance.ts';
import { OPEN_GATE } from './gate.ts';
import type { ViewRequest } from './player.ts';

/** A player's right to a seat, as another host, or another game of this one, can have it. */
export interface Right {
  /** SHA-256 in base64url of the token that takes the seat. */
  readonly digest: string;
  /** The same of the token that the player's stay began with (KeptSeat); by default it is the same. */
  readonly origin?: string | undefined;
  /** The player's account; undefined if anyone may join. */
  readonly account?: { readonly id: string; readonly role: string } | undefined;
}

/** A seat that is kept for a page which is to come. */
export interface Kept {
  readonly seat: number;
  /** Name of the page's fate: it has not come, has come, or the seat was given away. */
  readonly state: 'waiting' | 'taken' | 'gone';
  /** Whether the player had the seat already, for example in a match that goes on after a restart. */
  readonly isKnown: boolean;
  /** Gives up the seat, if the page has not come. */
  cancel(): void;
}

/** The part of a server that knows which players may move, and keeps seats for those who come from elsewhere. */
export class Transfers {
  readonly #places: Places;
  readonly #config: Pick<Config, 'returnMsMax'>;
  readonly #defaultView: ViewRequest;

  constructor(options: { places: Places; config: Pick<Config, 'returnMsMax'>; defaultView: ViewRequest }) {
    this.#places = options.places;
    this.#config = options.config;
    this.#defaultView = options.defaultView;
  }

  /** Returns the right to a seat; undefined if no page is there that can return to it. */
  rightTo(game: string, seat: number): Right | undefined {
    const found = this.#places.returns.at(game, seat);
    if (!found) return undefined;
    const { digest, origin } = found;
    const { account } = found.arrival.ticket.pass;
    return { digest, origin, ...(account ? { account } : {}) };
  }

  /**
   * Keeps a seat for a player whom the rules of the game let in, for as long as for one who has lost the connection. A player who has a seat
   * already keeps that one.
   * @param options.client the key under which the seat is counted until the page has come
   * @param options.isReturning whether the player was in the game before
   * @throws NearlightError with the reason to refuse the player
   */
  async keep(game: string, right: Right, options: { client: string; isReturning: boolean }): Promise<Kept> {
    const { client, isReturning } = options;
    const { returns, options: hooks } = this.#places;
    let state: Kept['state'] = 'waiting';
    const onEnd = (isTaken: boolean) => {
      state = isTaken ? 'taken' : 'gone';
    };
    const { digest, origin = digest } = right;
    const reserve = async (): Promise<number> => {
      const { gate = OPEN_GATE } = hooks;
      const pass = gate.passOf(right.account);
      await gate.judge(pass, { kind: isReturning ? 'return' : 'play', client, game });
      const take = await findPlace(this.#places, { ...this.#defaultView, game }, false);
      const holdMs = this.#config.returnMsMax;
      return keepSeat(this.#places, { client, pass, digest, origin }, { take, holdMs, onEnd }).player.seat;
    };
    const known = returns.adopt(game, origin, onEnd);
    if (known?.isTaken) state = 'taken';
    return {
      seat: known?.seat ?? (await reserve()),
      isKnown: known !== undefined,
      get state() {
        return state;
      },
      cancel: () => this.cancel(right),
    };
  }

  /** Gives up a seat that waits for a page with a right to it. */
  cancel({ digest }: Pick<Right, 'digest'>): void {
    this.#places.returns.cancelDigest(Buffer.from(digest, 'base64url'));
  }
}
