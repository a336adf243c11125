import { expect, test } from 'vitest';
import { Demand } from '../../host/pod/demand.ts';

const MINUTE_MS = 60_000;

function rig(min = 2, max = 8) {
  const clock = { now: 0 };
  const demand = new Demand({ min, max, now: () => clock.now });
  let pid = 100;
  return { clock, demand, start: (count: number) => Array.from({ length: count }, () => demand.note(pid++)) };
}

test('without starts, as few hosts wait as may wait', () => {
  const { demand, start } = rig();
  expect(demand.wanted).toBe(2);
  start(2);
  expect(demand.wanted).toBe(2);
});

test('as many hosts wait as a burst has needed, but not more than may wait', () => {
  const { clock, demand, start } = rig();
  start(3);
  clock.now += MINUTE_MS - 1;
  start(2);
  expect(demand.wanted).toBe(5);
  start(20);
  expect(demand.wanted).toBe(8);
});

test('starts that are further apart are no burst', () => {
  const { clock, demand, start } = rig();
  for (let n = 0; n < 5; n++) {
    start(2);
    clock.now += MINUTE_MS;
  }
  expect(demand.wanted).toBe(2);
});

test('a burst counts for ten minutes', () => {
  const { clock, demand, start } = rig();
  start(6);
  clock.now += 10 * MINUTE_MS - 1;
  expect(demand.wanted).toBe(6);
  clock.now += 1;
  expect(demand.wanted).toBe(2);
});

test('a start that is noted twice counts once', () => {
  const { clock, demand } = rig(0);
  demand.note(7);
  demand.note(7);
  expect(demand.wanted).toBe(1);
  // Another process may have the id later.
  clock.now += MINUTE_MS;
  demand.note(7);
  expect(demand.wanted).toBe(1);
});

test('more starts than are remembered do not grow what is kept', () => {
  const { demand, start } = rig(0, 1000);
  start(400);
  expect(demand.wanted).toBe(256);
});

test('a node that keeps no hosts keeps none', () => {
  const { demand, start } = rig(0, 0);
  start(5);
  expect(demand.wanted).toBe(0);
});
