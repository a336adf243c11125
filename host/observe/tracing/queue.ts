import { type Clock, systemClock } from '../../base/clock.ts';
import { textOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { milli } from '../../base/time.ts';
import type { TraceCounts } from '../meters.ts';
import type { EndedSpan } from './span.ts';

/** Spans that a receiver has not taken, although it has taken the others of a request; 0 if it only warns. */
export interface Rejection {
  readonly spans: number;
  readonly reason: string;
}

/** Sends spans to a receiver. */
export interface SpanExporter {
  /** Rejects if no span has arrived. */
  send(spans: readonly EndedSpan[]): Promise<Rejection | undefined>;
  close(): Promise<void>;
}

export interface SpanQueueOptions {
  /** Opens the exporter, when there is something to send first. */
  open(): Promise<SpanExporter>;
  spansMax: number;
  counts: TraceCounts;
  log: Log;
  clock?: Clock;
}

/** Largest number of spans in one request. */
const BATCH_MAX = 512;
/** Spans wait this long for others, so that a request carries several. */
const GATHER_MS = 1000;

/**
 * Spans on their way to the receiver, with at most one request at a time. Traces are what a host gives up first: spans beyond the limit
 * are dropped, the oldest first, and so are spans that the receiver does not take.
 */
export class SpanQueue {
  readonly #options: SpanQueueOptions;
  readonly #clock: Clock;
  readonly #spans: EndedSpan[] = [];
  #exporter: Promise<SpanExporter> | undefined;
  #sending: Promise<void> | undefined;
  readonly #closing = Promise.withResolvers<void>();
  #isClosed = false;
  #isDown = false;
  /** Whether the newest answer was about spans that the receiver has not taken. */
  #isPartial = false;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get waiting(): number {
    return this.#spans.length;
  }

  add(spans: readonly EndedSpan[]): void {
    const { spansMax, counts } = this.#options;
    if (this.#isClosed) {
      counts.dropped += spans.length;
      return;
    }
    this.#spans.push(...spans);
    const tooMany = this.#spans.length - spansMax;
    if (tooMany > 0) {
      this.#spans.splice(0, tooMany);
      counts.dropped += tooMany;
    }
    this.#sending ??= this.#sendAll();
  }

  /** Sends what waits, and closes the exporter. If the receiver takes nothing, what waits is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#sending;
    await (await this.#exporter?.catch(() => undefined))?.close().catch(() => {});
  }

  async #sendAll(): Promise<void> {
    while (this.#spans.length > 0) {
      if (this.#spans.length < BATCH_MAX && !this.#isClosed)
        await Promise.race([this.#clock.until(milli(this.#clock.now() + GATHER_MS)), this.#closing.promise]);
      await this.#send(this.#spans.splice(0, BATCH_MAX));
      // The host does not wait for each further request to fail.
      if (this.#isClosed && this.#isDown) this.#options.counts.dropped += this.#spans.splice(0).length;
    }
    this.#sending = undefined;
  }

  async #send(batch: readonly EndedSpan[]): Promise<void> {
    const { counts, log } = this.#options;
    try {
      this.#exporter ??= this.#options.open();
      const rejection = await (await this.#exporter).send(batch);
      this.#count(batch.length, rejection);
      if (this.#isDown) log('info', 'the receiver of traces answers again');
      this.#isDown = false;
    } catch (error) {
      counts.dropped += batch.length;
      if (!this.#isDown) log('warn', `the receiver of traces takes nothing, and traces are dropped: ${textOf(error)}`);
      this.#isDown = true;
    }
  }

  #count(spans: number, rejection: Rejection | undefined): void {
    const { counts, log } = this.#options;
    const rejected = rejection?.spans ?? 0;
    counts.sent += spans - rejected;
    counts.dropped += rejected;
    if (rejection && !this.#isPartial) {
      const what = rejected > 0 ? `refuses ${rejected} of ${spans} spans, which are dropped` : 'warns';
      log('warn', `the receiver of traces ${what}: ${rejection.reason}`);
    }
    this.#isPartial = rejection !== undefined;
  }
}
