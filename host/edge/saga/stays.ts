import { MEANING, type MoveState } from './states.ts';

/** A move as it is now. */
interface Move {
  readonly state: MoveState;
}

/**
 * The stays of players at this host that a move began, or that another one ends, as long as these moves are not finished. A stay is known by
 * the digest of the token that it began with. It ties the two moves of a player together who moves on before the move here has ended: the
 * second begins when the first is decided, and ends when the first has ended. So a restart never seats a player again who has moved on.
 */
export class Stays {
  readonly #arrivals = new Map<string, Move>();
  readonly #departures = new Map<string, Set<Move>>();

  /** Notes that a stay begins with a move. */
  begin(origin: string, arrival: Move): void {
    this.#arrivals.set(origin, arrival);
  }

  /** Forgets a move that is finished. */
  forgetBeginning(origin: string, arrival: Move): void {
    if (this.#arrivals.get(origin) === arrival) this.#arrivals.delete(origin);
  }

  /** Notes that a move ends a stay, unless it is undone. */
  end(origin: string, departure: Move): void {
    const departures = this.#departures.get(origin) ?? new Set();
    this.#departures.set(origin, departures.add(departure));
  }

  /** Forgets a move that is finished. */
  forgetEnd(origin: string, departure: Move): void {
    const departures = this.#departures.get(origin);
    departures?.delete(departure);
    if (departures?.size === 0) this.#departures.delete(origin);
  }

  /** Whether the move with which the stay began is not finished. After a restart, it would seat the player. */
  isBeginning(origin: string): boolean {
    return this.#arrivals.has(origin);
  }

  /** Whether the player belongs here, as far as this host knows: the move with which the stay began, if there is one, is committed. */
  isOwn(origin: string): boolean {
    const arrival = this.#arrivals.get(origin);
    return arrival === undefined || MEANING[arrival.state].owner === 'target';
  }

  /** Whether it is decided that the player belongs to another game, though that move is not finished. */
  hasMovedOn(origin: string): boolean {
    for (const { state } of this.#departures.get(origin) ?? []) if (MEANING[state].owner === 'target') return true;
    return false;
  }
}
