import type { Config } from '../base/config.ts';
import { type Milli, milli } from '../base/time.ts';
import { trafficSettings } from '../base/traffic-settings.ts';
import type { Situation } from '../stream/player.ts';

/** The rate of actions is that of the last second, counted in parts of it. */
const PARTS = 20;
const PART_MS = 1000 / PARTS;
/** A fight ends below this share of the rate at which it begins, so that the situation does not flicker. */
const LEAVE_SHARE = 0.5;

export type SituationLimits = Partial<Pick<Config, 'fightActionsPerSecond' | 'fightFramesMin'>>;

/**
 * Tells whether a game is calm or in a team fight, from the rate of its players' actions. The situation changes after some
 * consecutive simulation steps on the other side of the limit.
 */
export class GameSituation implements Situation {
  readonly #actionsPerSecond: number;
  readonly #framesMin: number;
  readonly #onChange: (isFight: boolean) => void;
  /** Numbers of actions in the parts of the last second, and their sum. */
  readonly #parts = new Uint32Array(PARTS);
  #sum = 0;
  #part = 0;
  #partEndsAt: Milli = milli(Number.NEGATIVE_INFINITY);
  /** Number of consecutive steps that speak for the other situation. */
  #frames = 0;
  #isFight = false;

  /** @param onChange called when the situation has changed */
  constructor(limits: SituationLimits, onChange: (isFight: boolean) => void) {
    const { fightActionsPerSecond, fightFramesMin } = trafficSettings;
    this.#actionsPerSecond = limits.fightActionsPerSecond ?? fightActionsPerSecond.default;
    this.#framesMin = limits.fightFramesMin ?? fightFramesMin.default;
    this.#onChange = onChange;
  }

  get isFight(): boolean {
    return this.#isFight;
  }

  noteAction(): void {
    this.#sum++;
    this.#parts[this.#part] = (this.#parts[this.#part] ?? 0) + 1;
  }

  /** Looks at the rate. Call it for each simulation step. */
  frame(now: Milli): void {
    this.#advance(now);
    const isOther = this.#isFight
      ? this.#sum < this.#actionsPerSecond * LEAVE_SHARE
      : this.#sum > this.#actionsPerSecond;
    this.#frames = isOther ? this.#frames + 1 : 0;
    if (this.#frames < this.#framesMin) return;
    this.#frames = 0;
    this.#isFight = !this.#isFight;
    this.#onChange(this.#isFight);
  }

  /** Forgets what is older than a second. */
  #advance(now: Milli): void {
    if (now < this.#partEndsAt) return;
    const isLongAgo = now - this.#partEndsAt >= 1000;
    // The first part begins with the first step.
    const passed = isLongAgo ? PARTS : 1 + Math.floor((now - this.#partEndsAt) / PART_MS);
    for (let count = 0; count < passed; count++) {
      this.#part = (this.#part + 1) % PARTS;
      this.#sum -= this.#parts[this.#part] ?? 0;
      this.#parts[this.#part] = 0;
    }
    this.#partEndsAt = milli(isLongAgo ? now + PART_MS : this.#partEndsAt + passed * PART_MS);
  }
}
