import type { Feedback } from './player.ts';

/** Bits per pixel at which a scene looks clean even while the camera turns, with x264's fastest preset. */
const BITS_PER_PIXEL = 0.3;
const BITRATE_MIN = 150_000;
/** Where a stream starts, until the page has reported what its network carries. */
const BITRATE_START = 1_000_000;
/** The bitrate follows only rises of at least this much, so that the video encoder is not set up again for each report. */
const RISE_MIN = 1.02;

type PictureLike = { width: number; height: number; fps: number };

/** Decides the bitrate of a video stream from what the path to the page carries and what the picture can use. */
export class RateControl {
  readonly #bitrateMax: number;
  #max: number;
  #bitrate: number;

  /** @param bitrateMax bits per second, an upper bound for pictures of every size */
  constructor(picture: PictureLike, bitrateMax: number) {
    this.#bitrateMax = bitrateMax;
    this.#max = mostOf(picture, bitrateMax);
    this.#bitrate = Math.min(this.#max, BITRATE_START);
  }

  /** The most that the picture can use. */
  get max(): number {
    return this.#max;
  }

  /** Takes another size or rate of the picture. The bitrate follows at the next update if it may rise, and now if it must not. */
  fit(picture: PictureLike): void {
    this.#max = mostOf(picture, this.#bitrateMax);
    this.#bitrate = Math.min(this.#max, this.#bitrate);
  }

  /** The video's current bitrate in bits per second. */
  get bitrate(): number {
    return this.#bitrate;
  }

  /** Adapts the bitrate to what the path carries. @returns the new bitrate in bits per second */
  update({ videoBitsPerSecond }: Pick<Feedback, 'videoBitsPerSecond'>): number {
    const wanted = Math.round(Math.max(BITRATE_MIN, Math.min(this.#max, videoBitsPerSecond)));
    if (wanted < this.#bitrate || wanted >= Math.min(this.#max, this.#bitrate * RISE_MIN)) this.#bitrate = wanted;
    return this.#bitrate;
  }
}

/** Returns the most that a picture can use. Half of it looks clean. */
function mostOf({ width, height, fps }: PictureLike, bitrateMax: number): number {
  const clean = Math.round(width * height * fps * BITS_PER_PIXEL);
  return Math.max(BITRATE_MIN, Math.min(bitrateMax, 2 * clean));
}
