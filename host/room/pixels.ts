import { type Milli, milli } from '../base/time.ts';
import type { ViewRequest } from '../stream/player.ts';

/** The largest part of the free budget that one player gets, so that something is left for the next player. */
const SHARE_MAX = 2 / 3;
/** A player gets at least this much, even if the budget is used up: 320x180 pixels at 15 frames per second. */
const PIXELS_PER_SECOND_MIN = 320 * 180 * 15;
/** A picture keeps these frame rates, in this order, as long as making it smaller suffices. */
const RATES = [60, 30, 15];
const RATE_MIN = 15;
/** While a picture keeps one of these rates, its sides shrink to this fraction at most. */
const SCALE_MIN = 0.5;
const SIDE_MIN = 64;
/**
 * If a player misses more than a part of the frames in a window, a player who came later draws fewer: YIELD of the rate, down
 * to PACE_MIN. Without such misses the rate grows back.
 */
const WINDOW_MS = 1000;
const FRAMES_MIN = 10;
const MISSED_MAX = 0.05;
const YIELD = 0.7;
const RECOVERY = 1.05;
const PACE_MIN = 0.25;

/** The size and the rate of a picture. */
export type Picture = Pick<ViewRequest, 'width' | 'height' | 'fps'>;

/** A part of a budget that one player uses. */
export interface PixelGrant {
  /** The picture that the player gets now. Its rate may change (onChange), its size does not. */
  readonly picture: Picture;
  /** Frames per second to draw now. It is below the picture's rate while an earlier player misses frames. */
  readonly fps: number;
  /** Counts frames of the player that were drawn, and frames that were missed because the host was late. */
  count(frames: { drawn: number; missed: number; now: Milli }): void;
  /** Called when the rate has changed. */
  onChange: () => void;
  /** Returns the player's pixels to the budget. Idempotent. */
  release(): void;
}

/**
 * A budget of pixels per second that players share. A player who comes late gets a smaller picture or a lower rate. A player
 * who is alone gets the wanted rate, even above the budget, until another player comes.
 */
export class PixelBudget {
  readonly #limit: number;
  readonly #parent: PixelBudget | undefined;
  /** The earliest player first. */
  readonly #grants = new Set<Grant>();
  #used = 0;
  #windowStart = milli(0);

  /**
   * @param limit pixels per second
   * @param parent a budget that this one is a part of, such as that of the host for the budget of a room
   */
  constructor(limit: number, parent?: PixelBudget) {
    this.#limit = limit;
    this.#parent = parent;
  }

  /** Pixels per second that players are sure of. A player who is alone may use more. */
  get used(): number {
    return this.#used;
  }

  /** Grants a player the picture that the player wants, or a similar one that the budget allows. */
  grant(wanted: Picture): PixelGrant {
    const limit = Math.max(this.#share, PIXELS_PER_SECOND_MIN);
    const isAlone = this.#count === 0;
    const sure = isAlone ? slowDown(wanted, limit) : shrink(wanted, limit);
    const grant: Grant = new Grant({ wanted, sure, isAlone, budget: this });
    this.#change(grant, 1);
    return grant;
  }

  /** Pixels per second that the next player may use. */
  get #share(): number {
    const own = (this.#limit - this.#used) * SHARE_MAX;
    return this.#parent ? Math.min(own, this.#parent.#share) : own;
  }

  /** Number of players that share the whole budget. */
  get #count(): number {
    return this.#parent ? this.#parent.#count : this.#grants.size;
  }

  release(grant: Grant): void {
    this.#change(grant, -1);
  }

  /** Makes later players yield to earlier ones who miss frames, once in each window. */
  balance(now: Milli): void {
    if (this.#parent) this.#parent.balance(now);
    else if (now - this.#windowStart >= WINDOW_MS) this.#balanceAll(now);
  }

  #balanceAll(now: Milli): void {
    this.#windowStart = now;
    const all = [...this.#grants];
    const late = all.findIndex((grant) => grant.isLate);
    const later = late < 0 ? [] : all.slice(late + 1).filter((grant) => grant.canYield);
    if (late < 0) for (const grant of all) grant.recover();
    else later.reduce<Grant | undefined>((a, b) => (a && a.load >= b.load ? a : b), undefined)?.yield();
    for (const grant of all) grant.resetCounts();
  }

  #change(grant: Grant, sign: 1 | -1): void {
    this.#used += sign * pixelsPerSecond(grant.sure);
    if (sign > 0) this.#grants.add(grant);
    else this.#grants.delete(grant);
    if (this.#parent) this.#parent.#change(grant, sign);
    else for (const one of this.#grants) one.setAlone(this.#grants.size === 1);
  }
}

class Grant implements PixelGrant {
  /** The picture that the player is sure of, no matter who else comes. */
  readonly sure: Picture;
  onChange: () => void = () => {};
  readonly #wanted: Picture;
  readonly #budget: PixelBudget;
  #isAlone: boolean;
  #isReleased = false;
  /** Fraction of the picture's rate at which frames are drawn. */
  #pace = 1;
  #drawn = 0;
  #missed = 0;

  constructor(options: { wanted: Picture; sure: Picture; isAlone: boolean; budget: PixelBudget }) {
    this.sure = options.sure;
    this.#wanted = options.wanted;
    this.#budget = options.budget;
    this.#isAlone = options.isAlone;
  }

  get picture(): Picture {
    return this.#isAlone ? { ...this.sure, fps: this.#wanted.fps } : this.sure;
  }

  setAlone(isAlone: boolean): void {
    if (this.#isAlone === isAlone) return;
    this.#isAlone = isAlone;
    if (this.sure.fps !== this.#wanted.fps) this.onChange();
  }

  get fps(): number {
    return this.picture.fps * this.#pace;
  }

  /** Pixels per second that are drawn now. */
  get load(): number {
    return pixelsPerSecond({ ...this.sure, fps: this.fps });
  }

  /** Whether the player missed many frames in the current window. */
  get isLate(): boolean {
    const all = this.#drawn + this.#missed;
    return all >= FRAMES_MIN && this.#missed > all * MISSED_MAX;
  }

  get canYield(): boolean {
    return this.#pace > PACE_MIN;
  }

  yield(): void {
    this.#pace = Math.max(PACE_MIN, this.#pace * YIELD);
  }

  recover(): void {
    this.#pace = Math.min(1, this.#pace * RECOVERY);
  }

  count({ drawn, missed, now }: { drawn: number; missed: number; now: Milli }): void {
    this.#drawn += drawn;
    this.#missed += missed;
    this.#budget.balance(now);
  }

  resetCounts(): void {
    this.#drawn = this.#missed = 0;
  }

  release(): void {
    if (!this.#isReleased) this.#budget.release(this);
    this.#isReleased = true;
  }
}

/** Returns the picture with a rate that keeps within `limit` pixels per second. It is smaller only if 15 per second exceed it. */
export function slowDown(wanted: Picture, limit: number): Picture {
  const { width, height } = wanted;
  if (pixelsPerSecond(wanted) <= limit) return wanted;
  const least = Math.min(wanted.fps, RATE_MIN);
  const fps = Math.floor(limit / (width * height));
  return fps >= least ? { width, height, fps } : scaled(wanted, Math.sqrt(limit / (width * height * least)), least);
}

/** Returns the picture, or a similar one with at most `limit` pixels per second. */
export function shrink(wanted: Picture, limit: number): Picture {
  const { width, height } = wanted;
  if (pixelsPerSecond(wanted) <= limit) return wanted;
  for (const rate of RATES) {
    const fps = Math.min(wanted.fps, rate);
    const scale = Math.sqrt(limit / (width * height * fps));
    if (scale >= SCALE_MIN) return scaled(wanted, Math.min(scale, 1), fps);
  }
  const fps = Math.min(wanted.fps, RATE_MIN);
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
