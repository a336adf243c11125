import { expect, test } from 'vitest';
import { JointOutage } from '../../host/base/outage.ts';
import { CALM_MS, Overload } from '../../host/stream/overload.ts';
import { ManualClock } from '../room/fake.ts';

function begin() {
  const clock = new ManualClock();
  const outage = new JointOutage(clock);
  return { clock, outage, overload: new Overload(clock, outage) };
}

test('a page that is never too fast has nothing to recover from', () => {
  const { clock, outage, overload } = begin();
  for (let n = 0; n < 10; n++, clock.jump(500)) overload.pass();
  overload.close();
  expect(outage.seconds).toBe(0);
});

test('an overload lasts from the first drop to the first message that passes, known after a second without drops', () => {
  const { clock, outage, overload } = begin();
  overload.drop();
  clock.jump(300);
  overload.pass();
  clock.jump(300);
  overload.drop();
  clock.jump(100);
  overload.pass();
  clock.jump(CALM_MS - 101);
  overload.pass();
  // 1599 ms since the first drop, and 999 since the last one.
  expect(outage.seconds).toBeCloseTo(1.599);
  clock.jump(1);
  overload.pass();
  expect(outage.seconds).toBeCloseTo(0.7);
  clock.jump(5000);
  overload.pass();
  expect(outage.seconds).toBeCloseTo(0.7);
});

test('a later drop begins another overload', () => {
  const { clock, outage, overload } = begin();
  overload.drop();
  clock.jump(CALM_MS);
  overload.pass();
  expect(outage.seconds).toBe(1);
  clock.jump(4000);
  overload.drop();
  clock.jump(20);
  expect(outage.seconds).toBe(0.02);
});

test('a page that goes away ends its overload, and messages that come after it count no more', () => {
  const { clock, outage, overload } = begin();
  overload.drop();
  clock.jump(200);
  overload.close();
  expect(outage.seconds).toBe(0.2);
  overload.drop();
  clock.jump(300);
  overload.close();
  expect(outage.seconds).toBe(0.2);
});
