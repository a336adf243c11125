import type { ViewRequest } from '../stream/player.ts';

/** The size and the rate of a picture. */
export type Picture = Pick<ViewRequest, 'width' | 'height' | 'fps'>;

/** A picture is made smaller in steps of a sixteenth of its sides, so that it changes its size rarely. */
const SCALE_STEPS = 16;
/**
 * A picture keeps a rate above GOOD_RATE while this many sixteenths of its sides suffice, and a rate above RATE_MIN while that many do.
 * It becomes smaller before it becomes slower, because a slow picture also delays what the player sees of an input.
 */
const GOOD_RATE = 30;
const STEPS_ABOVE_GOOD_RATE = 11;
const STEPS_ABOVE_RATE_MIN = 8;
/** At the lowest rate, a picture gets as small as necessary. */
const RATE_MIN = 15;
const SIDE_MIN = 64;

/**
 * Divides a capacity fairly (max-min fairness): a player who wants less than the level gets it all, and each of the others gets the level.
 * @returns the level; infinite if the capacity suffices for everyone
 */
export function fairLevel(demands: readonly number[], capacity: number): number {
  let left = capacity;
  let others = demands.length;
  for (const demand of demands.toSorted((a, b) => a - b)) {
    const level = left / others;
    if (demand > level) return level;
    left -= demand;
    others--;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * Returns the picture that a share of pixels per second allows: the wanted one, or a similar one that is smaller or slower. Its rate is the
 * wanted rate divided by an integer. The pictures are evenly spaced then, also in the time of the game.
 */
export function pictureWithin(wanted: Picture, share: number): Picture {
  for (let divisor = 1; ; divisor++) {
    const fps = wanted.fps / divisor;
    const isLast = !(wanted.fps / (divisor + 1) >= RATE_MIN);
    const stepsMin = isLast ? 1 : fps > GOOD_RATE ? STEPS_ABOVE_GOOD_RATE : STEPS_ABOVE_RATE_MIN;
    for (let steps = SCALE_STEPS; steps >= stepsMin; steps--) {
      const picture = scaled(wanted, steps, fps);
      if (pixelsPerSecond(picture) <= share || (isLast && steps === 1)) return picture;
    }
  }
}

/** Returns the rate for a picture of the given size: the highest one that a share allows, which is the wanted one divided by an integer. */
export function rateWithin({ width, height }: Picture, wantedFps: number, share: number): number {
  const limit = share / (width * height);
  return limit >= wantedFps || !Number.isFinite(wantedFps) ? wantedFps : wantedFps / Math.ceil(wantedFps / limit);
}

/** Returns the pixels per second of a picture. One without a rate of its own, as in a browser tab, counts for nothing. */
export function pixelsPerSecond({ width, height, fps }: Picture): number {
  return Number.isFinite(fps) ? width * height * fps : 0;
}

/** The video encoder needs even sides. */
function scaled({ width, height }: Picture, steps: number, fps: number): Picture {
  if (steps === SCALE_STEPS) return { width, height, fps };
  const side = (pixels: number) =>
    Math.max(Math.min(pixels, SIDE_MIN), Math.floor((pixels * steps) / SCALE_STEPS / 2) * 2);
  return { width: side(width), height: side(height), fps };
}
