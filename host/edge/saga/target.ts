import { type Clock, systemClock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Level, Log } from '../../base/log.ts';
import { milli } from '../../base/time.ts';
import { type Entry, Journal, type JournalStore } from './journal.ts';
import { bytesOf, type Holder, type MoveAnswer, type MoveMessage, parseHolder, parsePlayer } from './message.ts';
import type { MoveMeters } from './meters.ts';
import { type Peer, refusalOf } from './peer.ts';
import type { Seats } from './seats.ts';
import type { Decision } from './states.ts';
import type { Stays } from './stays.ts';
import { Unfinished } from './unfinished.ts';

/** Limit on the moves to this host that are not finished. */
export const ARRIVALS_MAX = 4096;
/** A seat is kept for this long for a player whose state has not come. The source gives up earlier. */
export const RESERVED_MS_MAX = 5000;
/** When a move has not been decided for this long, the host asks. */
export const DOUBT_MS = 1000;
/** For how long a host tries again to seat a player who has moved, if no seat was free after a restart. */
const UNSEATED_MS_MAX = 3_600_000;

/** A move to this host, as its journal keeps it. */
interface Arrival {
  /** Name of the host that the player leaves; '' for this one. */
  readonly from: string;
  readonly game: string;
  /** Undefined if the move was cancelled before its first message came. */
  readonly holder?: Holder | undefined;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Version of the newest message that was obeyed. */
  readonly heard: number;
  /** The player's state in base64. */
  readonly player?: string | undefined;
}

type ArrivalEntry = Entry<Arrival>;

export interface MoveTargetOptions {
  store: JournalStore;
  seats: Pick<Seats, 'reserve' | 'arrive' | 'vacate' | 'forget' | 'reservation' | 'isKept'>;
  /** Shared with the host's MoveSource. */
  stays: Stays;
  /** Returns a host by its name; undefined if it is not known any more. */
  peerOf(name: string): Peer | undefined;
  meters: MoveMeters;
  log: Log;
  stepMsMax: number;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

/**
 * The host to which a player moves. It keeps on its disk what it has promised, and owns the player when it knows that the source has
 * decided so. It never decides by itself after it has got the player's state, but asks.
 */
export class MoveTarget {
  readonly #options: MoveTargetOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #journal: Journal<Arrival>;
  readonly #open: Unfinished<ArrivalEntry>;
  /** The last call for each move. Calls for the same move wait for each other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Players for whom no seat was free when this host had to seat them. */
  readonly #unseated = new Set<string>();

  constructor(options: MoveTargetOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
    this.#journal = new Journal({ store: options.store, kind: 'arrival', now: this.#now, read: readArrival });
    this.#open = new Unfinished(options.meters.movesOpen, 'arrivals');
  }

  /** Obeys a message of the host that a player leaves. Never throws. @param from name of that host; '' for this one */
  handle(message: MoveMessage, from: string): Promise<MoveAnswer> {
    return this.#inTurn(message.id, () => this.#obey(message, from)).catch(refusalOf);
  }

  /** Goes on with the moves that a crash has interrupted, after MoveSource.read. @throws as the store */
  async recover(): Promise<void> {
    const { log } = this.#options;
    const entries = await this.#journal.unfinished((id) =>
      log('error', `the move ${id} is damaged, and is left as it is`),
    );
    for (const entry of entries) this.#add(entry);
    await Promise.all(
      entries.map((entry) => this.#inTurn(entry.id, () => this.#resume(entry)).catch(this.#note(entry))),
    );
  }

  /** Looks after the moves that are not finished, as happens by itself. */
  async tend(): Promise<void> {
    const entries = this.#open.all;
    await Promise.all(
      entries.map((entry) => this.#inTurn(entry.id, () => this.#tend(entry)).catch(this.#note(entry, 'debug'))),
    );
  }

  async #obey(message: MoveMessage, from: string): Promise<MoveAnswer> {
    const { id, version } = message;
    const entry = this.#open.get(id) ?? (await this.#journal.get(id));
    if (entry && entry.data.from !== from)
      throw new NearlightError('NL_MOVE_MESSAGE', 'the move belongs to another host');
    if (message.kind === 'reserve' && !entry) return this.#reserve(message, from);
    if (message.kind === 'cancel' && !entry) return this.#refuseInAdvance(message, from);
    if (!entry) throw new NearlightError('NL_MOVE', 'the move is not known here');
    const { heard } = entry.data;
    const isCancel = message.kind === 'cancel' && version > heard;
    if (version !== heard && version !== heard + 1 && !isCancel)
      throw new NearlightError('NL_MOVE_MESSAGE', `version ${version} comes after version ${heard}`);
    if (message.kind === 'reserve') return this.#reserveAgain(entry);
    if (message.kind === 'import') return this.#import(entry, message);
    if (message.kind === 'commit') return this.#commit(entry, version);
    if (message.kind === 'cancel') return this.#cancel(entry, version);
    throw new NearlightError('NL_MOVE_MESSAGE', 'this host does not decide about the move');
  }

  async #reserve(
    { id, trace, version, game, holder }: MoveMessage & { kind: 'reserve' },
    from: string,
  ): Promise<MoveAnswer> {
    if (version !== 1) throw new NearlightError('NL_MOVE_MESSAGE', 'a move begins with version 1');
    if (this.#open.size >= ARRIVALS_MAX) throw new NearlightError('NL_MOVE', 'too many players move here at once');
    const data = { from, game, holder, since: this.#now(), heard: version };
    const entry: ArrivalEntry = { id, trace, state: 'preparing', version: 0, data };
    await this.#journal.advance(entry, 'preparing');
    this.#add(entry);
    try {
      return { ok: true, seat: await this.#seat(entry) };
    } catch (error) {
      await this.#undo(entry);
      throw error;
    }
  }

  async #reserveAgain(entry: ArrivalEntry): Promise<MoveAnswer> {
    if (entry.state !== 'preparing') throw stale(entry);
    return { ok: true, seat: await this.#seat(entry) };
  }

  /** Keeps in mind that a move was cancelled whose first message has not come, and may still come. */
  async #refuseInAdvance({ id, trace, version }: MoveMessage, from: string): Promise<MoveAnswer> {
    const data = { from, game: '', since: this.#now(), heard: version };
    await this.#journal.advance({ id, trace, state: 'preparing', version: 0, data }, 'compensated');
    return { ok: true };
  }

  async #import(entry: ArrivalEntry, { player, version }: MoveMessage & { kind: 'import' }): Promise<MoveAnswer> {
    if (entry.state === 'executing') {
      if (entry.data.player !== player)
        throw new NearlightError('NL_MOVE_MESSAGE', 'the state is not the one of before');
    } else if (entry.state !== 'preparing') throw stale(entry);
    else await this.#journal.advance(entry, 'executing', { ...entry.data, player, heard: version });
    try {
      await this.#settle(entry);
      return { ok: true };
    } catch (error) {
      await this.#undo(entry);
      throw error;
    }
  }

  async #commit(entry: ArrivalEntry, version: number): Promise<MoveAnswer> {
    if (entry.state === 'committed' || entry.state === 'cleanup') return { ok: true };
    if (entry.state !== 'executing') throw stale(entry);
    await this.#own(entry, version);
    return { ok: true };
  }

  async #cancel(entry: ArrivalEntry, version: number): Promise<MoveAnswer> {
    if (entry.state === 'committed' || entry.state === 'cleanup') throw stale(entry);
    if (entry.state !== 'compensated') await this.#undo(entry, version);
    return { ok: true };
  }

  /** Takes a player over for good. */
  async #own(entry: ArrivalEntry, heard: number): Promise<void> {
    const { log, meters } = this.#options;
    await this.#journal.advance(entry, 'committed', { ...entry.data, heard });
    meters.moves.arrived++;
    log('info', `${entry.data.game}: a player has moved here`, { room: entry.data.game, traceId: entry.trace });
    await this.#settle(entry).catch((error: unknown) => this.#noteUnseated(entry, error));
  }

  /** Seats a player of an earlier process who belongs here, unless the player has moved on since. */
  async #seatAgain(entry: ArrivalEntry): Promise<void> {
    if (this.#hasMovedOn(entry)) await this.#finish(entry);
    else await this.#settle(entry).catch((error: unknown) => this.#noteUnseated(entry, error));
  }

  async #undo(entry: ArrivalEntry, heard = entry.data.heard): Promise<void> {
    const { player: _, ...data } = entry.data;
    if (entry.state !== 'compensating') await this.#journal.advance(entry, 'compensating', { ...data, heard });
    const { game, holder } = data;
    await this.#options.seats.vacate(entry.id, holder && { game, holder });
    await this.#journal.advance(entry, 'compensated');
    this.#forget(entry);
  }

  async #resume(entry: ArrivalEntry): Promise<void> {
    if (entry.state === 'preparing' || entry.state === 'compensating') return this.#undo(entry);
    if (entry.state === 'committed') return this.#seatAgain(entry);
    return this.#resolve(entry);
  }

  async #tend(entry: ArrivalEntry): Promise<void> {
    const { id, state, data } = entry;
    const ageMs = this.#now() - data.since;
    if (state === 'preparing' && ageMs >= RESERVED_MS_MAX) await this.#undo(entry);
    else if (state === 'compensating') await this.#undo(entry);
    else if (state === 'executing' && ageMs >= DOUBT_MS) await this.#resolve(entry);
    else if (state === 'committed' && this.#isOver(entry)) await this.#finish(entry);
    else if (state === 'committed' && this.#unseated.has(id)) await this.#settle(entry);
  }

  /**
   * Whether the page of a player who has moved here has come, or will not come, and the move's row need not keep the state any longer. The state
   * of one who has moved on is elsewhere.
   */
  #isOver(entry: ArrivalEntry): boolean {
    const { id, data } = entry;
    const { seats } = this.#options;
    if (this.#hasMovedOn(entry)) return true;
    if (this.#unseated.has(id)) return this.#now() - data.since >= UNSEATED_MS_MAX;
    const fate = seats.reservation(id);
    return fate === 'gone' || (fate === 'taken' && seats.isKept(id));
  }

  /** Finds out whether a player belongs here whose state has come. */
  async #resolve(entry: ArrivalEntry): Promise<void> {
    const { seats } = this.#options;
    // A page gets the token of the seat only after the decision.
    const decision = seats.reservation(entry.id) === 'taken' ? 'committed' : await this.#askSource(entry);
    if (decision === 'committed') await this.#own(entry, entry.data.heard + 1);
    if (decision === 'cancelled') await this.#undo(entry);
  }

  async #askSource({ id, trace, data }: ArrivalEntry): Promise<Decision> {
    const { peerOf, stepMsMax } = this.#options;
    const peer = peerOf(data.from);
    if (!peer) throw new NearlightError('NL_MOVE', `${data.from} is not in MOVE_PEERS any more`);
    const abort = new AbortController();
    const late = this.#clock.until(milli(this.#clock.now() + stepMsMax)).then(() => abort.abort());
    const asked = peer.ask({ kind: 'ask', id, trace, version: data.heard }, abort.signal);
    const answer = await Promise.race([asked, late.then(() => undefined)]);
    if (answer?.ok) return answer.decision ?? 'open';
    return 'open';
  }

  async #finish(entry: ArrivalEntry): Promise<void> {
    const isLost = this.#unseated.has(entry.id) && !this.#hasMovedOn(entry);
    const { player, ...data } = entry.data;
    if (isLost)
      this.#options.log(
        'error',
        `${data.game}: no seat was free for a player who has moved here; the store keeps the state of the move ${entry.id}`,
        {
          traceId: entry.trace,
        },
      );
    this.#options.seats.forget(entry.id);
    await this.#journal.advance(entry, 'cleanup', isLost ? { ...data, player } : data);
    this.#forget(entry);
  }

  /** Reserves a player's seat, unless it is reserved. Returns its number. @throws NearlightError with the reason to refuse the player */
  #seat({ id, data }: ArrivalEntry): Promise<number> {
    if (!data.holder) throw new NearlightError('NL_MOVE', 'the move was cancelled');
    return this.#options.seats.reserve(id, data.game, data.holder);
  }

  /** Puts a player into the reserved seat, which is taken first if it was lost. @throws NearlightError if that cannot be done */
  async #settle(entry: ArrivalEntry): Promise<void> {
    const { seats } = this.#options;
    if (seats.reservation(entry.id) !== 'taken') {
      await this.#seat(entry);
      if (!(await seats.arrive(entry.id, bytesOf(entry.data.player ?? ''))))
        throw new NearlightError('NL_MOVE', `${entry.data.game} cannot use the player's state`);
    }
    this.#unseated.delete(entry.id);
  }

  #noteUnseated(entry: ArrivalEntry, error: unknown): void {
    this.#unseated.add(entry.id);
    this.#note(entry)(error);
  }

  #note(entry: ArrivalEntry, level: Level = 'warn'): (error: unknown) => void {
    return (error) =>
      this.#options.log(level, `${entry.data.game}: a move to this game waits: ${(error as Error).message}`, {
        traceId: entry.trace,
      });
  }

  #hasMovedOn({ data: { holder } }: ArrivalEntry): boolean {
    return holder !== undefined && this.#options.stays.hasMovedOn(holder.digest);
  }

  #add(entry: ArrivalEntry): void {
    const { holder } = entry.data;
    this.#open.add(entry);
    if (holder) this.#options.stays.begin(holder.digest, entry);
  }

  #forget(entry: ArrivalEntry): void {
    const { id, data } = entry;
    if (data.holder) this.#options.stays.forgetBeginning(data.holder.digest, entry);
    this.#open.delete(id);
    this.#unseated.delete(id);
  }

  #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work, work);
    const settled = turn.catch(() => {});
    this.#turns.set(id, settled);
    void settled.then(() => {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    });
    return turn;
  }
}

function stale({ state }: ArrivalEntry): NearlightError {
  return new NearlightError('NL_MOVE', `the move is ${state} here`);
}

/** @throws Error if the row is not one that `Journal.advance` has written */
function readArrival(value: unknown): Arrival {
  const { from, game, holder, since, heard, player } = value as Record<string, unknown>;
  if (typeof from !== 'string' || typeof game !== 'string' || typeof since !== 'number' || typeof heard !== 'number')
    throw new Error('a field is missing');
  return {
    from,
    game,
    since,
    heard,
    ...(holder === undefined ? {} : { holder: parseHolder(holder) }),
    ...(player === undefined ? {} : { player: parsePlayer(player) }),
  };
}
