import type { Milli } from '../base/time.ts';

/** Fractions of the wanted width and height. */
const SCALES = [1, 3 / 4, 1 / 2] as const;
/** Below this many bits per pixel a smaller picture looks better, and from this many on the next larger one does. */
const BITS_PER_PIXEL_DOWN = 0.04;
const BITS_PER_PIXEL_UP = 0.08;
/** The bitrate must stay on one side of a bound for this long. Going up has time; going down follows a loss of quality. */
const DOWN_MS = 1000;
const UP_MS = 4000;
/** A picture does not get narrower than this. */
const WIDTH_MIN = 320;

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Decides how large a player's pictures are: smaller than the player wants if the bitrate is too low for so many pixels. It holds no
 * timer; the caller passes the time in.
 */
export class SizeLadder {
  #sizes: readonly PictureSize[];
  #fps: number;
  #level = 0;
  /** When the bitrate became too low or high enough for another size; undefined if it is neither. */
  #since: Milli | undefined;

  constructor({ width, height, fps }: PictureSize & { fps: number }) {
    this.#fps = fps;
    this.#sizes = sizesOf({ width, height });
  }

  get size(): PictureSize {
    return this.#at(this.#level);
  }

  /**
   * Takes another size and rate in place of the wanted ones. A picture that the bitrate had made smaller gets no larger by that.
   * @returns whether `size` has changed
   */
  fit({ width, height, fps }: PictureSize & { fps: number }): boolean {
    const before = this.size;
    this.#fps = fps;
    this.#sizes = sizesOf({ width, height });
    const level = this.#sizes.findIndex((size) => size.width <= before.width);
    if (this.#level > 0) this.#level = level < 0 ? this.#sizes.length - 1 : level;
    this.#since = undefined;
    return this.size.width !== before.width || this.size.height !== before.height;
  }

  /** Takes the video's bitrate. @returns whether `size` has changed */
  update(bitsPerSecond: number, now: Milli): boolean {
    const step = this.#wantedStep(bitsPerSecond);
    if (step === 0) {
      this.#since = undefined;
      return false;
    }
    this.#since ??= now;
    if (now - this.#since < (step > 0 ? DOWN_MS : UP_MS)) return false;
    this.#level += step;
    this.#since = undefined;
    return true;
  }

  #wantedStep(bitsPerSecond: number): -1 | 0 | 1 {
    if (
      this.#level + 1 < this.#sizes.length &&
      bitsPerSecond < BITS_PER_PIXEL_DOWN * this.#pixelsPerSecond(this.#level)
    )
      return 1;
    if (this.#level > 0 && bitsPerSecond >= BITS_PER_PIXEL_UP * this.#pixelsPerSecond(this.#level - 1)) return -1;
    return 0;
  }

  #at(level: number): PictureSize {
    return this.#sizes[level] ?? { width: 0, height: 0 };
  }

  #pixelsPerSecond(level: number): number {
    const { width, height } = this.#at(level);
    return width * height * this.#fps;
  }
}

function sizesOf({ width, height }: PictureSize): PictureSize[] {
  const smaller = SCALES.map((scale) => ({ width: even(width * scale), height: even(height * scale) }));
  return smaller.filter((size, level) => level === 0 || size.width >= WIDTH_MIN);
}

/** Rounds a side down to an even number, which the encoder needs. */
function even(side: number): number {
  return 2 * Math.floor(side / 2);
}
