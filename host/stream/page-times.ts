import { BUCKETS_MS } from '../base/buckets.ts';
import type { Clock } from '../base/clock.ts';
import { PICTURE_MS_MAX, TIMES_HEADER_BYTES } from '../base/protocol.ts';
import { PAGE_STAGES, type PageStage } from '../base/stages.ts';
import { type Milli, milli } from '../base/time.ts';

/** A page shows at most this many pictures a second. */
const PICTURES_PER_SECOND_MAX = 250;
/** A report may cover this much time, however long the page has sent none. */
const SPAN_MS_MAX = 10_000;
/** Each sum is rounded to microseconds, and so is each time in it. */
const ROUNDING_US = 1;

/** Takes counts of durations, one for each bucket. */
interface Counts {
  merge(counts: ArrayLike<number>, sumMs: number): void;
}

/**
 * Adds what one page says about its pictures (MESSAGE_TIMES) to the host's histograms. A page can report wrong times, but not more
 * pictures than it could have shown, nor a sum that contradicts its counts.
 */
export class PageTimes {
  readonly #histograms: Readonly<Record<PageStage, Counts>>;
  readonly #clock: Pick<Clock, 'now'>;
  /** When each stage was last reported. */
  readonly #reportedAt: Milli[];
  readonly #counts = new Uint16Array(BUCKETS_MS.length + 1);

  constructor(histograms: Readonly<Record<PageStage, Counts>>, clock: Pick<Clock, 'now'>) {
    this.#histograms = histograms;
    this.#clock = clock;
    this.#reportedAt = PAGE_STAGES.map(() => clock.now());
  }

  /** Reads a message of type MESSAGE_TIMES. @returns false if it is not valid */
  read(message: Buffer): boolean {
    const buckets = message[2] ?? 0;
    if (buckets === 0 || message.length !== TIMES_HEADER_BYTES + 2 * buckets || message[3] !== 0) return false;
    const stage = PAGE_STAGES[message.readUInt8(1)];
    // Another version of the page may know other stages or buckets.
    if (stage === undefined || buckets !== this.#counts.length) return true;
    const sumUs = message.readUInt32LE(4);
    let pictures = 0;
    let [leastUs, mostUs] = [0, 0];
    for (let bucket = 0; bucket < buckets; bucket++) {
      const count = message.readUInt16LE(TIMES_HEADER_BYTES + 2 * bucket);
      this.#counts[bucket] = count;
      pictures += count;
      leastUs += count * ((BUCKETS_MS[bucket - 1] ?? 0) * 1000 - ROUNDING_US);
      mostUs += count * ((BUCKETS_MS[bucket] ?? PICTURE_MS_MAX) * 1000 + ROUNDING_US);
    }
    if (sumUs < leastUs || sumUs > mostUs) return false;
    if (this.#mayShow(message.readUInt8(1), pictures)) this.#histograms[stage].merge(this.#counts, sumUs / 1000);
    return true;
  }

  /** Whether a page can have shown so many pictures since its last report about a stage. More of them do not count. */
  #mayShow(stage: number, pictures: number): boolean {
    const now = this.#clock.now();
    const spanMs = Math.min(SPAN_MS_MAX, now - (this.#reportedAt[stage] ?? now));
    if (pictures === 0 || pictures > (spanMs * PICTURES_PER_SECOND_MAX) / 1000) return false;
    this.#reportedAt[stage] = milli(now);
    return true;
  }
}
