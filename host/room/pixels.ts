import type { ViewRequest } from '../stream/player.ts';

/** The largest part of the free budget that one player gets, so that something is left for the next player. */
const SHARE_MAX = 2 / 3;
/** A player gets at least this much, even if the budget is used up: 320x180 pixels at 15 frames per second. */
const PIXELS_PER_SECOND_MIN = 320 * 180 * 15;
/** A picture keeps these frame rates, in this order, as long as making it smaller suffices. */
const RATES = [60, 30, 15];
/** While a picture keeps one of these rates, its sides shrink to this fraction at most. */
const SCALE_MIN = 0.5;
const SIDE_MIN = 64;

/** The size and the rate of a picture. */
export type Picture = Pick<ViewRequest, 'width' | 'height' | 'fps'>;

/** A part of a budget that one player uses. */
export interface PixelGrant {
  readonly picture: Picture;
  /** Returns the player's pixels to the budget. Idempotent. */
  release(): void;
}

/**
 * A budget of pixels per second that players share. A player who comes late gets a smaller picture or a lower rate. The
 * pictures of the players who are there do not change.
 */
export class PixelBudget {
  readonly #limit: number;
  readonly #parent: PixelBudget | undefined;
  #used = 0;

  /**
   * @param limit pixels per second
   * @param parent a budget that this one is a part of, such as that of the host for the budget of a room
   */
  constructor(limit: number, parent?: PixelBudget) {
    this.#limit = limit;
    this.#parent = parent;
  }

  /** Pixels per second that players use now. */
  get used(): number {
    return this.#used;
  }

  /** Grants a player the picture that the player wants, or the largest similar one that the budget allows. */
  grant(wanted: Picture): PixelGrant {
    const picture = fit(wanted, Math.max(this.#share, PIXELS_PER_SECOND_MIN));
    const pixels = pixelsPerSecond(picture);
    this.#add(pixels);
    let isReleased = false;
    return {
      picture,
      release: () => {
        if (!isReleased) this.#add(-pixels);
        isReleased = true;
      },
    };
  }

  /** Pixels per second that the next player may use. */
  get #share(): number {
    const own = (this.#limit - this.#used) * SHARE_MAX;
    return this.#parent ? Math.min(own, this.#parent.#share) : own;
  }

  #add(pixels: number): void {
    this.#used += pixels;
    if (this.#parent) this.#parent.#add(pixels);
  }
}

/** Returns the picture, or a similar one with at most `limit` pixels per second. */
export function fit(wanted: Picture, limit: number): Picture {
  const { width, height } = wanted;
  if (pixelsPerSecond(wanted) <= limit) return wanted;
  for (const rate of RATES) {
    const fps = Math.min(wanted.fps, rate);
    const scale = Math.sqrt(limit / (width * height * fps));
    if (scale >= SCALE_MIN) return scaled(wanted, Math.min(scale, 1), fps);
  }
  const fps = Math.min(wanted.fps, RATES.at(-1) ?? 1);
  return scaled(wanted, Math.sqrt(limit / (width * height * fps)), fps);
}

/** The video encoder needs even sides. */
function scaled({ width, height }: Picture, scale: number, fps: number): Picture {
  const side = (pixels: number) => Math.max(SIDE_MIN, Math.floor((pixels * scale) / 2) * 2);
  return { width: side(width), height: side(height), fps };
}

/** A picture without a rate of its own, as in a browser tab, counts for nothing. */
function pixelsPerSecond({ width, height, fps }: Picture): number {
  return Number.isFinite(fps) ? width * height * fps : 0;
}
