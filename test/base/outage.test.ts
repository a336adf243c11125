import { expect, test } from 'vitest';
import { Outage } from '../../host/base/outage.ts';
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
