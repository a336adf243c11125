import type { Feedback } from './player.ts';

/** Bits that a pixel gets at first; what x264's fastest preset needs for a scene to look clean while the view turns. */
const BITS_PER_PIXEL = 0.3;
const BITRATE_MIN = 300_000;
/** Below the first the rate grows, above the second it falls; between them it holds (as loss-based control in WebRTC does). */
const LOSS_LOW = 0.02;
const LOSS_HIGH = 0.1;
const GROWTH = 1.08;

/** Decides a stream's bitrate from what its receiver reports. */
export class RateControl {
  readonly #max: number;
  #bitrate: number;

  /** @param bitrateMax bits per second, whatever the picture's size */
  constructor(picture: { width: number; height: number; fps: number }, bitrateMax: number) {
    const wanted = Math.round(picture.width * picture.height * picture.fps * BITS_PER_PIXEL);
    this.#bitrate = Math.max(BITRATE_MIN, Math.min(bitrateMax, wanted));
    this.#max = Math.max(BITRATE_MIN, Math.min(bitrateMax, 2 * wanted));
  }

  /** Bits per second. */
  get bitrate(): number {
    return this.#bitrate;
  }

  /** Takes a report into account; returns the new bitrate in bits per second. */
  update({ lossFraction, rembBitsPerSecond }: Readonly<Feedback>): number {
    let wanted = this.#bitrate;
    if (lossFraction > LOSS_HIGH) wanted *= 1 - lossFraction / 2;
    else if (lossFraction < LOSS_LOW) wanted *= GROWTH;
    if (rembBitsPerSecond > 0) wanted = Math.min(wanted, rembBitsPerSecond);
    this.#bitrate = Math.round(Math.max(BITRATE_MIN, Math.min(this.#max, wanted)));
    return this.#bitrate;
  }
}
