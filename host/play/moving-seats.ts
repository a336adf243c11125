import { NearlightError } from '../base/errors.ts';
import type { Notice } from '../base/protocol.ts';
import type { PeerEntry } from '../base/setting.ts';
import type { Holder } from '../edge/saga/message.ts';
import type { Destination, Place, Reservation, Seats } from '../edge/saga/seats.ts';
import type { Room } from '../room/room.ts';
import type { Kept, Right, Transfers } from '../stream/transfers.ts';
import type { Checkpoints } from './checkpoints.ts';

export interface MovingSeatsOptions {
  /** The host's games that are running. */
  rooms(): readonly Pick<Room, 'name' | 'moves'>[];
  transfers: Pick<Transfers, 'rightTo' | 'keep' | 'cancel'>;
  /** The checkpoints of the host's matches; undefined if it makes none. */
  checkpoints?: Pick<Checkpoints, 'after' | 'lastDigest'> | undefined;
  peers: readonly PeerEntry[];
  /** For how long a seat waits for its page; RETURN_MS_MAX. */
  returnMsMax: number;
}

/** A seat that waits for a player who moves here. */
interface Arrived {
  readonly game: string;
  readonly kept: Kept;
  hasJoined: boolean;
}

/** The seats of a host's rooms, as moves of players use them. */
export class MovingSeats implements Seats {
  readonly #options: MovingSeatsOptions;
  readonly #arrived = new Map<string, Arrived>();
  /** Moves whose players came, or came back, after the newest state of the game that the store has. */
  readonly #unkept = new Set<string>();

  constructor(options: MovingSeatsOptions) {
    this.#options = options;
  }

  holderOf({ game, seat }: Place): Holder | undefined {
    return this.#options.transfers.rightTo(game, seat);
  }

  async depart(id: string, { game, seat }: Place): Promise<Uint8Array | undefined> {
    return this.#find(game)?.moves.depart(id, seat);
  }

  async restore(id: string, { game }: Place, lost?: { holder: Holder; player: Uint8Array }): Promise<void> {
    if (await this.#find(game)?.moves.restore(id)) return this.#noteUnkept(id, game);
    if (!lost) return;
    const seat = await this.#keepLost(id, game, lost.holder);
    if (!(await this.#find(game)?.moves.arrive(seat, lost.player)))
      throw new NearlightError('NL_MOVE', `${game} cannot use the player's state any more`);
    this.#noteUnkept(id, game);
  }

  async release(id: string, { game }: Place, to: Destination, lost?: Holder): Promise<void> {
    const notice = this.#noticeOf(to);
    if ((await this.#find(game)?.moves.release(id, notice)) || !lost) return;
    const found = await this.#keepLost(id, game, lost);
    await this.#find(game)?.moves.redirect(id, found, notice);
  }

  hasLeft(id: string, { game }: Place): boolean {
    return !this.#find(game)?.moves.has(id);
  }

  async reserve(id: string, game: string, holder: Holder): Promise<number> {
    const known = this.#arrived.get(id);
    if (known && known.kept.state !== 'gone') return known.kept.seat;
    const right = this.#rightOf(game, holder);
    const kept = await this.#options.transfers.keep(game, right, { client: `move ${id}`, isReturning: false });
    // The game has the state of such a player already, or a newer one, or the player has moved on.
    this.#arrived.set(id, { game, kept, hasJoined: kept.isKnown });
    return kept.seat;
  }

  async arrive(id: string, player: Uint8Array): Promise<boolean> {
    const arrived = this.#arrived.get(id);
    if (!arrived || arrived.kept.state === 'gone') return false;
    if (arrived.hasJoined) return true;
    arrived.hasJoined = (await this.#find(arrived.game)?.moves.arrive(arrived.kept.seat, player)) ?? false;
    if (arrived.hasJoined) this.#noteUnkept(id, arrived.game);
    return arrived.hasJoined;
  }

  isKept(id: string): boolean {
    return !this.#unkept.has(id);
  }

  async vacate(id: string, lost?: { game: string; holder: Holder }): Promise<void> {
    const arrived = this.#arrived.get(id);
    if (arrived) arrived.kept.cancel();
    else if (lost) this.#options.transfers.cancel(lost.holder);
    this.forget(id);
  }

  forget(id: string): void {
    this.#arrived.delete(id);
    this.#unkept.delete(id);
  }

  reservation(id: string): Reservation {
    return this.#arrived.get(id)?.kept.state ?? 'gone';
  }

  /** Keeps a seat for a player whose room was lost with the process. If the match goes on, the player may have one. */
  async #keepLost(id: string, game: string, holder: Holder): Promise<number> {
    const { transfers } = this.#options;
    const right = this.#rightOf(game, holder);
    return (await transfers.keep(game, right, { client: `move ${id}`, isReturning: true })).seat;
  }

  /** Returns a player's right with the newest token, if the page has returned since and the host was started again. */
  #rightOf(game: string, { origin, ...holder }: Holder): Right {
    const { checkpoints } = this.#options;
    const first = origin ?? holder.digest;
    return { ...holder, origin: first, digest: checkpoints?.lastDigest(game, first) ?? holder.digest };
  }

  #noteUnkept(id: string, game: string): void {
    const { checkpoints } = this.#options;
    if (!checkpoints) return;
    this.#unkept.add(id);
    void checkpoints.after(game).then(() => this.#unkept.delete(id));
  }

  #noticeOf({ host, game, token }: Destination): Notice {
    const { peers, returnMsMax } = this.#options;
    const pages = peers.find(({ name }) => name === host)?.pages;
    const url = pages === undefined ? {} : { url: new URL('whep', pages.endsWith('/') ? pages : `${pages}/`).href };
    return { kind: 'moved', ...url, game, token, holdMs: returnMsMax };
  }

  #find(game: string): Pick<Room, 'name' | 'moves'> | undefined {
    return this.#options.rooms().find(({ name }) => name === game);
  }
}
