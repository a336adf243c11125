import type { JoinStep } from '../base/join-steps.ts';
import { type Account, ANYONE, type Pass } from '../base/pass.ts';

/** How someone joins: a new player, a spectator, or a player who returns to a seat. */
export type JoinKind = 'play' | 'watch' | 'return';

/** Someone who asks to join a game. */
export interface Join {
  readonly kind: JoinKind;
  /** The key under which the address is counted. */
  readonly client: string;
  /** Name of the game; undefined for the host's first one. */
  readonly game?: string | undefined;
}

/** A place in a room: a seat, or a spectator's. */
export interface RoomPlace {
  readonly room: string;
  /** undefined for a spectator. */
  readonly seat: number | undefined;
}

/** The part of a gate that knows tokens and join tickets. */
export interface Tickets {
  /** For how many milliseconds a ticket is valid and its seat is kept. */
  readonly msMax: number;
  isTicket(bearer: string | undefined): boolean;
  /** Returns a name for a ticket, which is also the token with which its seat is reserved. */
  createId(): string;
  issue(id: string, pass: Pass, place: RoomPlace): Promise<{ text: string; expiresAt: number }>;
  /** Checks a ticket and uses it up. @throws NearlightError NL_TICKET */
  redeem(text: string): Promise<RoomPlace & { id: string; pass: Pass }>;
  /** Returns the refusal for a ticket that does not fit the request, or whose seat was given away. */
  refuse(reason: 'ticket-invalid' | 'ticket-seat'): Error;
}

/** The way in for players to whom a fleet has given seats. */
export interface FleetEntrance {
  /**
   * Checks a ticket of the fleet and uses it up.
   * @returns the player's pass, and a function to call when the player has taken a seat
   * @throws NearlightError NL_TICKET
   */
  redeem(bearer: string | undefined): Promise<{ pass: Pass; arrive(): void }>;
  /** Returns the refusal for players who come without a ticket. */
  missing(): Error;
}

/** Decides who may join. Its steps are timed and counted. */
export interface Gate {
  /** undefined if anyone may join. */
  readonly tickets?: Tickets | undefined;
  /** undefined if the host's seats are not given away by a fleet. With one, new players need its tickets. */
  readonly fleet?: FleetEntrance | undefined;
  /** Runs a step that is not the gate's own. @throws what `work` throws */
  measure<T>(step: JoinStep, work: () => T | Promise<T>): Promise<T>;
  /**
   * Finds out who joins.
   * @param bearer the token that came with the request (RFC 6750)
   * @throws NearlightError NL_TOKEN_MISSING, NL_TOKEN, NL_TOKEN_EXPIRED, NL_ISSUER, NL_ACCOUNT_RATE, NL_ACCOUNT_FULL
   */
  identify(bearer: string | undefined): Promise<Pass>;
  /**
   * Makes the pass of a player who was identified before: by another host of the same operator, or in an earlier process.
   * @param account undefined if anyone was let in there
   * @throws NearlightError NL_TOKEN_MISSING if this host wants an account
   */
  passOf(account: Account | undefined): Pass;
  /**
   * Asks the rules of the game. A returning player is refused only if they say so, not if they cannot be asked.
   * @returns the name of the game's room
   * @throws NearlightError NL_POLICY, NL_POLICY_DOWN, NL_RISK, NL_ROOM_FULL
   */
  judge(pass: Pass, join: Join): Promise<string>;
}

/** A gate that lets anyone in. */
export const OPEN_GATE: Gate = {
  measure: async (_step, work) => work(),
  identify: async () => ANYONE,
  passOf: () => ANYONE,
  judge: async (_pass, { game = '' }) => game,
};

/** Reads the token of a request (RFC 6750, 2.1); undefined if it has none. A token of another scheme is returned as it is. */
export function readBearer(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  return /^bearer +(\S+)$/i.exec(header)?.[1] ?? header;
}
