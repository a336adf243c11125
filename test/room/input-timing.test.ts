import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { InputTiming } from '../../host/room/input-timing.ts';

const read = (timing: InputTiming, sequence: number, arrivedAt: number | undefined, now: number) => ({
  ...timing.read({ sequence, arrivedAt: arrivedAt === undefined ? undefined : milli(arrivedAt) }, milli(now)),
});

test('an input waits for a tick, goes through it, and waits for the picture', () => {
  const timing = new InputTiming();
  timing.beginTick(1, milli(14));
  timing.endTick(milli(16));
  expect(read(timing, 1, 10, 19)).toEqual({ waitMs: 4, tickMs: 2, turnMs: 3 });
});

test('the first tick that reads an input counts, although others follow before the picture', () => {
  const timing = new InputTiming();
  timing.beginTick(1, milli(14));
  timing.endTick(milli(16));
  timing.beginTick(1, milli(22));
  timing.endTick(milli(24));
  expect(read(timing, 1, 10, 30)).toEqual({ waitMs: 4, tickMs: 2, turnMs: 14 });
});

test('an input that the picture reads before any tick has only waited', () => {
  const timing = new InputTiming();
  expect(read(timing, 1, 10, 19)).toEqual({ waitMs: 9, tickMs: 0, turnMs: 0 });
  timing.beginTick(1, milli(20));
  // It arrived while the tick was running.
  expect(read(timing, 2, 21, 25)).toEqual({ waitMs: 4, tickMs: 0, turnMs: 0 });
  timing.endTick(milli(26));
  expect(read(timing, 2, 21, 27)).toEqual({ waitMs: 6, tickMs: 0, turnMs: 0 });
});

test('an input whose arrival is not known has not waited', () => {
  const timing = new InputTiming();
  timing.beginTick(0, milli(14));
  timing.endTick(milli(16));
  expect(read(timing, 0, undefined, 19)).toEqual({ waitMs: 0, tickMs: 2, turnMs: 3 });
  expect(read(timing, 1, undefined, 19)).toEqual({ waitMs: 0, tickMs: 0, turnMs: 0 });
});

test('the first inputs of a new connection are not taken for those of the last one', () => {
  const timing = new InputTiming();
  timing.beginTick(1, milli(14));
  timing.endTick(milli(16));
  timing.reset();
  expect(read(timing, 1, 100, 103)).toEqual({ waitMs: 3, tickMs: 0, turnMs: 0 });
});
