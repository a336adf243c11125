import { type Clock, systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Pass } from '../base/pass.ts';
import { milli } from '../base/time.ts';
import type { Player, ViewRequest } from './player.ts';
import { createToken } from './returns.ts';

/** A page that has not asked for its position for this long has gone, and loses its place. */
const ABSENT_MS = 3000;
/** A page gets an answer after this time even if its position has not changed. Proxies close requests that take longer. */
const ANSWER_MS = 10_000;
/** How often the queue looks for a free seat. */
const LOOK_MS = 250;

export interface QueueOptions {
  limits: Pick<Config, 'queueMax' | 'addressQueueMax'>;
  clock?: Clock;
  /**
   * Checks that a game has a free seat and that the page may have it, and returns a function that takes it.
   * @throws NearlightError NL_ROOM_FULL, or why the page may not join
   */
  admit(request: ViewRequest, place: Readonly<Place>): Promise<() => Player>;
  /**
   * Keeps a seat for a page whose turn has come.
   * @throws NearlightError if the page's address has too many players
   */
  reserve(place: Readonly<Place>, take: () => Player): void;
}

/** A page's place in the queue for a game. */
export interface Place {
  /** With this token the page asks for its position, and takes its seat when its turn has come. */
  readonly token: string;
  readonly client: string;
  readonly request: ViewRequest;
  /** The gate's knowledge of the player. */
  readonly pass: Pass;
}

/** A page's position in its queue: 1 is the next. At 0 a seat waits for the page. */
export interface Position {
  position: number;
  token: string;
}

interface Waiting extends Place {
  /** The position that the page knows. */
  told: number;
  /** Answers the page's question about its position; undefined while the page does not ask. */
  answer: ((outcome: Position | Error) => void) | undefined;
  /** When the page counts as gone, or gets an answer in any case. */
  deadline: number;
}

/**
 * Lets pages wait for a free seat, in the order in which they came. A page asks for its position again and again, and its question
 * is answered when the position changes. A page that stops asking loses its place within seconds.
 */
export class Queue {
  readonly #options: QueueOptions;
  readonly #clock: Clock;
  /** The pages that wait for each game, by the game's name, in the order in which they came. */
  readonly #lines = new Map<string, Waiting[]>();
  #size = 0;
  #isRunning = false;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Number of pages that wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether pages wait for a game, so that a page that comes now must not take a seat before them. */
  isWaitedFor({ game = '' }: ViewRequest): boolean {
    return this.#lines.has(game);
  }

  /**
   * Returns a page's position, at once if the page is new and when it has changed otherwise.
   * @param options.tokens the page's tokens; one of them may be that of its place
   * @param options.identify finds out who a new page is
   * @param options.onGone is given a function to call when the page no longer waits for the answer
   * @throws NearlightError NL_ROOM_FULL if the queue is full, NL_SHUTDOWN, or why the page cannot be seated at all
   */
  async ask(options: {
    tokens: readonly string[];
    client: string;
    request: ViewRequest;
    identify(): Promise<Pass>;
    onGone(forget: () => void): void;
  }): Promise<Position> {
    this.#checkOpen();
    const { tokens, client, request, identify, onGone } = options;
    const line = this.#lines.get(request.game ?? '') ?? [];
    const known = line.find((place) => tokens.includes(place.token));
    if (!known) return this.#join(client, request, await identify());
    known.answer?.({ position: known.told, token: known.token });
    const position = line.indexOf(known) + 1;
    if (position !== known.told) return this.#tell(known, position);
    const answered = Promise.withResolvers<Position>();
    const answer = (outcome: Position | Error): void => {
      if (outcome instanceof Error) answered.reject(outcome);
      else answered.resolve(outcome);
    };
    known.answer = answer;
    known.deadline = this.#clock.now() + ANSWER_MS;
    onGone(() => {
      if (known.answer !== answer) return;
      known.answer = undefined;
      known.deadline = this.#clock.now() + ABSENT_MS;
    });
    return answered.promise;
  }

  /** Sends all pages away, and takes no further ones. */
  close(): void {
    this.#closed = true;
    this.dismiss(new NearlightError('NL_SHUTDOWN', 'try again in a moment'));
  }

  /** Sends all pages away, with the reason. Those that do not ask now get it with their next question. */
  dismiss(error: NearlightError): void {
    for (const line of this.#lines.values()) for (const place of line) place.answer?.(error);
    this.#lines.clear();
    this.#size = 0;
  }

  #checkOpen(): void {
    if (this.#closed) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
  }

  #join(client: string, request: ViewRequest, pass: Pass): Position {
    this.#checkOpen();
    const { queueMax, addressQueueMax } = this.#options.limits;
    const { game = '' } = request;
    const own = [...this.#lines.values()].flat().filter((place) => place.client === client);
    if (this.#size >= queueMax || own.length >= addressQueueMax)
      throw new NearlightError('NL_ROOM_FULL', 'all seats are taken, and too many players wait for one already');
    const place: Waiting = { token: createToken(), client, request, pass, told: 0, answer: undefined, deadline: 0 };
    const line = this.#lines.get(game) ?? [];
    line.push(place);
    this.#lines.set(game, line);
    this.#size++;
    void this.#run();
    return this.#tell(place, line.length);
  }

  /** Answers a page. It has to ask again soon. */
  #tell(place: Waiting, position: number): Position {
    const { token, answer } = place;
    place.told = position;
    place.answer = undefined;
    place.deadline = this.#clock.now() + ABSENT_MS;
    answer?.({ position, token });
    return { position, token };
  }

  /** Seats pages as long as any wait. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#size > 0) {
      await this.#clock.until(milli(this.#clock.now() + LOOK_MS));
      for (const [game, line] of this.#lines) await this.#attend(game, line);
    }
    this.#isRunning = false;
  }

  async #attend(game: string, line: Waiting[]): Promise<void> {
    const now = this.#clock.now();
    for (const place of [...line])
      if (now >= place.deadline) {
        if (place.answer) this.#tell(place, place.told);
        else this.#remove(game, place);
      }
    for (const place of [...line]) if (!(await this.#seat(game, place))) break;
    for (const [index, place] of line.entries())
      if (place.answer && place.told !== index + 1) this.#tell(place, index + 1);
  }

  /** Seats a page if there is a seat. @returns whether the next page may try */
  async #seat(game: string, place: Waiting): Promise<boolean> {
    const { admit, reserve } = this.#options;
    try {
      const take = await admit(place.request, place);
      if (!this.#lines.get(game)?.includes(place)) return true;
      reserve(place, take);
    } catch (error) {
      const code = error instanceof NearlightError ? error.code : undefined;
      if (code === 'NL_ROOM_FULL' || code === 'NL_ROOM_ENDED') return false;
      // The address or the account of this page has too many players. Those of others need not wait for it.
      if (code === 'NL_ADDRESS_FULL' || code === 'NL_ACCOUNT_FULL' || code === 'NL_HALF_OPEN') return true;
      place.answer?.(error instanceof Error ? error : new Error(String(error)));
      this.#remove(game, place);
      return true;
    }
    this.#tell(place, 0);
    this.#remove(game, place);
    return true;
  }

  #remove(game: string, place: Waiting): void {
    const line = this.#lines.get(game) ?? [];
    const index = line.indexOf(place);
    if (index < 0) return;
    line.splice(index, 1);
    this.#size--;
    if (line.length === 0) this.#lines.delete(game);
  }
}
