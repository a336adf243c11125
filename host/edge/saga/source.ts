import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type ErrorCode, NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type Milli, milli } from '../../base/time.ts';
import {
  type Departure,
  type DepartureEntry,
  type MessageKind,
  messageOf,
  originOf,
  readDeparture,
} from './departure.ts';
import { Journal, type JournalStore } from './journal.ts';
import { bytesOf, isTrace, type MoveAnswer, type MoveMessage } from './message.ts';
import type { MoveMeters } from './meters.ts';
import { type Peer, refusalOf } from './peer.ts';
import type { Place, Seats } from './seats.ts';
import { MEANING } from './states.ts';
import type { Stays } from './stays.ts';
import { Unfinished } from './unfinished.ts';

/** Limits on the moves from this host that are not decided, and that are not finished. */
export const DEPARTURES_MAX = 4096;
const UNFINISHED_MAX = 65_536;
/**
 * So many moves may always be begun at once. Beyond that, no more are begun while messages, or writes to the disk, take longer than this share of
 * the limit for a step.
 */
const CALM_MAX = 64;
const SLOW_SHARE = 0.4;
/** Weight of the newest time in a mean. */
const NEWEST = 0.05;
/** A move that is not decided within the time of this many steps is undone, so that no player is between two games for long. */
export const STEPS_MAX = 6;
/** Pause between two looks whether a page has left that was sent on. */
const LEAVE_MS = 500;
/** Number of times that a message is sent before the move is undone. */
export const ATTEMPTS = 2;
/** Pauses between two attempts to tell the target a decision, which double. */
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 10_000;
const ID_BYTES = 16;
const TOKEN_BYTES = 16;

export interface MoveRequest {
  readonly from: Place;
  /** Name of the host in MOVE_PEERS, or '' for this one, and name of the game there. */
  readonly to: { readonly host: string; readonly game: string };
  /** Id of a trace that the move belongs to; by default the move begins one. */
  readonly trace?: string | undefined;
}

export interface MoveResult {
  readonly id: string;
  readonly trace: string;
  readonly outcome: 'committed' | 'compensated';
  readonly milliseconds: number;
  /** Why the player stays. */
  readonly code?: ErrorCode;
  readonly message?: string;
}

export interface MoveSourceOptions {
  store: JournalStore;
  seats: Pick<Seats, 'holderOf' | 'depart' | 'restore' | 'release' | 'hasLeft' | 'isKept'>;
  /** Shared with the host's MoveTarget. */
  stays: Stays;
  /** Returns a host by its name, or this one for ''; undefined if it is not known. */
  peerOf(name: string): Peer | undefined;
  meters: MoveMeters;
  log: Log;
  stepMsMax: number;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
  /** Returns a random number from 0 to 1, by which hosts do not all repeat their messages at once. */
  random?(): number;
}

/** The host that a player leaves. It leads the move through its states (states.ts), and decides about it. */
export class MoveSource {
  readonly #options: MoveSourceOptions;
  readonly #clock: Clock;
  readonly #journal: Journal<Departure>;
  readonly #open: Unfinished<DepartureEntry>;
  /** The seats from which players move, until that is decided. */
  readonly #places = new Set<string>();
  /** Moves that were undone, but whose players could not be put back. */
  readonly #unrestored = new Set<string>();
  /** Moves that were undone, whose rows keep the players' states until the games' checkpoints have them. */
  readonly #returning = new Set<string>();
  /** When the source repeats a decision that the target has not heard. */
  readonly #repeats = new Map<string, { dueAt: Milli; pauseMs: number }>();
  readonly #telling = new Set<string>();
  /** Mean times of the last messages and writes, in milliseconds. */
  readonly #meanMs = { message: 0, write: 0 };
  /** Moves of an earlier process that were not finished, until `recover` goes on with them. */
  #interrupted: readonly DepartureEntry[] = [];
  /** Moves whose targets have heard the decision. */
  readonly #heard = new Set<string>();

  constructor(options: MoveSourceOptions) {
    const { store, now = Date.now } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#journal = new Journal({ store, kind: 'departure', now, read: readDeparture });
    this.#open = new Unfinished(options.meters.movesOpen, 'departures');
  }

  /**
   * Moves a player to another game. Resolves when that is decided and, if the target answers, done.
   * @throws NearlightError NL_MOVE if it cannot be begun, or as the store
   */
  async start({ from, to, trace = randomBytes(16).toString('hex') }: MoveRequest): Promise<MoveResult> {
    const { meters } = this.#options;
    const begunAt = this.#clock.now();
    const entry = await this.#begin({ from, to, trace });
    const failure = await this.#execute(entry, begunAt);
    const { id } = entry;
    if (!this.#returning.has(id)) this.#places.delete(keyOf(from));
    const milliseconds = this.#clock.now() - begunAt;
    meters.move.add(milliseconds);
    const outcome = failure ? 'compensated' : 'committed';
    return { id, trace, outcome, milliseconds, ...(failure ? { code: failure.code, message: failure.detail } : {}) };
  }

  /** Answers a host to which a player should move, and which does not know the decision. Never throws. */
  async answer({ id, kind }: MoveMessage, from: string): Promise<MoveAnswer> {
    try {
      if (kind !== 'ask') throw new NearlightError('NL_MOVE_MESSAGE', 'this host leads the move');
      const entry = this.#open.get(id) ?? (await this.#journal.get(id));
      if (entry && entry.data.to.host !== from)
        throw new NearlightError('NL_MOVE_MESSAGE', 'the move belongs to another host');
      return { ok: true, decision: entry ? MEANING[entry.state].decision : 'cancelled' };
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Learns of the moves that a crash has interrupted. MoveTarget.recover needs to know who has moved on. @throws as the store */
  async read(): Promise<void> {
    const { log } = this.#options;
    this.#interrupted = await this.#journal.unfinished((id) =>
      log('error', `the move ${id} is damaged, and is left as it is`),
    );
    for (const entry of this.#interrupted) this.#add(entry);
  }

  /** Goes on with the moves that were read: finishes those that were decided, and undoes the others. */
  async recover(): Promise<void> {
    const entries = this.#interrupted;
    this.#interrupted = [];
    await Promise.all(
      entries.map((entry) =>
        entry.state === 'committed' ? this.#conclude(entry, true) : this.#compensate(entry, INTERRUPTED, true),
      ),
    );
  }

  /** Tells targets decisions again that they have not heard, as happens by itself. */
  async tend(): Promise<void> {
    const now = this.#clock.now();
    const due = [...this.#repeats].filter(([, { dueAt }]) => dueAt <= now);
    await Promise.all([...this.#returning].map((id) => this.#alone(id, (entry) => this.#dropState(entry))));
    await Promise.all(due.map(([id]) => this.#alone(id, (entry) => this.#tellDecision(entry))));
  }

  /** Does something for a move that is not finished, unless something is being done for it. */
  async #alone(id: string, work: (entry: DepartureEntry) => Promise<void>): Promise<void> {
    const entry = this.#open.get(id);
    if (!entry || this.#telling.has(id)) return;
    this.#telling.add(id);
    await work(entry);
    this.#telling.delete(id);
  }

  async #begin(request: MoveRequest & { trace: string }): Promise<DepartureEntry> {
    try {
      const entry = this.#create(request);
      this.#add(entry);
      this.#places.add(keyOf(request.from));
      await this.#write(entry, 'preparing').catch((error: unknown) => {
        this.#forget(entry);
        this.#places.delete(keyOf(request.from));
        throw error;
      });
      return entry;
    } catch (error) {
      this.#options.meters.moves.refused++;
      throw error;
    }
  }

  /** Makes a move that may be begun. @throws NearlightError NL_MOVE */
  #create({ from, to, trace }: MoveRequest & { trace: string }): DepartureEntry {
    const { seats, peerOf } = this.#options;
    if (!isTrace(trace)) throw new NearlightError('NL_MOVE', 'the id of the trace is not 32 hexadecimal digits');
    if (!peerOf(to.host))
      throw new NearlightError(
        'NL_MOVE',
        `there is no host "${to.host}"; MOVE_PEERS names those to which players can move`,
      );
    if (to.host === '' && to.game === from.game) throw new NearlightError('NL_MOVE', 'the player plays there already');
    if (this.#places.has(keyOf(from)))
      throw new NearlightError(
        'NL_MOVE',
        'the player is being moved, or has just come back; try again in some seconds',
      );
    if (this.#places.size >= DEPARTURES_MAX || this.#open.size >= UNFINISHED_MAX)
      throw new NearlightError('NL_MOVE', 'too many players are being moved; try again');
    const { message, write } = this.#meanMs;
    if (this.#places.size >= CALM_MAX && Math.max(message, write) > SLOW_SHARE * this.#options.stepMsMax)
      throw new NearlightError('NL_MOVE', 'moves are slow, because many players are being moved; try again');
    const holder = seats.holderOf(from);
    if (!holder)
      throw new NearlightError('NL_MOVE', `no player who could come back plays in seat ${from.seat} of ${from.game}`);
    if (!this.#options.stays.isOwn(originOf({ holder })))
      throw new NearlightError(
        'NL_MOVE',
        'the player is just moving here, and this host does not know the decision yet; try again in a second',
      );
    const data = { from, to, holder, token: randomBytes(TOKEN_BYTES).toString('base64url') };
    return { id: randomBytes(ID_BYTES).toString('base64url'), trace, state: 'preparing', version: 0, data };
  }

  /** Leads a move to a decision. @returns why it was undone; undefined if it was not */
  async #execute(entry: DepartureEntry, begunAt: Milli): Promise<NearlightError | undefined> {
    const { seats, stepMsMax } = this.#options;
    const { id } = entry;
    const checkTime = () => {
      if (this.#clock.now() - begunAt >= STEPS_MAX * stepMsMax)
        throw new NearlightError('NL_MOVE_TIME', `it was not decided within ${STEPS_MAX * stepMsMax} ms`);
    };
    try {
      checkTime();
      await this.#tell(entry, 'reserve');
      const state = await this.#inTime(seats.depart(id, entry.data.from));
      if (!state)
        throw new NearlightError('NL_MOVE', `${entry.data.from.game} hands no players over, or the player has left`);
      const player = Buffer.from(state).toString('base64');
      await this.#write(entry, 'executing', { ...entry.data, player });
      checkTime();
      await this.#tell(entry, 'import');
      checkTime();
    } catch (error) {
      return this.#compensate(entry, asCoded(error));
    }
    const failure = await this.#decide(entry);
    if (failure) return this.#compensate(entry, failure);
    this.#count(entry, 'committed');
    await this.#conclude(entry);
    return undefined;
  }

  /**
   * Writes the decision that the player belongs to the target.
   * @returns why that was not written
   * @throws NearlightError NL_STORE if it is not known whether it was written. Nothing is done then before the host has started again
   */
  async #decide(entry: DepartureEntry): Promise<NearlightError | undefined> {
    try {
      await this.#journal.advance(entry, 'committed');
      return undefined;
    } catch (cause) {
      const error = asCoded(cause);
      if (error.code !== 'NL_STORE') return error;
      const kept = await this.#journal.get(entry.id);
      if (kept?.state !== 'committed') return error;
      Object.assign(entry, kept);
      return undefined;
    }
  }

  /** Sends the page to the target, and tells the target that the player is its own. */
  async #conclude(entry: DepartureEntry, isRecovery = false): Promise<void> {
    const { seats, log } = this.#options;
    const { from, to, token, holder } = entry.data;
    await seats
      .release(entry.id, from, { ...to, token }, isRecovery ? holder : undefined)
      .catch((error: Error) =>
        log('warn', `${from.game}: a page could not be sent on: ${error.message}`, about(entry)),
      );
    await this.#tellDecision(entry);
  }

  /** Undoes a move: the target gives the seat up, and the player goes on here. @returns `cause` */
  async #compensate(entry: DepartureEntry, cause: NearlightError, isRecovery = false): Promise<NearlightError> {
    const { seats, log, meters } = this.#options;
    const begunAt = this.#clock.now();
    const { id, data } = entry;
    const { from, holder, player } = data;
    if (entry.state !== 'compensating')
      await this.#journal.advance(entry, 'compensating').catch((error: Error) => {
        // The row says that nothing was decided, which means the same after a crash.
        Object.assign(entry, { state: 'compensating', version: entry.version + 1 });
        log('warn', `${from.game}: a move is undone, which could not be written: ${error.message}`, about(entry));
      });
    const isHeard = await this.#tell(entry, 'cancel', 1).then(
      () => true,
      () => false,
    );
    const lost = isRecovery && player !== undefined ? { holder, player: bytesOf(player) } : undefined;
    await seats.restore(id, from, lost).catch((error: Error) => {
      this.#unrestored.add(id);
      const problem = `a player could not be put back, whose state the store keeps in the move ${id}`;
      log('error', `${from.game}: ${problem}: ${error.message}`, about(entry));
    });
    if (player !== undefined && !this.#unrestored.has(id) && !seats.isKept(id)) {
      this.#returning.add(id);
      this.#places.add(keyOf(from));
    }
    if (isHeard) this.#heard.add(id);
    if (isHeard) await this.#endIfDone(entry).catch((error: Error) => this.#repeatLater(entry, error));
    else this.#repeatLater(entry, new Error('no answer'));
    meters.moveUndo.add(this.#clock.now() - begunAt);
    this.#count(entry, 'compensated', cause);
    return cause;
  }

  /** Tells the target the decision. If it does not answer, the decision is repeated later. */
  async #tellDecision(entry: DepartureEntry): Promise<void> {
    try {
      const isCommitted = MEANING[entry.state].decision === 'committed';
      if (!this.#heard.has(entry.id)) {
        if (!isCommitted) await this.#tell(entry, 'cancel');
        else await this.#tell(entry, 'commit').catch((error: NearlightError) => this.#moveAgain(entry, error));
        this.#heard.add(entry.id);
      }
      await this.#endIfDone(entry);
    } catch (error) {
      this.#repeatLater(entry, error as Error);
    }
  }

  /**
   * Ends a move whose decision the target knows. Until the page of a player who has moved is gone, this host must know where to send it, also
   * if it is started again. It must also know that the player has left as long as the move is not finished by which the player came. Until the
   * game has a player again who has not moved, the row keeps the state.
   */
  async #endIfDone(entry: DepartureEntry): Promise<void> {
    const { id, state, data } = entry;
    const { seats, stays } = this.#options;
    const isGone = () => seats.hasLeft(id, data.from) && !stays.isBeginning(originOf(data));
    const isDone = MEANING[state].decision === 'committed' ? isGone() : !this.#returning.has(id);
    if (isDone) await this.#close(entry);
    else this.#repeats.set(id, { dueAt: milli(this.#clock.now() + LEAVE_MS), pauseMs: PAUSE_MS_MIN });
  }

  /** Takes the state of a player who has not moved out of the row, when the game's checkpoint has the player again. */
  async #dropState(entry: DepartureEntry): Promise<void> {
    const { id, data } = entry;
    if (!this.#options.seats.isKept(id)) return;
    const { player: _, ...rest } = data;
    const isDropped = await this.#journal.advance(entry, 'compensating', rest).then(
      () => true,
      () => false,
    );
    if (!isDropped) return;
    this.#returning.delete(id);
    this.#places.delete(keyOf(data.from));
  }

  /** Notes that nothing is left to do: the target knows the decision, and the page of a player who has moved is gone. */
  async #close(entry: DepartureEntry): Promise<void> {
    const { player, ...data } = entry.data;
    const isUnrestored = this.#unrestored.has(entry.id);
    const end = MEANING[entry.state].decision === 'committed' ? 'cleanup' : 'compensated';
    await this.#journal.advance(entry, end, isUnrestored ? { ...data, player } : data);
    this.#forget(entry);
  }

  #repeatLater(entry: DepartureEntry, cause: Error): void {
    const { random = Math.random, log } = this.#options;
    const { pauseMs = PAUSE_MS_MIN } = this.#repeats.get(entry.id) ?? {};
    const dueAt = milli(this.#clock.now() + pauseMs * (0.5 + random() / 2));
    this.#repeats.set(entry.id, { dueAt, pauseMs: Math.min(pauseMs * 2, PAUSE_MS_MAX) });
    log(
      'debug',
      `${entry.data.to.host || 'this host'} has not heard a decision, which is repeated: ${cause.message}`,
      about(entry),
    );
  }

  /** Begins at the first message again if a target has lost what it knew of the move. @throws `error` if that is not the reason */
  async #moveAgain(entry: DepartureEntry, error: NearlightError): Promise<void> {
    if (error.code === 'NL_MOVE_TIME') throw error;
    for (const kind of ['reserve', 'import', 'commit'] as const) await this.#tell(entry, kind, 1);
  }

  /** Sends the target a message. @throws NearlightError if it refuses, NL_MOVE_TIME if it does not answer in time */
  async #tell(entry: DepartureEntry, kind: MessageKind, attempts = ATTEMPTS): Promise<void> {
    const { peerOf, stepMsMax } = this.#options;
    const { host } = entry.data.to;
    const peer = peerOf(host);
    if (!peer) throw new NearlightError('NL_MOVE', `there is no host "${host}" in MOVE_PEERS any more`);
    const message = messageOf(entry, kind);
    let problem = `no answer within ${stepMsMax} ms`;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const abort = new AbortController();
      const answered = peer.ask(message, abort.signal).catch((error: Error) => error.message);
      const sentAt = this.#clock.now();
      const answer = await this.#inTime(answered).catch(() => undefined);
      if (answer === undefined) abort.abort();
      this.#noteTime('message', sentAt);
      if (typeof answer === 'string') problem = answer;
      else if (answer?.ok) return;
      else if (answer) throw new NearlightError(answer.code, answer.message);
    }
    throw new NearlightError('NL_MOVE_TIME', `${kind} at ${host || 'this host'}: ${problem}`);
  }

  /** Writes the next state of a move that is not decided. @throws as the journal */
  async #write(entry: DepartureEntry, state: 'preparing' | 'executing', data = entry.data): Promise<void> {
    const begunAt = this.#clock.now();
    await this.#journal.advance(entry, state, data).finally(() => this.#noteTime('write', begunAt));
  }

  #noteTime(kind: 'message' | 'write', begunAt: Milli): void {
    this.#meanMs[kind] += NEWEST * (this.#clock.now() - begunAt - this.#meanMs[kind]);
  }

  /** Waits for a step. @throws NearlightError NL_MOVE_TIME */
  async #inTime<T>(step: Promise<T>): Promise<T> {
    const { stepMsMax } = this.#options;
    step.catch(() => {});
    // Most steps are in time, and an error with a stack costs more than they do.
    const late = this.#clock.until(milli(this.#clock.now() + stepMsMax)).then((): typeof LATE => LATE);
    const first = await Promise.race([step, late]);
    if (first === LATE) throw new NearlightError('NL_MOVE_TIME', `no answer within ${stepMsMax} ms`);
    return first;
  }

  #count(entry: DepartureEntry, outcome: 'committed' | 'compensated', cause?: NearlightError): void {
    const { meters, log } = this.#options;
    const { from, to } = entry.data;
    meters.moves[outcome]++;
    const way = `a player ${cause ? 'stays, and does not move' : 'moves'} from seat ${from.seat} to ${to.game}${to.host && ` on ${to.host}`}`;
    log(cause ? 'warn' : 'info', `${from.game}: ${way}${cause ? `: ${cause.message}` : ''}`, about(entry));
  }

  #add(entry: DepartureEntry): void {
    this.#open.add(entry);
    this.#options.stays.end(originOf(entry.data), entry);
  }

  #forget(entry: DepartureEntry): void {
    const { id, data } = entry;
    this.#options.stays.forgetEnd(originOf(data), entry);
    this.#open.delete(id);
    this.#repeats.delete(id);
    this.#unrestored.delete(id);
    this.#returning.delete(id);
    this.#heard.delete(id);
  }
}

const LATE = Symbol('late');
const INTERRUPTED = new NearlightError('NL_MOVE', 'the host was started again meanwhile');

function keyOf({ game, seat }: Place): string {
  return `${seat} ${game}`;
}

function about({ trace, data }: DepartureEntry): { room: string; player: number; traceId: string } {
  return { room: data.from.game, player: data.from.seat, traceId: trace };
}

function asCoded(error: unknown): NearlightError {
  return error instanceof NearlightError ? error : new NearlightError('NL_MOVE', String(error), { cause: error });
}
