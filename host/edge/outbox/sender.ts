import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { Outage } from '../../base/outage.ts';
import { type Milli, milli } from '../../base/time.ts';
import type { SendableEvent } from '../store/outbox.ts';
import type { EdgeStore } from '../store/store.ts';
import type { Outcome, Send } from './sink.ts';

export interface SenderOptions {
  store: Pick<EdgeStore, 'readEvents' | 'removeEvents' | 'refuseEvent'>;
  send: Send;
  clock: Clock;
  log: Log;
  /** Returns numbers from 0 to 1, which spread the nodes of a fleet after a cut. */
  random?(): number;
  /** Pause between two rounds while the sink answers. */
  intervalMs: number;
  /** Largest number of events in one request. */
  batchMax: number;
  eventsPerSecondMax: number;
}

/** Counters of a sender. */
export interface SenderFigures {
  sent: number;
  /** Number of requests that failed. */
  failures: number;
  /** Number of events that the sink refused for good. */
  refused: number;
  /** True since a request failed, until one succeeds. */
  isCut: boolean;
}

/** First pause after a failure; each further failure doubles it. */
const PAUSE_MS = 500;
/** The longest pause, so that a sink that is back is noticed within it. */
const PAUSE_MS_MAX = 8000;
/** Longest pause before the first request, because all nodes may start at once after a power cut. */
const START_MS_MAX = 2000;

/**
 * Sends the events of the outbox, the oldest first and one request at a time, so that the events of each subject arrive in
 * order. An event leaves the outbox when the sink has accepted it, so it may be sent again with the same id.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #figures: SenderFigures = { sent: 0, failures: 0, refused: 0, isCut: false };
  readonly #outage: Outage;
  readonly #closing = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** Failures since the last success. */
  #attempts = 0;
  /** Time before which the rate limit allows no further request. */
  #nextAt: Milli = milli(0);

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#outage = new Outage(options.clock);
  }

  get figures(): Readonly<SenderFigures> {
    return this.#figures;
  }

  /** The times in which the sink could not be reached. */
  get outageSeconds(): number {
    return this.#outage.seconds;
  }

  /** Begins to send rounds. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the request that is on its way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#running;
  }

  /** Sends until the outbox is empty or a request fails. Returns the pause before the next round. */
  async sendRound(): Promise<number> {
    const { store, batchMax, intervalMs, log } = this.#options;
    for (;;) {
      if (this.#isClosed) return 0;
      const events = await store.readEvents({ limit: batchMax });
      if (events.length === 0) return intervalMs;
      const outcome = await this.#send(events);
      if (outcome.kind !== 'failed') continue;
      this.#figures.failures++;
      if (!this.#figures.isCut)
        log('warn', `the event sink cannot be reached, and events wait in the store: ${outcome.reason}`);
      this.#figures.isCut = true;
      this.#outage.fail();
      return this.#pauseAfter(outcome);
    }
  }

  async #run(): Promise<void> {
    const { log, random = Math.random } = this.#options;
    await this.#wait(random() * START_MS_MAX);
    while (!this.#isClosed) {
      const pauseMs = await this.sendRound().catch((error: Error) => {
        // The store does not answer. The next round may find it better.
        log('warn', `events cannot be sent: ${error.message}`);
        return PAUSE_MS_MAX;
      });
      await this.#wait(pauseMs);
    }
  }

  /** Sends events and takes them out of the outbox. If the sink refuses a batch, each event is tried alone. */
  async #send(events: readonly SendableEvent[]): Promise<Outcome> {
    const { store, send, log } = this.#options;
    await this.#limit(events.length);
    if (this.#isClosed) return { kind: 'accepted' };
    const outcome = await send(events);
    if (outcome.kind === 'failed') return outcome;
    this.#noteAnswer();
    const [first] = events;
    if (outcome.kind === 'accepted' || first === undefined) {
      await store.removeEvents({ sequences: events.map(({ sequence }) => sequence) });
      this.#figures.sent += events.length;
    } else if (events.length === 1) {
      log('error', `the event sink refuses the event ${first.id}, which stays in the store: ${outcome.reason}`);
      await store.refuseEvent({ sequence: first.sequence, reason: outcome.reason });
      this.#figures.refused++;
    } else
      for (const event of events) {
        const alone = await this.#send([event]);
        if (alone.kind === 'failed') return alone;
      }
    return { kind: 'accepted' };
  }

  #noteAnswer(): void {
    if (this.#figures.isCut) this.#options.log('info', 'the event sink answers again');
    this.#figures.isCut = false;
    this.#outage.succeed();
    this.#attempts = 0;
  }

  /** Waits until the rate limit allows `count` further events. */
  async #limit(count: number): Promise<void> {
    const { clock, eventsPerSecondMax } = this.#options;
    const now = clock.now();
    if (this.#nextAt > now) await this.#wait(this.#nextAt - now);
    this.#nextAt = milli(Math.max(now, this.#nextAt) + (count * 1000) / eventsPerSecondMax);
  }

  /** Returns a pause of which half is random, so that many nodes do not come back at the same time. */
  #pauseAfter({ retryMs = 0 }: { retryMs?: number }): number {
    const { random = Math.random } = this.#options;
    const pauseMs = Math.min(PAUSE_MS * 2 ** this.#attempts, PAUSE_MS_MAX);
    this.#attempts++;
    return Math.max((pauseMs / 2) * (1 + random()), retryMs);
  }

  async #wait(ms: number): Promise<void> {
    const { clock } = this.#options;
    await Promise.race([clock.until(milli(clock.now() + ms)), this.#closing.promise]);
  }
}
