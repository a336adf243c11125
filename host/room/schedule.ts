import { type Milli, milli } from '../base/time.ts';

/** A room that is later than this skips the ticks that it missed. */
const BEHIND_MS_MAX = 250;
/** A frame that is due within this time after a tick is rendered together with the tick. */
const WITH_TICK_MS = 1;
/**
 * Wanted slack: the time that a decoded picture waits until the display takes it. A tenth of the pictures may wait less.
 * It absorbs the jitter of the network and the decoder.
 */
const SLACK_MS = 3;
const PACE_GAIN = 0.25;
const PACE_STEP_MS_MAX = 2;
/** Shortest time between two shifts. A page that reports more often must not slow the game down for everyone. */
const PACE_INTERVAL_MS = 400;

/** Decides when the ticks of a simulation are due. It holds no timer; the caller passes the time in. */
export class TickSchedule {
  readonly #tickMs: number;
  #next: Milli;

  /** @param tickRate ticks per second */
  constructor(tickRate: number, start: Milli) {
    this.#tickMs = 1000 / tickRate;
    this.#next = start;
  }

  /** When the next tick is due. */
  get next(): Milli {
    return this.#next;
  }

  isDue(now: Milli): boolean {
    return now >= this.#next;
  }

  /** Schedules the tick after one that was just made. @returns how many ticks were skipped because they are too late */
  advance(now: Milli): number {
    this.shift(this.#tickMs);
    const behindMs = now - this.#next;
    if (behindMs <= BEHIND_MS_MAX) return 0;
    const skipped = Math.floor(behindMs / this.#tickMs);
    this.shift(skipped * this.#tickMs);
    return skipped;
  }

  /** Moves all future ticks; positive is later. */
  shift(ms: number): void {
    this.#next = milli(this.#next + ms);
  }

  /** Makes the next tick due at `now`. Time that has passed before is not made up for. */
  restart(now: Milli): void {
    this.#next = now;
  }
}

/** Decides when the frames of one view are due. It holds no timer; the caller passes the time in. */
export class FrameSchedule {
  readonly #frameMs: number;
  #next: Milli = milli(0);
  #shiftedAt: Milli = milli(Number.NEGATIVE_INFINITY);

  /** @param fps frames per second; Infinity renders one frame each time that the caller asks */
  constructor(fps: number) {
    this.#frameMs = 1000 / fps;
  }

  /** When the next frame is due. */
  get next(): Milli {
    return this.#next;
  }

  start(now: Milli): void {
    this.#next = now;
  }

  isDue(now: Milli): boolean {
    return now >= this.#next - WITH_TICK_MS;
  }

  /** Schedules the frame after one that is being rendered. @returns how many frames were missed */
  advance(now: Milli): number {
    if (this.#frameMs === 0) {
      this.#next = now;
      return 0;
    }
    this.#shift(this.#frameMs);
    if (this.#next >= now) return 0;
    const missed = Math.ceil((now - this.#next) / this.#frameMs);
    this.#shift(missed * this.#frameMs);
    return missed;
  }

  /** Gives up a due frame whose view is still busy one interval later. @returns whether it did */
  dropIfOverdue(now: Milli): boolean {
    if (now < this.#next + this.#frameMs) return false;
    this.#shift(this.#frameMs);
    return true;
  }

  /**
   * Moves the frames a small step towards the moments at which the page's display takes them.
   * @param slackMs how long pictures waited for the display, as the page reported
   * @returns the step in milliseconds, positive is later; undefined if the last one was too recent
   */
  pace(slackMs: Milli, now: Milli): number | undefined {
    if (now - this.#shiftedAt < PACE_INTERVAL_MS) return undefined;
    this.#shiftedAt = now;
    const stepMs = Math.max(-PACE_STEP_MS_MAX, Math.min(PACE_STEP_MS_MAX, (slackMs - SLACK_MS) * PACE_GAIN));
    this.#shift(stepMs);
    return stepMs;
  }

  #shift(ms: number): void {
    this.#next = milli(this.#next + ms);
  }
}
