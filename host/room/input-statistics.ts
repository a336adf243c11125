import {
  REACTION_BUCKET_MS,
  REACTION_BUCKETS,
  REACTION_MS_MAX,
  TURN_MS,
  TURN_PIXELS,
} from '../../renderer/contract/rule.ts';
import type { Clock } from '../base/clock.ts';
import type { Milli } from '../base/time.ts';

/** A page's messages count pointer movement in units of 1/16 CSS pixel. */
const SUBPIXELS = 16;
/** The pointer rests in a slot of TURN_MS in which it moves less than this many CSS pixels. */
const REST_PIXELS = 10;
/** The last second, in slots for which presses are counted. */
const PEAK_SLOT_MS = 100;
const PEAK_SLOTS = 10;

/** A summary of a player's input over some seconds, in which cheating leaves traces. */
export interface PlayStatistics {
  seconds: number;
  /** Presses of keys and buttons, and the most of them within one second. */
  actions: number;
  actionsPeak: number;
  /** Mean and standard deviation of the time between two presses in milliseconds; 0 without two presses. */
  pauseMeanMs: number;
  pauseDeviationMs: number;
  /** Turns of TURN_PIXELS or more within TURN_MS, and how many of them began and ended at rest. */
  turns: number;
  impossibleTurns: number;
  /** Times from a fast turn to the next press of a button, in REACTION_BUCKETS buckets of REACTION_BUCKET_MS. */
  reactions: readonly number[];
}

/**
 * Counts one player's input as it arrives, in memory that does not grow. Times are those of arrival, because a page could invent
 * others. A network that delivers messages late makes input look less regular, and movement more sudden.
 */
export class InputStatistics {
  readonly #clock: Pick<Clock, 'now'>;
  #since: Milli;
  #actions = 0;
  #peak = 0;
  /** Presses in the slots of the last second, and the number of the newest slot. */
  readonly #peakSlots = new Uint32Array(PEAK_SLOTS);
  #peakSlot = 0;
  #lastPress: Milli | undefined;
  #pauses = 0;
  /** Sums of the times between presses and of their squares, in milliseconds. */
  #pauseSum = 0;
  #pauseSquares = 0;
  #turns = 0;
  #impossibleTurns = 0;
  /** The last sums of pointer movement that the page sent; undefined while the pointer is not locked. */
  #totals: { x: number; y: number } | undefined;
  /** Number of the current slot of TURN_MS, and movement in it, in the one before, and in the one before that, in CSS pixels. */
  #turnSlot = 0;
  #x = 0;
  #y = 0;
  #before = 0;
  #earlier = 0;
  /** When the newest fast turn was noticed; undefined after a press. */
  #turnedAt: Milli | undefined;
  readonly #reactions = new Uint32Array(REACTION_BUCKETS);

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** Counts the press of a key or a button. */
  press(kind: 'key' | 'button'): void {
    const now = this.#clock.now();
    this.#actions++;
    this.#countPeak(now);
    if (this.#lastPress !== undefined) {
      const pauseMs = now - this.#lastPress;
      this.#pauses++;
      this.#pauseSum += pauseMs;
      this.#pauseSquares += pauseMs ** 2;
    }
    this.#lastPress = now;
    if (kind === 'button') this.#countReaction(now);
  }

  /** Takes sums of pointer movement in 1/16 CSS pixel, which wrap like int32. Only a locked pointer turns the view. */
  move({ totalDx, totalDy, locked }: { totalDx: number; totalDy: number; locked: boolean }): void {
    const last = this.#totals;
    this.#totals = locked ? { x: totalDx, y: totalDy } : undefined;
    if (!last || !locked) return;
    const now = this.#clock.now();
    this.#enterTurnSlot(now);
    const wasFast = this.#isFast;
    this.#x += ((totalDx - last.x) | 0) / SUBPIXELS;
    this.#y += ((totalDy - last.y) | 0) / SUBPIXELS;
    if (this.#isFast && !wasFast && this.#before < TURN_PIXELS) this.#turnedAt = now;
  }

  /** Returns the summary since the last call, and begins the next one. */
  take(): PlayStatistics {
    const now = this.#clock.now();
    this.#enterTurnSlot(now);
    const pauseMeanMs = this.#pauses > 0 ? this.#pauseSum / this.#pauses : 0;
    const variance = this.#pauses > 0 ? this.#pauseSquares / this.#pauses - pauseMeanMs ** 2 : 0;
    const summary: PlayStatistics = {
      seconds: (now - this.#since) / 1000,
      actions: this.#actions,
      actionsPeak: this.#peak,
      pauseMeanMs,
      pauseDeviationMs: Math.sqrt(Math.max(0, variance)),
      turns: this.#turns,
      impossibleTurns: this.#impossibleTurns,
      reactions: [...this.#reactions],
    };
    this.#since = now;
    this.#actions = this.#peak = this.#pauses = this.#pauseSum = this.#pauseSquares = 0;
    this.#turns = this.#impossibleTurns = 0;
    this.#reactions.fill(0);
    return summary;
  }

  #countPeak(now: Milli): void {
    const slot = Math.floor(now / PEAK_SLOT_MS);
    const passed = Math.min(slot - this.#peakSlot, PEAK_SLOTS);
    for (let n = 0; n < passed; n++) this.#peakSlots[(slot - n) % PEAK_SLOTS] = 0;
    this.#peakSlot = slot;
    const index = slot % PEAK_SLOTS;
    this.#peakSlots[index] = (this.#peakSlots[index] ?? 0) + 1;
    const sum = this.#peakSlots.reduce((total, count) => total + count, 0);
    this.#peak = Math.max(this.#peak, sum);
  }

  #countReaction(now: Milli): void {
    if (this.#turnedAt === undefined) return;
    const ms = now - this.#turnedAt;
    this.#turnedAt = undefined;
    if (ms > REACTION_MS_MAX) return;
    const bucket = Math.min(Math.floor(ms / REACTION_BUCKET_MS), REACTION_BUCKETS - 1);
    this.#reactions[bucket] = (this.#reactions[bucket] ?? 0) + 1;
  }

  get #isFast(): boolean {
    return Math.hypot(this.#x, this.#y) >= TURN_PIXELS;
  }

  /** Closes the slots of TURN_MS that have passed. A turn is judged when the slot after it has passed, too. */
  #enterTurnSlot(now: Milli): void {
    const slot = Math.floor(now / TURN_MS);
    const passed = Math.min(slot - this.#turnSlot, 3);
    for (let n = 0; n < passed; n++) {
      const moved = Math.hypot(this.#x, this.#y);
      if (this.#before >= TURN_PIXELS && this.#earlier < TURN_PIXELS) {
        this.#turns++;
        if (this.#earlier < REST_PIXELS && moved < REST_PIXELS) this.#impossibleTurns++;
      }
      this.#earlier = this.#before;
      this.#before = moved;
      this.#x = this.#y = 0;
    }
    this.#turnSlot = slot;
  }
}
