import { type Milli, milli } from '../base/time.ts';
import { Capacity } from './capacity.ts';
import { fairLevel, type Picture, pictureWithin, pixelsPerSecond, rateWithin } from './shares.ts';

/** A player gets at least this much, even if the budget is used up: 320x180 pixels at 15 frames per second. */
const PIXELS_PER_SECOND_MIN = 320 * 180 * 15;
/** Pictures get larger again when their share has been larger by this factor for this long. They get smaller at once. */
const GROWTH_MIN = 1.05;
const GROWTH_MS = 3000;

/** A part of a budget that one player uses. */
export interface PixelGrant {
  /** The picture that the player gets. It changes when players come and leave, and when the host is late. */
  readonly picture: Picture;
  /** Frames per second to draw now. It is above the picture's rate while a larger picture is not yet worth a change of size. */
  readonly fps: number;
  /** Counts frames of the player that were drawn, and frames that were missed because the host was late. */
  count(frames: { drawn: number; missed: number; now: Milli }): void;
  /** Says that the player sees no pictures now, or sees them again. Meanwhile the player's pixels are for the others. */
  rest(isResting: boolean): void;
  /** Called when the picture or the rate has changed. */
  onChange: () => void;
  /** Returns the player's pixels to the budget. Idempotent. */
  release(): void;
}

/**
 * A budget of pixels per second that players share fairly. Those who want less than the others get it, and all others get equal shares, no
 * matter who came first. A player who is alone gets the wanted picture, even above the budget. While the host is late, the budget of the
 * whole host is smaller.
 */
export class PixelBudget {
  readonly #parent: PixelBudget | undefined;
  readonly #limit: number;
  /** The pixels per second that the host can draw in time. Only the budget of the whole host uses it. */
  readonly #capacity: Capacity;
  readonly #parts = new Set<PixelBudget>();
  readonly #grants = new Set<Grant>();
  /** The share that follows from the players who are there now, and the one by which sizes were chosen, which grows with a delay. */
  #share = Number.POSITIVE_INFINITY;
  #settled = Number.POSITIVE_INFINITY;
  /** Since when the share is larger than the settled one. */
  #growsSince: Milli | undefined;
  #now = milli(0);

  /**
   * @param limit pixels per second
   * @param parent a budget that this one is a part of, such as that of the host for the budget of a room
   */
  constructor(limit: number, parent?: PixelBudget) {
    this.#limit = limit;
    this.#parent = parent;
    this.#capacity = new Capacity(limit);
  }

  /** Pixels per second that players use. */
  get used(): number {
    return sum(this.#active(), (grant) => grant.used);
  }

  /** Grants a player the picture that the player wants, or a similar one that the budget allows. */
  grant(wanted: Picture): PixelGrant {
    const grant = new Grant(wanted, this);
    this.#grants.add(grant);
    this.#enlist();
    this.divide();
    return grant;
  }

  /** Takes a player's pixels back. */
  release(grant: Grant): void {
    this.#grants.delete(grant);
    this.#delist();
    this.redivide();
  }

  /** Divides the budget again because a player needs less, or more. */
  redivide(): void {
    this.#root.#capacity.hurry();
    this.divide();
  }

  /** Counts frames of a player, and once in each window looks whether the host is late. */
  count({ drawn, missed, now }: { drawn: number; missed: number; now: Milli }): void {
    const root = this.#root;
    root.#now = now;
    root.#capacity.count(drawn, missed);
    if (!root.#capacity.isDue(now)) return;
    const active = root.#active();
    const wanted = sum(active, (grant) => grant.demand);
    const least = active.length * PIXELS_PER_SECOND_MIN;
    const hasChanged = root.#capacity.update(now, { used: root.used, wanted, least });
    if (hasChanged || root.#isGrowing) root.divide();
  }

  /** Divides the whole budget among the players who are there now, and tells those whose part has changed. */
  divide(): void {
    const root = this.#root;
    const isShared = root.#active().length > 1;
    if (!isShared) root.#capacity.reset();
    root.#fill(isShared ? root.#capacity.now : Number.POSITIVE_INFINITY, isShared);
    root.#divide(Number.POSITIVE_INFINITY);
    for (const grant of root.#all()) grant.tell();
  }

  get #root(): PixelBudget {
    return this.#parent ? this.#parent.#root : this;
  }

  /** Whether the pictures of a part of the budget will get larger. */
  get #isGrowing(): boolean {
    return this.#growsSince !== undefined || [...this.#parts].some((part) => part.#isGrowing);
  }

  #all(): Grant[] {
    return [...this.#grants, ...[...this.#parts].flatMap((part) => part.#all())];
  }

  #active(): Grant[] {
    return this.#all().filter((grant) => grant.demand > 0);
  }

  #enlist(): void {
    const parent = this.#parent;
    if (!parent) return;
    parent.#parts.add(this);
    parent.#enlist();
  }

  /** Leaves the budget that this one is a part of, if no player uses it. */
  #delist(): void {
    if (this.#grants.size > 0 || this.#parts.size > 0) return;
    this.#settled = Number.POSITIVE_INFINITY;
    this.#growsSince = undefined;
    const parent = this.#parent;
    if (!parent) return;
    parent.#parts.delete(this);
    parent.#delist();
  }

  /**
   * Computes the share that each player gets if nothing but this budget and its parts limits it, and the same for each part.
   * @returns what each player wants and may get by these limits
   */
  #fill(limit: number, isShared: boolean): number[] {
    const demands = [...this.#grants].map((grant) => grant.demand).filter((demand) => demand > 0);
    for (const part of this.#parts)
      demands.push(...part.#fill(isShared ? part.#limit : Number.POSITIVE_INFINITY, isShared));
    const share = fairLevel(demands, limit);
    this.#share = share;
    return demands.map((demand) => Math.min(demand, share));
  }

  /**
   * Gives all players their shares.
   * @param shareMax the share of players in the budget that this one is a part of
   */
  #divide(shareMax: number): void {
    this.#share = Math.min(this.#share, shareMax);
    this.#settle(this.#root.#now);
    for (const grant of this.#grants) grant.update(this.#share, this.#settled);
    for (const part of this.#parts) part.#divide(this.#share);
  }

  #settle(now: Milli): void {
    if (this.#share < this.#settled * GROWTH_MIN || this.#share === this.#settled) {
      this.#settled = Math.min(this.#settled, this.#share);
      this.#growsSince = undefined;
      return;
    }
    this.#growsSince ??= now;
    if (now - this.#growsSince < GROWTH_MS) return;
    this.#settled = this.#share;
    this.#growsSince = undefined;
  }
}

class Grant implements PixelGrant {
  onChange: () => void = () => {};
  readonly #wanted: Picture;
  readonly #budget: PixelBudget;
  #picture: Picture;
  #fps: number;
  #hasChanged = false;
  #isResting = false;
  #isReleased = false;

  constructor(wanted: Picture, budget: PixelBudget) {
    const { width, height, fps } = wanted;
    this.#wanted = { width, height, fps };
    this.#budget = budget;
    this.#picture = this.#wanted;
    this.#fps = fps;
  }

  get picture(): Picture {
    return this.#picture;
  }

  get fps(): number {
    return this.#fps;
  }

  /** Pixels per second that the player could use now. */
  get demand(): number {
    return this.#isResting ? 0 : pixelsPerSecond(this.#wanted);
  }

  /** Pixels per second that the player uses now. */
  get used(): number {
    return this.#isResting ? 0 : pixelsPerSecond({ ...this.#picture, fps: this.#fps });
  }

  /**
   * Chooses the picture and the rate.
   * @param share pixels per second that the player may use now
   * @param settled the share by which the size is chosen
   */
  update(share: number, settled: number): void {
    const picture = pictureWithin(this.#wanted, Math.max(settled, PIXELS_PER_SECOND_MIN));
    const fps = Math.max(picture.fps, rateWithin(picture, this.#wanted.fps, share));
    const { width, height } = this.#picture;
    const isSame = width === picture.width && height === picture.height && this.#picture.fps === picture.fps;
    if (isSame && fps === this.#fps) return;
    if (!isSame) this.#picture = picture;
    this.#fps = fps;
    this.#hasChanged = true;
  }

  /** Calls onChange if `update` has changed something. */
  tell(): void {
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    this.onChange();
  }

  count(frames: { drawn: number; missed: number; now: Milli }): void {
    this.#budget.count(frames);
  }

  rest(isResting: boolean): void {
    if (this.#isResting === isResting || this.#isReleased) return;
    this.#isResting = isResting;
    this.#budget.redivide();
  }

  release(): void {
    if (!this.#isReleased) this.#budget.release(this);
    this.#isReleased = true;
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
