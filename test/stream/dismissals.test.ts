import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { Dismissals, FORGET_MS, WAIT_MS_MAX, WAIT_MS_MIN } from '../../host/stream/dismissals.ts';

function begin() {
  let now = 0;
  return { dismissals: new Dismissals({ now: () => milli(now) }), pass: (ms: number) => (now += ms) };
}

test('someone who was dismissed waits, and others do not', () => {
  const { dismissals, pass } = begin();
  dismissals.note('a');
  expect(dismissals.waitMs('a')).toBe(WAIT_MS_MIN);
  expect(dismissals.waitMs('b')).toBe(0);
  pass(WAIT_MS_MIN - 1);
  expect(dismissals.waitMs('a')).toBe(1);
  pass(1);
  expect(dismissals.waitMs('a')).toBe(0);
});

test('the wait doubles with each dismissal up to its limit, and is short again after a long time', () => {
  const { dismissals, pass } = begin();
  const waits = Array.from({ length: 5 }, () => {
    dismissals.note('a');
    const waitMs = dismissals.waitMs('a');
    pass(waitMs);
    return waitMs;
  });
  expect(waits).toEqual([2000, 4000, 8000, WAIT_MS_MAX, WAIT_MS_MAX]);
  pass(FORGET_MS - WAIT_MS_MAX - 1);
  dismissals.note('a');
  expect(dismissals.waitMs('a')).toBe(WAIT_MS_MAX);
  pass(FORGET_MS);
  dismissals.note('a');
  expect(dismissals.waitMs('a')).toBe(WAIT_MS_MIN);
});

test('pages that are dismissed together count once', () => {
  const { dismissals } = begin();
  for (let page = 0; page < 4; page++) dismissals.note('a');
  expect(dismissals.waitMs('a')).toBe(WAIT_MS_MIN);
});

test('of many, the last 4096 are remembered', () => {
  const { dismissals } = begin();
  for (let key = 0; key <= 4096; key++) dismissals.note(`${key}`);
  expect(dismissals.waitMs('0')).toBe(0);
  expect(dismissals.waitMs('1')).toBe(WAIT_MS_MIN);
  expect(dismissals.waitMs('4096')).toBe(WAIT_MS_MIN);
});
