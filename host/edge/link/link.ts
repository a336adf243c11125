import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { type ErrorCode, NearlightError } from '../../base/errors.ts';
import type { HostReport } from '../../base/host-report.ts';
import type { Log } from '../../base/log.ts';
import { type Milli, milli } from '../../base/time.ts';
import type { LinkFigures } from '../../observe/edge.ts';
import { Refusal } from '../admission/reasons.ts';
import type { SessionStore } from '../sessions/engine.ts';
import type { EdgeStore } from '../store/store.ts';
import type { EdgeClient } from './client.ts';
import { ACCOUNTS_MAX, codeOf, type ReportCall, readTerms, SESSIONS_MAX, type Terms } from './protocol.ts';
import { ReportQueue } from './queue.ts';

/** A host says at least this often what it has. */
const ATTEND_MS = 5000;
/** A game server of a fleet says it more often, because the fleet gives away its seats. */
const SERVER_ATTEND_MS = 1000;
/** First pause after a failure; each further failure doubles it. */
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 4000;
/** The service may accept a report later that it has refused with one of these. */
const PASSING: readonly ErrorCode[] = ['NL_STORE', 'NL_STORE_BUSY', 'NL_INTERNAL'];

export interface EdgeLinkOptions {
  client: Pick<EdgeClient, 'call' | 'putSave' | 'getSave' | 'removeSave' | 'close'>;
  clock: Clock;
  log: Log;
  /** Largest number of reports that wait for the service. */
  queueMax: number;
  /** Returns the host as a game server of a fleet; without it, or while that is undefined, it is not one. */
  server?(): HostReport | undefined;
  /** Called with the terms of the service each time that it has said them. */
  onTerms?(terms: Terms): void;
  /** Returns numbers from 0 to 1, which spread the hosts of a node after the service has come back. */
  random?(): number;
}

/**
 * A host's side of the edge service. It says again and again what the host has, and sends reports in their order until the service has
 * acknowledged them. While the service does not answer, reports wait, and calls fail at once.
 */
export class EdgeLink implements SessionStore {
  readonly #options: EdgeLinkOptions;
  readonly #host = randomUUID();
  readonly #queue: ReportQueue;
  readonly #places = new Map<string, number>();
  readonly #sessions = new Set<string>();
  #terms: Terms | undefined;
  #isUp = false;
  #isClosed = false;
  #failures = 0;
  /** Failures since the last success. */
  #attempts = 0;
  #sent = 0;
  /** When the service has to hear what the host has. */
  #attendAt: Milli = milli(0);
  #wake = Promise.withResolvers<void>();
  readonly #closing = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: EdgeLinkOptions) {
    this.#options = options;
    this.#queue = new ReportQueue(options.queueMax);
  }

  /** Begins to speak with the service. Resolves when it has answered, or has not. */
  start(): Promise<void> {
    this.#running = this.#run();
    return this.#first.promise;
  }

  /** The last terms of the service; undefined until it has answered. */
  get terms(): Terms | undefined {
    return this.#terms;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get figures(): LinkFigures {
    const { size, dropped } = this.#queue;
    return { isUp: this.#isUp, waiting: size, sent: this.#sent, dropped, failures: this.#failures };
  }

  /** Asks the service. @throws Refusal `edge-down` if it does not answer, and the errors of the service */
  async call(name: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    if (!this.#isUp) throw new Refusal('edge-down');
    try {
      return await this.#options.client.call(name, body);
    } catch (error) {
      const code = error instanceof NearlightError ? error.code : 'NL_EDGE';
      if (code === 'NL_EDGE') this.#noteFailure(error);
      else if (code !== 'NL_INTERNAL') throw error;
      throw new Refusal('edge-down', { cause: error });
    }
  }

  /** Sends a report, now or when the service answers. */
  report(call: ReportCall, input: object): void {
    this.#queue.add({ call, input });
    this.#wake.resolve();
  }

  async startSession(input: Parameters<EdgeStore['startSession']>[0]): Promise<void> {
    this.#sessions.add(input.id);
    this.report('startSession', input);
  }

  async countPlayers(input: Parameters<EdgeStore['countPlayers']>[0]): Promise<void> {
    this.report('countPlayers', input);
  }

  async endSession(input: Parameters<EdgeStore['endSession']>[0]): Promise<boolean> {
    this.#sessions.delete(input.id);
    this.report('endSession', input);
    return true;
  }

  /** Counts a place that an account has taken or left. Returns how many it has in this host. */
  count(account: string, more: 1 | 0 | -1): number {
    const places = (this.#places.get(account) ?? 0) + more;
    if (places > 0) this.#places.set(account, places);
    else this.#places.delete(account);
    if (more !== 0) this.renew();
    return places;
  }

  putSave(save: Parameters<EdgeStore['putSave']>[0]): Promise<void> {
    return this.#options.client.putSave(save);
  }

  getSave(save: { id: string }): ReturnType<EdgeStore['getSave']> {
    return this.#options.client.getSave(save);
  }

  removeSave(save: { id: string }): Promise<boolean> {
    return this.#options.client.removeSave(save);
  }

  /** Has the service hear at once what the host has, because it may be another one now. */
  renew(): void {
    this.#attendAt = milli(0);
    this.#wake.resolve();
  }

  /** Sends what waits, if the service answers, and tells it that the host has closed. */
  async close(): Promise<void> {
    const { client, log } = this.#options;
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#running;
    try {
      while (this.#queue.size > 0 && (await this.#flush()));
      await client.call('leave', { host: this.#host });
    } catch (error) {
      log('warn', `the edge service does not know that this host has closed: ${(error as Error).message}`);
    }
    if (this.#queue.size > 0) log('error', `${this.#queue.size} reports to the edge service are lost`);
    client.close();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#wake = Promise.withResolvers();
      const pauseMs = await this.#round();
      this.#first.resolve();
      // Reports and joins do not shorten the pause after a failure.
      if (pauseMs > 0) await this.#wait(pauseMs);
      else if (this.#queue.size === 0) await this.#wait(this.#attendMs, this.#wake.promise);
    }
    this.#first.resolve();
  }

  /** Says what the host has if it is time for that, and sends reports. Returns the pause after a failure, or 0. */
  async #round(): Promise<number> {
    const { clock } = this.#options;
    try {
      if (!this.#isUp || clock.now() >= this.#attendAt) await this.#attend();
      if (this.#queue.size > 0 && !(await this.#flush())) return this.#pause();
      this.#attempts = 0;
      return 0;
    } catch (error) {
      this.#noteFailure(error);
      return this.#pause();
    }
  }

  /** Returns a pause of which half is random. */
  #pause(): number {
    const { random = Math.random } = this.#options;
    const pauseMs = Math.min(PAUSE_MS * 2 ** this.#attempts++, PAUSE_MS_MAX);
    return (pauseMs / 2) * (1 + random());
  }

  async #wait(ms: number, wake?: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const pause = clock.until(milli(clock.now() + ms));
    await Promise.race([pause, this.#closing.promise, ...(wake ? [wake] : [])]);
  }

  get #attendMs(): number {
    return this.#options.server ? SERVER_ATTEND_MS : ATTEND_MS;
  }

  async #attend(): Promise<void> {
    const { client, clock, log, onTerms } = this.#options;
    // A change during the request is said by the next one.
    this.#attendAt = milli(clock.now() + this.#attendMs);
    const server = this.#options.server?.();
    const terms = await client.call('attend', {
      host: this.#host,
      places: Object.fromEntries([...this.#places].slice(0, ACCOUNTS_MAX)),
      sessions: [...this.#sessions].slice(0, SESSIONS_MAX),
      ...(server ? { server } : {}),
    });
    this.#terms = readTerms(terms);
    onTerms?.(this.#terms);
    if (!this.#isUp) log('info', 'the edge service answers');
    this.#isUp = true;
  }

  /** Sends the oldest reports. Returns whether the service has taken each, or has refused it for good. */
  async #flush(): Promise<boolean> {
    const { client, log } = this.#options;
    const reports = this.#queue.batch();
    const { refused } = await client.call('report', { host: this.#host, reports });
    const outcomes = readRefused(refused);
    const isPassing = (index: number) => PASSING.includes(outcomes.get(index) ?? 'NL_EDGE');
    const done = reports.filter((_, index) => !isPassing(index));
    this.#queue.remove(done);
    for (const [index, code] of outcomes) {
      if (isPassing(index)) continue;
      this.#queue.dropped++;
      log('warn', `the edge service does not keep a report (${reports[index]?.call}): ${code}`);
    }
    this.#sent += reports.filter((_, index) => !outcomes.has(index)).length;
    return done.length === reports.length;
  }

  #noteFailure(error: unknown): void {
    this.#failures++;
    if (this.#isUp || this.#failures === 1)
      this.#options.log(
        'warn',
        `the edge service does not answer, so new players cannot join; running matches go on: ${(error as Error).message}`,
      );
    this.#isUp = false;
    this.#wake.resolve();
  }
}

/** Returns the codes of the reports that the service has refused, by their index. */
function readRefused(value: unknown): Map<number, ErrorCode> {
  if (!Array.isArray(value)) throw new NearlightError('NL_EDGE', 'its answer to reports cannot be read');
  return new Map(
    (value as { index?: unknown; code?: unknown }[]).map(({ index, code }) => [
      Number(index),
      codeOf(code) ?? 'NL_INTERNAL',
    ]),
  );
}
