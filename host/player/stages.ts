import { HOST_STAGES, STAGES } from '../base/stages.ts';
import type { Milli } from '../base/time.ts';

const RTP_CLOCK_KHZ = 90;
const UPLINK = STAGES.indexOf('uplink');
const FIRST_OF_HOST = STAGES.indexOf('wait');
const DOWNLINK = STAGES.indexOf('downlink');
const DECODE = STAGES.indexOf('decode');
const PRESENT = STAGES.indexOf('present');
/** Number of the host's stages after the input was read for the picture, which is the time of the RTP timestamp. */
const STAGES_BEFORE_READ = HOST_STAGES.indexOf('draw');

/** The way of one picture's newest input, from sending it to showing the picture. The object is reused. */
export type PictureTimes = {
  rtpTimestamp: number;
  /** When the page sent the input, and when it showed the picture, on the page's clock. */
  sentAt: Milli;
  shownAt: Milli;
  /** When the browser expects the picture on the screen; NaN if it does not say. This may be before or after `shownAt`. */
  displayAt: Milli;
  /** Milliseconds in each of STAGES. */
  readonly stages: Float64Array;
};

/** The facts from which the stages follow. */
export type PictureFacts = {
  rtpTimestamp: number;
  sentAt: number;
  shownAt: number;
  /** When the last packet of the picture arrived, and for how long it was decoded. */
  receivedAt: number;
  decodeMs: number;
  /** Milliseconds in each of HOST_STAGES. */
  host: ArrayLike<number>;
  /** Milliseconds by which the host's clock is ahead; NaN if that is not known. */
  offsetMs: number;
};

/**
 * Divides the time from an input to its picture among STAGES. Every result is at least 0. The time on the network is exact, because
 * the page's clock alone tells how much of the whole passed outside the host. Only its division into the way there and the way back depends on
 * how the clocks relate; if that is not known, both get half.
 * @returns false if the facts are incomplete or contradict each other; `stages` has no meaning then
 */
export function divide(facts: Readonly<PictureFacts>, stages: Float64Array): boolean {
  const { sentAt, shownAt, receivedAt, host, rtpTimestamp, offsetMs } = facts;
  let hostMs = 0;
  let beforeReadMs = 0;
  for (let stage = 0; stage < HOST_STAGES.length; stage++) {
    const ms = host[stage] ?? Number.NaN;
    if (!(ms >= 0)) return false;
    if (stage < STAGES_BEFORE_READ) beforeReadMs += ms;
    hostMs += ms;
    stages[FIRST_OF_HOST + stage] = ms;
  }
  // The host rounds each of its times.
  const networkMs = receivedAt - sentAt - hostMs;
  if (!(networkMs > -1) || !(shownAt >= receivedAt)) return false;
  // The RTP timestamp wraps, so only its distance from now is known.
  const ageUnits = (Math.round((shownAt + offsetMs) * RTP_CLOCK_KHZ) - rtpTimestamp) | 0;
  const uplinkMs = shownAt - ageUnits / RTP_CLOCK_KHZ - beforeReadMs - sentAt;
  stages[UPLINK] = Number.isNaN(offsetMs) ? Math.max(0, networkMs) / 2 : clamp(uplinkMs, Math.max(0, networkMs));
  stages[DOWNLINK] = Math.max(0, networkMs - (stages[UPLINK] ?? 0));
  const afterMs = shownAt - receivedAt;
  stages[DECODE] = clamp(facts.decodeMs, afterMs);
  stages[PRESENT] = afterMs - (stages[DECODE] ?? 0);
  return true;
}

/** Bounds a duration by 0 and `max`. NaN becomes 0. */
function clamp(ms: number, max: number): number {
  return ms > 0 ? Math.min(ms, max) : 0;
}
