import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { type Milli, milli } from '../base/time.ts';
import { Bucket } from './limiter.ts';
import type { Situation } from './player.ts';

/** States that the leaky bucket takes at once. A page that does nothing sends two at a time. */
const STATES_MAX = 4;
/** A page pings the host about ten times a second when the line is bad, and otherwise twice. */
const PINGS_PER_SECOND = 20;
/** At this weight, in percent, a bucket has the rate of its setting. */
const EQUAL_PERCENT = 50;

export type GovernorLimits = Pick<
  Config,
  | 'inputRateMax'
  | 'inputTokensPerSecond'
  | 'inputTokensMax'
  | 'inputLeaksPerSecond'
  | 'inputCalmPercent'
  | 'inputFightPercent'
  | 'inputWarmPercent'
  | 'inputDropsMax'
>;

export interface GovernorOptions {
  limits: GovernorLimits;
  clock: Pick<Clock, 'now'>;
  /** Returns the situation of the player's game. Default: it is always calm. */
  situation?(): Situation | undefined;
  /** Called for each press or message that is dropped, and for each state in whose place the game gets a newer one. */
  onDrop?(): void;
  onCoalesced?(): void;
}

/**
 * Decides what becomes of the input of one player. A token bucket governs presses of keys and buttons, which come in bursts, and a
 * leaky bucket the steady messages about pointer, sticks and what is held. The situation of the game weights the two. All messages
 * together have a limit too, beyond which the host does not read them.
 */
export class InputGovernor {
  #coalesced = 0;
  #dropped = 0;
  readonly #options: GovernorOptions;
  readonly #messages: Bucket;
  readonly #presses: Bucket;
  readonly #states: Bucket;
  readonly #pings: Bucket;
  readonly #drops: Bucket;
  /** The weight of the token bucket in percent, and the share of both that the player has. */
  #tokenPercent = 0;
  #sharePercent = 100;
  #isExcessive = false;

  constructor(options: GovernorOptions) {
    const { limits, clock } = options;
    const { inputRateMax, inputTokensPerSecond, inputTokensMax, inputLeaksPerSecond, inputDropsMax } = limits;
    const now = clock.now();
    this.#options = options;
    this.#messages = new Bucket({ perSecond: inputRateMax, burst: inputRateMax, now });
    this.#presses = new Bucket({ perSecond: inputTokensPerSecond, burst: inputTokensMax, now });
    this.#states = new Bucket({ perSecond: inputLeaksPerSecond, burst: STATES_MAX, now });
    this.#pings = new Bucket({ perSecond: PINGS_PER_SECOND, burst: PINGS_PER_SECOND, now });
    this.#drops = new Bucket({ perSecond: inputTokensPerSecond, burst: inputDropsMax, now });
    this.#weigh(now);
  }

  /** Number of states in whose place the game got a newer one. */
  get coalesced(): number {
    return this.#coalesced;
  }

  /** Number of presses and messages that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether so much was dropped that the connection should end. */
  get isExcessive(): boolean {
    return this.#isExcessive;
  }

  /** Sets whether the page is hidden. No one plays there, so it gets a share of the buckets only. */
  setWarm(isWarm: boolean): void {
    this.#sharePercent = isWarm ? this.#options.limits.inputWarmPercent : 100;
    this.#tokenPercent = 0;
    this.#weigh(this.#options.clock.now());
  }

  /** Counts a message, whatever it is. @returns false if it is dropped */
  takeMessage(): boolean {
    const now = this.#options.clock.now();
    if (this.#messages.take(now) === 0) return true;
    this.#drop(now);
    return false;
  }

  /** Counts the press of a key or button. @returns false if it is dropped */
  takePress(): boolean {
    const now = this.#options.clock.now();
    this.#weigh(now);
    if (this.#presses.take(now) > 0) {
      this.#drop(now);
      return false;
    }
    this.#options.situation?.()?.noteAction();
    return true;
  }

  /** Counts a state of pointer, sticks or held keys. @returns 0, or the milliseconds for which it waits at most */
  takeState(): number {
    const now = this.#options.clock.now();
    this.#weigh(now);
    return this.#states.take(now);
  }

  /** Notes that a newer state has taken the place of one that waited. */
  noteCoalesced(): void {
    this.#coalesced++;
    this.#options.onCoalesced?.();
  }

  /** Counts a ping. @returns false if it gets no answer, because another one had its answer just before */
  takePing(): boolean {
    return this.#pings.take(this.#options.clock.now()) === 0;
  }

  #drop(now: Milli): void {
    this.#dropped++;
    if (this.#drops.take(now) > 0) this.#isExcessive = true;
    this.#options.onDrop?.();
  }

  /** Gives both buckets the rates of the present situation. */
  #weigh(now: Milli): void {
    const { limits, situation } = this.#options;
    const percent = situation?.()?.isFight ? limits.inputFightPercent : limits.inputCalmPercent;
    if (percent === this.#tokenPercent) return;
    this.#tokenPercent = percent;
    const share = this.#sharePercent / 100 / EQUAL_PERCENT;
    this.#presses.setRate(limits.inputTokensPerSecond * share * percent, now);
    this.#states.setRate(limits.inputLeaksPerSecond * share * (100 - percent), now);
  }
}

/** A page learns at most this often that input was dropped. */
const REPORT_MS = 2000;

/** Reports how many inputs were dropped: the first at once, and further ones together. */
export class DropReport {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #send: (count: number) => void;
  #sentAt: Milli = milli(Number.NEGATIVE_INFINITY);
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Pick<Clock, 'now'>, send: (count: number) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  note(): void {
    this.#count++;
    if (this.#timer !== undefined) return;
    const waitMs = this.#sentAt + REPORT_MS - this.#clock.now();
    if (waitMs <= 0) this.flush();
    else this.#timer = setTimeout(() => this.flush(), waitMs);
  }

  /** Sends the report that waits. */
  flush(): void {
    this.close();
    if (this.#count === 0) return;
    this.#sentAt = this.#clock.now();
    this.#send(this.#count);
    this.#count = 0;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
