import { type Milli, milli } from '../base/time.ts';

/** A game whose simulation is later than this skips the ticks that it missed. */
const BEHIND_MS_MAX = 250;
/** A frame is rendered up to this much early, so that it can follow a simulation tick at once. */
const WITH_TICK_MS = 1;
/**
 * Wanted slack: the time that a decoded picture waits until the page's display takes it. A tenth of the pictures may wait
 * less. The slack absorbs the jitter of the network and the decoder.
 */
const SLACK_MS = 3;
const PACE_GAIN = 0.25;
const PACE_STEP_MS_MAX = 2;
/** Shortest time between two shifts of a player's frames. A page that reports more often must not slow the whole game down. */
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

  /** When the next simulation tick is due. */
  get next(): Milli {
    return this.#next;
  }

  isDue(now: Milli): boolean {
    return now >= this.#next;
  }

  /** Schedules the next simulation tick after one was made. @returns how many ticks are skipped because they are too late */
  advance(now: Milli): number {
    this.shift(this.#tickMs);
    const behindMs = now - this.#next;
    if (behindMs <= BEHIND_MS_MAX) return 0;
    const skipped = Math.floor(behindMs / this.#tickMs);
    this.shift(skipped * this.#tickMs);
    return skipped;
  }

  /** Shifts all future simulation ticks by `ms`; a positive value makes them later. */
  shift(ms: number): void {
    this.#next = milli(this.#next + ms);
  }

  /** Makes the next simulation tick due at `now`. No ticks are made for the time that has passed before. */
  restart(now: Milli): void {
    this.#next = now;
  }
}

/** Slots are compared with fractions that are not exact. */
const EPSILON = 1e-6;

/**
 * Decides when one player's frames are due. Time is divided into slots at the rate that the player wants. If the player gets a lower rate,
 * frames are due in some of the slots, evenly spaced, so they stay in step with the game's ticks and the player's display. It holds no
 * timer; the caller passes the time in.
 */
export class FrameSchedule {
  #slotMs: number;
  /** Fraction of the slots in which a frame is due. */
  #share = 1;
  readonly #phase: number;
  #next: Milli = milli(0);
  /** Number of the slot of the next frame, counted from the start of the clock, so that all players count alike. */
  #slot = 0;
  #shiftedAt: Milli = milli(Number.NEGATIVE_INFINITY);

  /**
   * @param fps slots per second; Infinity renders one frame each time that the caller asks
   * @param phase which slots are left out, 0 to 1. Players with different phases take turns.
   */
  constructor(fps: number, phase = 0) {
    this.#slotMs = 1000 / fps;
    this.#phase = phase;
  }

  /**
   * Changes the rate of the frames after the next one.
   * @param wanted slots per second
   * @param fps frames per second
   */
  setRate(wanted: number, fps = wanted): void {
    const slotMs = 1000 / wanted;
    this.#share = fps < wanted ? fps / wanted : 1;
    if (slotMs === this.#slotMs) return;
    this.#slotMs = slotMs;
    this.#count();
  }

  /** When the player's next frame is due. */
  get next(): Milli {
    return this.#next;
  }

  start(now: Milli): void {
    this.#next = now;
    this.#count();
  }

  isDue(now: Milli): boolean {
    return now >= this.#next - WITH_TICK_MS;
  }

  /** Schedules the frame after the one being rendered. @returns how many frames are left out because they are overdue */
  advance(now: Milli): number {
    if (this.#slotMs === 0) {
      this.#next = now;
      return 0;
    }
    this.#step();
    let missed = 0;
    for (; this.#next < now; missed++) this.#step();
    return missed;
  }

  /** Gives up a frame that could not be rendered within one frame interval. @returns whether the frame was given up */
  dropIfOverdue(now: Milli): boolean {
    if (now < this.#next + this.#slotMs / this.#share) return false;
    if (this.#slotMs > 0) this.#step();
    return true;
  }

  /**
   * Shifts a player's frames by a small step towards the moments at which the page's display takes them.
   * @param slackMs how long pictures waited for the display, as the page reported
   * @returns the step in milliseconds, positive is later; undefined if the last shift was too recent
   */
  pace(slackMs: Milli, now: Milli): number | undefined {
    if (now - this.#shiftedAt < PACE_INTERVAL_MS) return undefined;
    this.#shiftedAt = now;
    const stepMs = Math.max(-PACE_STEP_MS_MAX, Math.min(PACE_STEP_MS_MAX, (slackMs - SLACK_MS) * PACE_GAIN));
    this.#next = milli(this.#next + stepMs);
    return stepMs;
  }

  #count(): void {
    this.#slot = this.#slotMs > 0 ? Math.round(this.#next / this.#slotMs) : 0;
  }

  /** Moves on to the next slot that has a frame. */
  #step(): void {
    do {
      this.#slot++;
      this.#next = milli(this.#next + this.#slotMs);
    } while (!this.#hasFrame());
  }

  /** Tells whether a frame is due in the slot: multiples of the share, shifted by the phase, pass an integer there. */
  #hasFrame(): boolean {
    if (this.#share === 1) return true;
    const position = this.#slot * this.#share + this.#phase + EPSILON;
    return position - Math.floor(position) < this.#share;
  }
}

/** Returns the phase of a seat. Any number of seats from 0 on are spread evenly (van der Corput's sequence). */
export function phaseOf(seat: number): number {
  let phase = 0;
  for (let rest = seat, part = 1 / 2; rest > 0; rest = Math.floor(rest / 2), part /= 2) phase += (rest % 2) * part;
  return phase;
}
