import type { Feedback } from './player.ts';

/** Initial bits per pixel. With x264's fastest preset a scene looks clean at this rate even while the camera turns. */
const BITS_PER_PIXEL = 0.3;
const BITRATE_MIN = 300_000;
/** The bitrate grows while packet loss is below LOSS_LOW and falls while it is above LOSS_HIGH, as in WebRTC. */
const LOSS_LOW = 0.02;
const LOSS_HIGH = 0.1;
const GROWTH = 1.08;

/** Adapts a video stream's bitrate to what its receiver reports. */
export class RateControl {
  readonly #max: number;
  #bitrate: number;

  /** @param bitrateMax bits per second, an upper bound for pictures of every size */
  constructor(picture: { width: number; height: number; fps: number }, bitrateMax: number) {
    const wanted = Math.round(picture.width * picture.height * picture.fps * BITS_PER_PIXEL);
    this.#bitrate = Math.max(BITRATE_MIN, Math.min(bitrateMax, wanted));
    this.#max = Math.max(BITRATE_MIN, Math.min(bitrateMax, 2 * wanted));
  }

  /** The video's current bitrate in bits per second. */
  get bitrate(): number {
    return this.#bitrate;
  }

  /** Adapts the bitrate to a report of packet loss and bandwidth. @returns the new bitrate in bits per second */
  update({ lossFraction, rembBitsPerSecond }: Readonly<Feedback>): number {
    let wanted = this.#bitrate;
    if (lossFraction > LOSS_HIGH) wanted *= 1 - lossFraction / 2;
    else if (lossFraction < LOSS_LOW) wanted *= GROWTH;
    if (rembBitsPerSecond > 0) wanted = Math.min(wanted, rembBitsPerSecond);
    this.#bitrate = Math.round(Math.max(BITRATE_MIN, Math.min(this.#max, wanted)));
    return this.#bitrate;
  }
}
