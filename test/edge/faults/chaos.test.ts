import { beforeEach, expect, test } from 'vitest';
import { FAULT_PLACES, FaultCounts, type FaultPlace, skewedClock } from '../../../host/base/faults.ts';
import { Chaos } from '../../../host/edge/faults/chaos.ts';
import type { Fault } from '../../../host/edge/faults/plan.ts';
import { ManualClock } from '../../room/fake.ts';

let clock: ManualClock;
let counts: FaultCounts;
let lines: string[];
let drawn: number;
let chaos: Chaos;

beforeEach(() => {
  clock = new ManualClock();
  counts = new FaultCounts();
  lines = [];
  drawn = 0;
  chaos = new Chaos({ clock, counts, log: (level, line) => lines.push(`${level} ${line}`), random: () => drawn });
});

const fault = (more: Partial<Fault> = {}): Fault => ({
  place: 'opa',
  kind: 'cut',
  share: 1,
  seconds: 10,
  ms: 0,
  ...more,
});
const countOf = (place: FaultPlace, kind: string) =>
  [...counts.all].find((entry) => entry.place === place && entry.kind === kind)?.count;

test('without faults nothing is struck, and all counters begin at 0', () => {
  for (const place of Object.keys(FAULT_PLACES) as FaultPlace[]) expect(chaos.strike(place)).toBeUndefined();
  const kinds = Object.values(FAULT_PLACES).flat().length;
  expect([...counts.all].map(({ count }) => count)).toEqual(Array.from({ length: kinds }, () => 0));
  expect([chaos.isActive, chaos.status(), chaos.lastStop]).toEqual([false, [], undefined]);
});

test('a fault strikes its own place until its time is over, and ends by itself', async () => {
  let changes = 0;
  chaos.onChange(() => changes++);
  chaos.set([fault()]);
  expect([chaos.strike('opa'), chaos.strike('issuer')]).toEqual([{ kind: 'cut', ms: 0 }, undefined]);
  await clock.pass(9999);
  expect(chaos.status()).toEqual([{ ...fault(), secondsLeft: 1, struck: 1 }]);
  expect(chaos.strike('opa')).toBeDefined();
  await clock.pass(1);
  expect([chaos.strike('opa'), chaos.isActive, chaos.status()]).toEqual([undefined, false, []]);
  chaos.tend();
  expect([changes, countOf('opa', 'cut'), countOf('issuer', 'cut')]).toEqual([2, 2, 0]);
  expect(lines).toEqual([
    'warn an operator injects a fault: opa cut, for 10 s',
    'info an injected fault has ended: opa cut; it struck 2 times',
  ]);
});

test('a fault whose time is over strikes no more, even if nothing has removed it', () => {
  chaos.set([fault()]);
  clock.jump(10_000);
  expect([chaos.strike('opa'), chaos.has('opa', 'cut'), chaos.isActive]).toEqual([undefined, false, false]);
});

test('a share of the events is struck', () => {
  chaos.set([fault({ share: 0.25 })]);
  drawn = 0.2499;
  expect(chaos.strike('opa')).toBeDefined();
  drawn = 0.25;
  expect(chaos.strike('opa')).toBeUndefined();
  expect(countOf('opa', 'cut')).toBe(1);
});

test('new faults take the place of all others, and an operator can end them', async () => {
  chaos.set([fault({ seconds: 5 })]);
  chaos.set([fault({ place: 'sink', seconds: 20 })]);
  await clock.pass(5000);
  expect([chaos.strike('opa'), chaos.strike('sink')]).toEqual([undefined, { kind: 'cut', ms: 0 }]);
  chaos.end('enough');
  expect([chaos.strike('sink'), chaos.lastStop]).toEqual([undefined, 'enough']);
  expect(lines.at(-1)).toBe('warn the injected faults end: enough');
  chaos.end('again');
  expect(chaos.lastStop).toBe('enough');
});

test('a full disk is a state of its place, and no event is struck by it', () => {
  chaos.set([fault({ place: 'store', kind: 'full' })]);
  expect([chaos.has('store', 'full'), chaos.strike('store')]).toEqual([true, undefined]);
  expect(chaos.states().filter(({ isActive }) => isActive)).toEqual([{ place: 'store', kind: 'full', isActive: true }]);
});

test('a clock is wrong for as long as its fault lasts', async () => {
  const now = skewedClock(chaos, () => 1000);
  expect(now()).toBe(1000);
  chaos.set([fault({ place: 'clock', kind: 'skew', ms: -250 })]);
  expect(now()).toBe(750);
  await clock.pass(10_000);
  expect(now()).toBe(1000);
});
