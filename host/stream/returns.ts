import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Pass } from '../base/pass.ts';
import type { CloseReason } from '../base/protocol.ts';
import type { Tier } from '../base/tiers.ts';
import type { Milli } from '../base/time.ts';
import type { Ticket } from './admission.ts';
import type { Player, ViewRequest } from './player.ts';
import type { CountedTier, TierCounter } from './tiers.ts';

/** 128 bits from the system's random source cannot be guessed. */
const TOKEN_BYTES = 16;
const TOKEN = /^[\w-]{22}$/;
const PAGE = /^([\w-]{16,64})(;take)?$/;
/** A page that never learned whether its last attempts succeeded presents the tokens of all of them. */
const TOKENS_MAX = 8;
/** A connection that ended for one of these reasons was lost against the player's will. */
const LOSSES: ReadonlySet<CloseReason> = new Set(['page', 'idle', 'failed']);

/** Makes a token with which a page can return to its seat. */
export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/**
 * Reads the header HEADER_RETURN of a request.
 * @returns the well-formed tokens in it, of which only the first few count; undefined if the page cannot return
 */
export function readTokens(header: string | string[] | undefined): string[] | undefined {
  if (header === undefined) return undefined;
  const text = Array.isArray(header) ? header.join(',') : header;
  return text
    .split(',', TOKENS_MAX)
    .map((token) => token.trim())
    .filter((token) => TOKEN.test(token));
}

/** A page that asks for a connection. */
export interface Asking {
  /** The id of the page; undefined if it has sent none. */
  readonly id: string | undefined;
  /** Whether the page wants its seat even if another page plays there now. */
  readonly takes: boolean;
}

/** Reads the header HEADER_PAGE of a request. One that is not well-formed means nothing. */
export function readPage(header: string | string[] | undefined): Asking {
  const [, id, takes] = PAGE.exec(String(header ?? '')) ?? [];
  return { id, takes: takes !== undefined };
}

/** A seat that its player may take after the process has ended, as far as this process knows it. */
export interface KeptSeat {
  readonly game: string;
  readonly seat: number;
  /** SHA-256 of the token with which the page can return. */
  readonly digest: Buffer;
  /** The digest that the stay began with. Tokens change with each return; this tells the stay from others in the same seat. */
  readonly origin: Buffer;
  readonly pass: Pass;
}

export interface ReturnsOptions {
  /** Counts the stays by their tier. */
  tiers?: TierCounter;
  /** Called when a seat was taken or given up. */
  onChange?(): void;
}

export type ReturnLimits = Pick<Config, 'returnMsMax' | 'reloadMsMax' | 'addressHeldMax'>;

/** Who takes a seat, and over which connection. */
export interface Arrival {
  /** Id of the connection. */
  readonly id: string;
  /** The token with which the page can return; undefined if it cannot. */
  readonly token: string | undefined;
  /** The digest of that token, from one who does not know the token itself. */
  readonly digest?: string;
  /** The digest that the stay began with, if that was in another process; by default the present one. */
  readonly origin?: string | undefined;
  readonly ticket: Ticket;
  /** The id of the page; undefined if it has sent none. */
  readonly page?: string | undefined;
  /** Tells whether the page is still there. Takes a moment. */
  isAlive?(): Promise<boolean>;
  /** Closes the connection. */
  close(reason: CloseReason): void;
  /** Called when the seat is another connection's (true), or free (false). */
  onEnd?(isTaken: boolean): void;
  /** Closes the connection because another page, not this one, has taken the seat. By default it is closed without a word. */
  giveWay?(): void;
}

/** A player's claim to a seat, which may outlive the connection. The seat waits while there is no connection. */
export interface Stay {
  readonly player: Player;
  readonly arrival: Pick<Arrival, 'ticket'>;
}

interface Entry extends Stay {
  player: Player;
  arrival: Arrival;
  digest: Buffer | undefined;
  /** See KeptSeat. */
  origin: Buffer | undefined;
  /** The digest of the page from which another one has taken the seat. With its token that page can take the seat back. */
  former: Buffer | undefined;
  isConnected: boolean;
  /** Whether no page has had the seat yet. */
  isReserved: boolean;
  /** Whether the page has said that it is being closed. */
  isLeaving: boolean;
  timer: NodeJS.Timeout | undefined;
  readonly tier: CountedTier | undefined;
}

/**
 * Knows which player has which seat, and keeps the seats of those who lost their connection for a while. A page proves with a
 * token that a seat is its own. Only a digest of the token is kept. A token works once: with each return the page gets another. Only if
 * another page takes the seat, as in a tab that was duplicated, the page that had it can take it back.
 * A token that is unknown, forged or old means nothing, and its page is treated as a new one.
 */
export class Returns {
  readonly #limits: ReturnLimits;
  readonly #options: ReturnsOptions;
  /** All stays. Those that have waited longest come first among those that wait. */
  readonly #entries = new Set<Entry>();

  constructor(limits: ReturnLimits, options: ReturnsOptions = {}) {
    this.#limits = limits;
    this.#options = options;
  }

  /** Number of seats that wait for their players. */
  get held(): number {
    return [...this.#entries].filter(({ isConnected }) => !isConnected).length;
  }

  /** Number of seats that wait for players who have not come yet. */
  get reserved(): number {
    return [...this.#entries].filter(({ isReserved }) => isReserved).length;
  }

  /** The seats whose players can return. */
  get kept(): KeptSeat[] {
    return [...this.#entries].flatMap((entry) => keptSeat(entry) ?? []);
  }

  /** Returns the seat of a connection whose player can return; undefined if it has none. */
  seatOf(id: string): KeptSeat | undefined {
    const entry = this.#byId(id);
    return entry && keptSeat(entry);
  }

  /**
   * Finds the seat that one of the tokens gives a right to; undefined if there is none or its game has ended.
   * @param takes whether the page wants the seat back that another page of the same player has taken
   */
  find(tokens: readonly string[] = [], takes = false): Stay | undefined {
    for (const token of tokens) {
      const digest = digestOf(token);
      const isValid = (own: Buffer | undefined) => own !== undefined && timingSafeEqual(own, digest);
      for (const entry of this.#entries)
        if ((isValid(entry.digest) || (takes && isValid(entry.former))) && entry.player.canReturn()) return entry;
    }
    return undefined;
  }

  /**
   * Tells whether another page plays in a seat than the one that asks for it. A tab that the browser has duplicated asks with the same token.
   * A ghost, whose page is gone, plays no longer.
   */
  async isPlayedElsewhere(stay: Stay, asking: Asking): Promise<boolean> {
    const entry = [...this.#entries].find((known) => known === stay);
    if (!entry?.isConnected || asking.takes) return false;
    const { arrival } = entry;
    if (asking.id === undefined || arrival.page === undefined || arrival.page === asking.id) return false;
    const isAlive = (await arrival.isAlive?.()) ?? false;
    return isAlive && entry.isConnected && entry.arrival === arrival;
  }

  /** Notes that a player who is new here has taken a seat. */
  add(player: Player, arrival: Arrival): void {
    this.#add(player, arrival);
  }

  /**
   * Notes that a player who is new here has a seat but no connection yet. It waits for `holdMs`.
   * @param arrival holds the token with which the page takes the seat
   */
  reserve(player: Player, arrival: Arrival, holdMs: number): void {
    const entry = this.#add(player, arrival, 'cold');
    entry.isReserved = true;
    this.#wait(entry, holdMs);
  }

  /** Holds a seat for its player as `reserve` does, after another process has given the token. It counts for no address. */
  resume(player: Player, { digest, origin, pass }: Omit<KeptSeat, 'game' | 'seat'>, holdMs: number): void {
    pass.take();
    const ticket: Ticket = { client: '', pass, seat() {}, close: () => pass.free() };
    const id = randomBytes(TOKEN_BYTES).toString('base64url');
    const proof = { token: undefined, digest: digest.toString('base64url'), origin: origin.toString('base64url') };
    this.#wait(this.#add(player, { ...proof, id, ticket, close: () => {} }, 'cold'), holdMs);
  }

  /**
   * Gives the player's seat to another connection. The earlier connection, if it is still there, gives way at once.
   * @throws NearlightError NL_ADDRESS_FULL, or NL_CONNECTION if the seat is the player's no longer
   */
  take(stay: Stay | undefined, arrival: Arrival, request: ViewRequest): Player {
    const entry = [...this.#entries].find((known) => known === stay);
    if (!entry?.player.canReturn()) throw new NearlightError('NL_CONNECTION', 'the seat was given away; try again');
    const { arrival: former, isConnected } = entry;
    arrival.ticket.seat(former.ticket);
    clearTimeout(entry.timer);
    entry.timer = undefined;
    entry.player = entry.player.return(request);
    entry.arrival = arrival;
    const isOther = former.page !== undefined && arrival.page !== undefined && former.page !== arrival.page;
    if (isOther) entry.former = entry.digest;
    entry.digest = arrival.token === undefined ? undefined : digestOf(arrival.token);
    entry.isLeaving = entry.isReserved = false;
    entry.isConnected = true;
    entry.tier?.move('hot');
    former.onEnd?.(true);
    this.#options.onChange?.();
    if (isConnected && isOther && former.giveWay) former.giveWay();
    else if (isConnected) former.close('replaced');
    return entry.player;
  }

  /** Notes that the page of a connection is hidden or shown. @param tookMs how long the change took */
  move(id: string, tier: Exclude<Tier, 'cold'>, tookMs?: Milli): void {
    this.#byId(id)?.tier?.move(tier, tookMs);
  }

  /**
   * Returns the player of a seat, the digest of the token that the seat is taken with, and the one that the stay began with; undefined if no
   * player can return there.
   */
  at(game: string, seat: number): (Stay & { digest: string; origin: string }) | undefined {
    for (const { player, arrival, digest, origin = digest } of this.#entries)
      if (player.game === game && player.seat === seat && digest && origin && player.canReturn())
        return { player, arrival, digest: digest.toString('base64url'), origin: origin.toString('base64url') };
    return undefined;
  }

  /**
   * Finds the seat that a player has in a game. If it waits, `onEnd` learns its fate (Arrival), as do all who have asked before. The digest is
   * that of the token, or the one that the stay began with.
   * @returns the number of the seat, and whether a page has it; undefined if the player has none
   */
  adopt(
    game: string,
    digest: string,
    onEnd: NonNullable<Arrival['onEnd']>,
  ): { seat: number; isTaken: boolean } | undefined {
    const own = Buffer.from(digest, 'base64url');
    for (const entry of this.#entries) {
      const isOwn = entry.digest?.equals(own) || entry.origin?.equals(own);
      if (entry.player.game !== game || !isOwn || !entry.player.canReturn()) continue;
      if (!entry.isConnected) entry.arrival = { ...entry.arrival, onEnd: both(entry.arrival.onEnd, onEnd) };
      return { seat: entry.player.seat, isTaken: entry.isConnected };
    }
    return undefined;
  }

  /** Gives up a seat that was reserved for a page with this token, if the page has not taken it. */
  cancel(token: string): void {
    this.cancelDigest(digestOf(token));
  }

  /** As `cancel`, by the digest of the token. */
  cancelDigest(digest: Buffer): void {
    for (const entry of this.#entries)
      if (!entry.isConnected && entry.digest !== undefined && timingSafeEqual(entry.digest, digest))
        this.#free(entry, 'page');
  }

  /**
   * Notes that a connection has closed. Its seat waits for the player if the connection was lost, and is free otherwise.
   * @param silentMs for how long nothing had arrived from the page
   * @returns false if the connection has no seat, or has it no longer
   */
  lose(id: string, reason: CloseReason, silentMs?: Milli): boolean {
    const entry = this.#byId(id);
    if (!entry) return false;
    const holdMs = this.#holdMsAfter(entry, reason);
    if (holdMs === 0) this.#free(entry, reason);
    else {
      entry.player.onLost();
      this.#bound(entry.arrival.ticket.client);
      this.#wait(entry, holdMs);
      entry.tier?.move('cold', silentMs);
    }
    return true;
  }

  /**
   * Notes that a page says that its player leaves.
   * @param mayReturn whether the page is only being closed or reloaded, so that the seat waits a little
   * @returns false if the connection has no seat
   */
  leave(id: string, mayReturn: boolean): boolean {
    const entry = this.#byId(id);
    if (!entry) return false;
    entry.isLeaving = mayReturn;
    if (entry.isConnected) entry.arrival.close('deleted');
    else if (mayReturn) this.#wait(entry, this.#reloadMs);
    else this.#free(entry, 'deleted');
    return true;
  }

  /** Frees all seats that wait, because the server closes. */
  close(): void {
    for (const entry of this.#entries) if (!entry.isConnected) this.#free(entry, 'shutdown');
  }

  #add(player: Player, arrival: Arrival, tier: Tier = 'hot'): Entry {
    const { token, digest = token && digestOf(token).toString('base64url'), origin = digest } = arrival;
    const entry: Entry = {
      player,
      arrival,
      digest: digest ? Buffer.from(digest, 'base64url') : undefined,
      origin: origin ? Buffer.from(origin, 'base64url') : undefined,
      former: undefined,
      isConnected: true,
      isReserved: false,
      isLeaving: false,
      timer: undefined,
      tier: this.#options.tiers?.open(tier, player.seat),
    };
    this.#entries.add(entry);
    this.#options.onChange?.();
    return entry;
  }

  get #reloadMs(): number {
    return Math.min(this.#limits.reloadMsMax, this.#limits.returnMsMax);
  }

  #holdMsAfter({ digest, isLeaving, player }: Entry, reason: CloseReason): number {
    if (!digest || !player.canReturn()) return 0;
    if (LOSSES.has(reason)) return isLeaving ? this.#reloadMs : this.#limits.returnMsMax;
    return reason === 'deleted' && isLeaving ? this.#reloadMs : 0;
  }

  #byId(id: string): Entry | undefined {
    for (const entry of this.#entries) if (entry.arrival.id === id) return entry;
    return undefined;
  }

  #wait(entry: Entry, holdMs: number): void {
    clearTimeout(entry.timer);
    entry.isConnected = false;
    // The entry moves to the end, so that those that have waited longest come first.
    this.#entries.delete(entry);
    this.#entries.add(entry);
    entry.timer = setTimeout(() => this.#free(entry, 'page'), holdMs).unref();
  }

  /** Frees the seat that has waited longest if too many wait for players of one address. */
  #bound(client: string): void {
    const waiting = [...this.#entries].filter(
      ({ isConnected, arrival }) => !isConnected && arrival.ticket.client === client,
    );
    const [longest] = waiting;
    if (longest && waiting.length >= this.#limits.addressHeldMax) this.#free(longest, 'displaced');
  }

  #free(entry: Entry, reason: CloseReason): void {
    clearTimeout(entry.timer);
    if (!this.#entries.delete(entry)) return;
    entry.tier?.close();
    entry.arrival.ticket.close();
    entry.arrival.onEnd?.(false);
    entry.player.onClosed(reason);
    this.#options.onChange?.();
  }
}

function keptSeat({ player, digest, origin = digest, arrival }: Entry): KeptSeat | undefined {
  if (!digest || !origin || !player.canReturn()) return undefined;
  return { game: player.game, seat: player.seat, digest, origin, pass: arrival.ticket.pass };
}

/** Two moves of one player may wait for the fate of the same seat. */
function both(first: Arrival['onEnd'], second: NonNullable<Arrival['onEnd']>): NonNullable<Arrival['onEnd']> {
  return (isTaken) => {
    first?.(isTaken);
    second(isTaken);
  };
}

/** Returns the digest of a token, which the host keeps in its place. */
export function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
