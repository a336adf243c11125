import { BUCKETS, bucketOf } from '../base/buckets.ts';
import { MESSAGE_TIMES, PICTURE_MS_MAX, TIMES_BYTES, TIMES_HEADER_BYTES } from '../base/protocol.ts';
import { PAGE_STAGES, STAGES } from '../base/stages.ts';

const COUNT_MAX = 0xffff;
const SUM_US_MAX = 0xffffffff;
const WHERE = PAGE_STAGES.map((stage) => (stage === 'total' ? -1 : STAGES.indexOf(stage)));

/** Counts the times that only the page knows, and writes them for the host (MESSAGE_TIMES), one stage at a time. */
export class PageReport {
  readonly #counts = PAGE_STAGES.map(() => new Uint16Array(BUCKETS.length + 1));
  readonly #sumsUs = new Float64Array(PAGE_STAGES.length);
  readonly #message = new DataView(new ArrayBuffer(TIMES_BYTES));
  #next = 0;

  constructor() {
    this.#message.setUint8(0, MESSAGE_TIMES);
    this.#message.setUint8(2, BUCKETS.length + 1);
  }

  reset(): void {
    this.#sumsUs.fill(0);
    for (const counts of this.#counts) counts.fill(0);
  }

  /** Counts a picture. @param stages milliseconds in each of STAGES */
  add(stages: Float64Array): void {
    let totalMs = 0;
    for (let stage = 0; stage < stages.length; stage++) totalMs += stages[stage] ?? 0;
    for (let stage = 0; stage < WHERE.length; stage++) this.#count(stage, stages[WHERE[stage] ?? -1] ?? totalMs);
  }

  /** Returns the message about the next stage, valid until the next call; undefined if there is nothing to report about it. */
  next(): DataView<ArrayBuffer> | undefined {
    const stage = this.#next;
    const counts = this.#counts[stage];
    this.#next = (stage + 1) % PAGE_STAGES.length;
    if (!counts?.some((count) => count > 0)) return undefined;
    const message = this.#message;
    message.setUint8(1, stage);
    message.setUint32(4, this.#sumsUs[stage] ?? 0, true);
    for (let bucket = 0; bucket < counts.length; bucket++)
      message.setUint16(TIMES_HEADER_BYTES + 2 * bucket, counts[bucket] ?? 0, true);
    counts.fill(0);
    this.#sumsUs[stage] = 0;
    return message;
  }

  /** Counts a picture in a stage, unless too many were counted since the last report for the message to hold them. */
  #count(stage: number, ms: number): void {
    const counts = this.#counts[stage];
    const us = Math.round(Math.min(ms, PICTURE_MS_MAX) * 1000);
    const bucket = bucketOf(us / 1000);
    const sumUs = (this.#sumsUs[stage] ?? 0) + us;
    if (!counts || (counts[bucket] ?? 0) >= COUNT_MAX || sumUs > SUM_US_MAX) return;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.#sumsUs[stage] = sumUs;
  }
}
