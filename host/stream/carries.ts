import { NearlightError } from '../base/errors.ts';
import type { CarrySeal, CarryTicket } from './carry-ticket.ts';
import type { Transfers } from './transfers.ts';

/** A server that has taken so many players within the life of a ticket takes no further ones. */
const USED_MAX = 10_000;

export interface CarriesOptions {
  seal: Pick<CarrySeal, 'open'>;
  transfers: Pick<Transfers, 'keep'>;
  /** Names of the games that run here. */
  games(): readonly string[];
  /** Lets the player of a seat join with a state. @returns whether the game has taken the state */
  arrive(game: string, seat: number, state: Uint8Array): Promise<boolean>;
  warn(message: string): void;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** Takes players whom another server of the game has sent here, each with a carry ticket that is valid once. */
export class Carries {
  readonly #options: CarriesOptions;
  /** Ends of the tickets that were used, by id, in the order of their use. */
  readonly #used = new Map<string, number>();

  constructor(options: CarriesOptions) {
    this.#options = options;
  }

  /**
   * Keeps a seat for the player of a ticket, who joins with the state of before. The page takes the seat with its token.
   * @throws NearlightError NL_CARRY, and as Transfers.keep, after which the ticket can be used again
   */
  async take(text: string): Promise<void> {
    const { seal, transfers, games, warn } = this.#options;
    const ticket = seal.open(text);
    const { id, game, digest, origin, account, state } = ticket;
    if (!games().includes(game)) throw new NearlightError('NL_CARRY', `it is for the game ${game}, which is not here`);
    this.#use(ticket);
    try {
      const options = { client: `carry ${id}`, isReturning: true };
      const kept = await transfers.keep(game, { digest, origin, account }, options);
      // A match that goes on here after a restart has the state already.
      if (state === undefined || kept.isKnown) return;
      const hasState = await this.#options.arrive(game, kept.seat, state);
      if (!hasState) warn(`${game}: seat ${kept.seat} begins without the state that the player had elsewhere`);
    } catch (error) {
      this.#used.delete(id);
      throw error;
    }
  }

  #use({ id, until }: CarryTicket): void {
    const { now = Date.now } = this.#options;
    const at = now();
    for (const [known, end] of this.#used) if (end <= at) this.#used.delete(known);
    if (this.#used.has(id)) throw new NearlightError('NL_CARRY', 'it was used here before');
    if (this.#used.size >= USED_MAX) throw new NearlightError('NL_CARRY', 'too many players have come here at once');
    this.#used.set(id, until);
  }
}
