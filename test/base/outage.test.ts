import { expect, test } from 'vitest';
import { JointOutage, Outage } from '../../host/base/outage.ts';
import { milli } from '../../host/base/time.ts';
import { ManualClock } from '../room/fake.ts';

test('an outage lasts from the first failure to the next success, and is remembered until the next one', () => {
  const clock = new ManualClock();
  const outage = new Outage(clock);
  clock.jump(500);
  outage.succeed();
  expect(outage.seconds).toBe(0);
  outage.fail();
  clock.jump(1500);
  outage.fail();
  expect(outage.seconds).toBe(1.5);
  clock.jump(500);
  outage.succeed();
  clock.jump(9000);
  expect(outage.seconds).toBe(2);
  outage.succeed();
  expect(outage.seconds).toBe(2);
  outage.fail();
  expect(outage.seconds).toBe(0);
});

test('an outage may be known to have ended some time ago', () => {
  const clock = new ManualClock();
  const outage = new Outage(clock);
  outage.fail();
  clock.jump(3000);
  outage.succeed(milli(1000));
  expect(outage.seconds).toBe(1);
});

test('an outage of several parts lasts until none of them fails, and ends with the last of their ends', () => {
  const clock = new ManualClock();
  const outage = new JointOutage(clock);
  expect(outage.seconds).toBe(0);
  const [first, second] = [outage.fail(), outage.fail()];
  clock.jump(4000);
  first(milli(3000));
  expect(outage.seconds).toBe(4);
  second(milli(2000));
  expect(outage.seconds).toBe(3);
  clock.jump(1000);
  outage.fail();
  clock.jump(500);
  expect(outage.seconds).toBe(0.5);
});
