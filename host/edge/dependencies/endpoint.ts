import type { Clock } from '../../base/clock.ts';
import { Bucket } from '../../base/limiter.ts';
import { type Milli, milli } from '../../base/time.ts';
import type { EndpointMeter } from '../../observe/dependency-meter.ts';
import { Window } from './window.ts';

/** An endpoint is too slow if half of at least SLOW_LEAST calls within SLOW_WINDOW_MS took longer than its rule allows. */
const SLOW_LEAST = 20;
const SLOW_WINDOW_MS = 10_000;
/** No call starts for this time then. */
const SLOW_PAUSE_MS = 1000;

/** Limits of one endpoint, all of which apply. */
export interface EndpointRule {
  /** Calls that start in a second; those of one second may start at once. */
  readonly perSecond?: number;
  /** Calls that are under way at once. */
  readonly concurrent?: number;
  /** Time that a call should take. If half of the calls take longer, none starts for a moment. */
  readonly responseMs?: number;
  /** The fate of a call beyond a limit. */
  readonly excess: 'reject' | 'queue';
  /** Calls that wait, and for how long each does at most. */
  readonly queueMax: number;
  readonly queueMs: number;
}

/** A call beyond the limits of its endpoint, which was not made. */
export class EndpointFull extends Error {}

interface Waiting {
  readonly until: number;
  start(): void;
  refuse(error: EndpointFull): void;
}

export interface EndpointOptions {
  clock: Clock;
  meter: EndpointMeter;
  /** Is called when no call starts for a moment because half of the last ones were slow. */
  onSlow?(rule: EndpointRule): void;
}

/** Something that is called often, whose rule can change at any time. Without a rule it has no limits. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #slow: Window;
  readonly #queue: Waiting[] = [];
  #rule: EndpointRule | undefined;
  #bucket: Bucket | undefined;
  #active = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #isPumping = false;
  /** Makes the queue look whether a call may start. */
  #wake: () => void = () => {};

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#slow = new Window({ ms: SLOW_WINDOW_MS, leastCalls: SLOW_LEAST, clock: options.clock });
  }

  get rule(): EndpointRule | undefined {
    return this.#rule;
  }

  /** Applies another rule, or none, from now on, also to the calls that wait. */
  setRule(rule: EndpointRule | undefined): void {
    const now = this.#options.clock.now();
    const perSecond = rule?.perSecond;
    if (perSecond !== this.#rule?.perSecond)
      this.#bucket = perSecond === undefined ? undefined : new Bucket({ perSecond, burst: perSecond, now });
    if (rule?.responseMs !== this.#rule?.responseMs) {
      this.#slow.clear();
      this.#pausedUntil = Number.NEGATIVE_INFINITY;
    }
    this.#rule = rule;
    this.#wake();
  }

  /** Makes a call within the limits, perhaps later. @throws EndpointFull if it is not made, or what `work` throws */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    const { clock } = this.#options;
    await this.#enter();
    const begun = clock.now();
    try {
      return await work();
    } finally {
      this.#active--;
      this.#time(clock.now() - begun);
      this.#wake();
    }
  }

  /** Takes a place, or waits for one. */
  async #enter(): Promise<void> {
    const { clock, meter } = this.#options;
    if (this.#queue.length === 0 && this.#tryStart(clock.now()) === 0) return;
    const rule = this.#rule;
    if (rule?.excess !== 'queue' || this.#queue.length >= rule.queueMax) {
      meter.rejected++;
      throw new EndpointFull();
    }
    meter.queued++;
    await new Promise<void>((start, refuse) => {
      this.#queue.push({ until: clock.now() + rule.queueMs, start, refuse });
      void this.#pump();
    });
  }

  /** Takes a place if there is one. @returns 0, or how long it takes until there may be one */
  #tryStart(now: Milli): number {
    const { concurrent = Number.POSITIVE_INFINITY } = this.#rule ?? {};
    if (this.#pausedUntil > now) return this.#pausedUntil - now;
    if (this.#active >= concurrent) return Number.POSITIVE_INFINITY;
    const waitMs = this.#bucket?.take(now) ?? 0;
    if (waitMs === 0) this.#active++;
    return waitMs;
  }

  /** Starts the calls that wait, the oldest first, and refuses those that have waited for too long. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { clock } = this.#options;
    for (;;) {
      const now = clock.now();
      this.#expire(now);
      const [first] = this.#queue;
      if (!first) break;
      const waitMs = this.#tryStart(now);
      if (waitMs === 0) {
        this.#queue.shift();
        first.start();
        continue;
      }
      if (first.until <= now) {
        this.#refuse(first);
        continue;
      }
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await Promise.race([clock.until(milli(Math.min(now + waitMs, first.until))), woken]);
    }
    this.#isPumping = false;
  }

  /** Refuses calls whose time ended before now. One whose time ends now may still start. */
  #expire(now: Milli): void {
    for (let [first] = this.#queue; first && first.until < now; [first] = this.#queue) this.#refuse(first);
  }

  #refuse(first: Waiting): void {
    this.#queue.shift();
    this.#options.meter.rejected++;
    first.refuse(new EndpointFull());
  }

  /** Notes how long a call took. */
  #time(ms: number): void {
    const rule = this.#rule;
    if (rule?.responseMs === undefined || !this.#slow.add(ms > rule.responseMs)) return;
    this.#slow.clear();
    this.#pausedUntil = this.#options.clock.now() + SLOW_PAUSE_MS;
    this.#options.onSlow?.(rule);
  }
}
