import type { Holder } from './message.ts';

/** A place in a game of this host. */
export interface Place {
  readonly game: string;
  readonly seat: number;
}

/** Where a page finds its player after a move. */
export interface Destination {
  /** Name of the host in MOVE_PEERS; empty for this one. */
  readonly host: string;
  readonly game: string;
  /** The token with which the page takes the seat. */
  readonly token: string;
}

/** A fate of a seat that was reserved: its page has not come yet, has come, or the seat was given away. */
export type Reservation = 'waiting' | 'taken' | 'gone';

/**
 * The seats of this host's games, as moves need them. Each call may be repeated with the same id and then changes nothing more. The
 * rooms may live longer than the moves' own process, or shorter.
 */
export interface Seats {
  /** Returns the right to a seat; undefined if no player has it who could come back to it. */
  holderOf(place: Place): Holder | undefined;
  /** Takes a player out of the game. The seat stays the player's. Returns undefined if the game exports no players, or no one plays there. */
  depart(id: string, place: Place): Promise<Uint8Array | undefined>;
  /**
   * Lets a player join the game again who has departed.
   * @param lost what to put back if the room itself was lost since
   */
  restore(id: string, place: Place, lost?: { holder: Holder; player: Uint8Array }): Promise<void>;
  /**
   * Sends the page of a player who has departed to another place. The seat is free when the page has left.
   * @param lost the right of the player, if the room itself was lost since
   */
  release(id: string, place: Place, to: Destination, lost?: Holder): Promise<void>;
  /** Tells whether the page of a player who has departed has left its seat here. */
  hasLeft(id: string, place: Place): boolean;
  /** Keeps a seat for a page that will come. Returns its number. @throws NearlightError with the reason to refuse the player */
  reserve(id: string, game: string, holder: Holder): Promise<number>;
  /** Lets the player of a reserved seat join with a state. Returns false if the game cannot use the state, or the seat is gone. */
  arrive(id: string, player: Uint8Array): Promise<boolean>;
  /**
   * Tells whether a player who has arrived, or was put back, would be in the game after a crash of the host, as far as a match goes on then.
   * Until then only the move has the player's state.
   */
  isKept(id: string): boolean;
  /**
   * Gives up a reserved seat, unless its page has come, and forgets the reservation.
   * @param lost the right to the seat, which a match that goes on after a restart may still have
   */
  vacate(id: string, lost?: { game: string; holder: Holder }): Promise<void>;
  /** Forgets a reservation whose move is finished. The seat stays as it is. */
  forget(id: string): void;
  reservation(id: string): Reservation;
}
