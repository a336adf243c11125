import { BUDGETS_MS, PROTECTION_STEPS, type ProtectionStep } from '../base/protection.ts';
import type { Histogram } from './histogram.ts';
import type { Meters } from './meters.ts';
import { quantileMs, since } from './quantile.ts';

const QUANTILE = 0.95;
/** Looks that a window lasts. `host/play` looks once a second. */
export const WINDOW_LOOKS = 10;
/** A step that ran less often in the window has no P95: one slow run would be too large a part. */
export const RUNS_MIN = 20;

/** A step whose P95 is above its budget. */
export interface Excess {
  readonly step: ProtectionStep;
  readonly p95Ms: number;
  readonly budgetMs: number;
}

/** Watches how long the steps of protection take, over a window that moves with each look. */
export class BudgetWatch {
  readonly #meters: Pick<Meters, 'joinSteps' | 'storeCommit'>;
  /** The counts of each step's histogram at each of the last looks, the oldest first. */
  readonly #looks = new Map<ProtectionStep, Float64Array[]>(PROTECTION_STEPS.map((step) => [step, []]));

  constructor(meters: Pick<Meters, 'joinSteps' | 'storeCommit'>) {
    this.#meters = meters;
    this.look();
  }

  /** Begins a new window, so that only later runs count. */
  restart(): void {
    for (const looks of this.#looks.values()) looks.length = 0;
    this.look();
  }

  look(): void {
    for (const [step, looks] of this.#looks) {
      looks.push(this.#histogramOf(step).counts.slice());
      if (looks.length > WINDOW_LOOKS + 1) looks.shift();
    }
  }

  /** The time that 95 % of a step's runs in the window took at most, in milliseconds; undefined if there were too few. */
  p95Ms(step: ProtectionStep): number | undefined {
    const looks = this.#looks.get(step) ?? [];
    const [oldest, newest] = [looks[0], looks.at(-1)];
    if (!oldest || !newest) return undefined;
    const { counts, total: runs } = since(newest, oldest);
    return runs < RUNS_MIN ? undefined : quantileMs(counts, runs * QUANTILE);
  }

  /** The first step whose P95 is above its budget; undefined if there is none. */
  excess(): Excess | undefined {
    for (const step of PROTECTION_STEPS) {
      const [p95Ms, budgetMs] = [this.p95Ms(step), BUDGETS_MS[step]];
      if (p95Ms !== undefined && p95Ms > budgetMs) return { step, p95Ms, budgetMs };
    }
    return undefined;
  }

  #histogramOf(step: ProtectionStep): Histogram {
    return step === 'store' ? this.#meters.storeCommit : this.#meters.joinSteps[step];
  }
}
