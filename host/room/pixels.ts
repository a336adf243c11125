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

/** The size and the rate of a picture. */
export type Picture = Pick<ViewRequest, 'width' | 'height' | 'fps'>;

/** A part of a budget that one player uses. */
export interface PixelGrant {
  /** The picture that the player gets now. Its rate may change (onChange), its size does not. */
  readonly picture: Picture;
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
  readonly #grants = new Set<Grant>();
  #used = 0;

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
    const grant: Grant = new Grant({ wanted, sure, isAlone, release: () => this.#change(grant, -1) });
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
  readonly #release: () => void;
  #isAlone: boolean;
  #isReleased = false;

  constructor(options: { wanted: Picture; sure: Picture; isAlone: boolean; release(): void }) {
    this.sure = options.sure;
    this.#wanted = options.wanted;
    this.#release = options.release;
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

  release(): void {
    if (!this.#isReleased) this.#release();
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
