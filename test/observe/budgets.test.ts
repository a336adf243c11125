import { beforeEach, expect, test } from 'vitest';
import { BUDGETS_MS, PROTECTION_STEPS } from '../../host/base/protection.ts';
import { BudgetWatch, RUNS_MIN, WINDOW_LOOKS } from '../../host/observe/budgets.ts';
import { Meters } from '../../host/observe/meters.ts';

let meters: Meters;
let watch: BudgetWatch;
beforeEach(() => {
  meters = new Meters();
  watch = new BudgetWatch(meters);
});

/** Counts runs of the step "policy". */
function run(times: number, ms: number): void {
  for (let n = 0; n < times; n++) meters.joinSteps.policy.add(ms);
}

test('a step has no P95 until it has run often enough', () => {
  run(RUNS_MIN - 1, 1000);
  watch.look();
  expect([watch.p95Ms('policy'), watch.excess()]).toEqual([undefined, undefined]);
  run(1, 1000);
  watch.look();
  expect(watch.p95Ms('policy')).toBeGreaterThan(BUDGETS_MS.policy);
  expect(watch.excess()).toEqual({ step: 'policy', p95Ms: watch.p95Ms('policy'), budgetMs: BUDGETS_MS.policy });
});

test('5 % of the runs may take any time, and more than that may not', () => {
  run(95, 1);
  run(5, 900);
  watch.look();
  expect(watch.p95Ms('policy')).toBe(1);
  expect(watch.excess()).toBeUndefined();
  run(1, 900);
  watch.look();
  expect(watch.excess()?.step).toBe('policy');
});

test('the P95 is linear within a bucket, as in Prometheus', () => {
  run(100, 3);
  watch.look();
  // All runs are in the bucket from 2 to 4 ms.
  expect(watch.p95Ms('policy')).toBeCloseTo(3.9);
});

test('runs beyond the highest bound count as that bound', () => {
  run(100, 60_000);
  watch.look();
  expect(watch.p95Ms('policy')).toBe(1000);
});

test('slow runs count until the window has passed', () => {
  run(100, 900);
  for (let look = 0; look < WINDOW_LOOKS; look++) {
    watch.look();
    expect(watch.excess()?.step).toBe('policy');
  }
  watch.look();
  expect([watch.p95Ms('policy'), watch.excess()]).toEqual([undefined, undefined]);
});

test('after a restart only later runs count', () => {
  run(100, 900);
  watch.restart();
  watch.look();
  expect(watch.p95Ms('policy')).toBeUndefined();
  run(RUNS_MIN, 1);
  watch.look();
  expect(watch.p95Ms('policy')).toBeCloseTo(0.975);
});

test('writes of the store have a budget too, and every step has one', () => {
  for (let n = 0; n < RUNS_MIN; n++) meters.storeCommit.add(2 * BUDGETS_MS.store);
  watch.look();
  expect(watch.excess()).toMatchObject({ step: 'store', budgetMs: BUDGETS_MS.store });
  for (const step of PROTECTION_STEPS) expect(BUDGETS_MS[step]).toBeGreaterThan(0);
});
