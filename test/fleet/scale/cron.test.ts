import { describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { fits, readCron } from '../../../host/fleet/scale/cron.ts';

describe('a line of cron', () => {
  test.each([
    ['* * * * *', '2026-11-28T13:37', true],
    ['0 18 * * *', '2026-11-28T18:00', true],
    ['0 18 * * *', '2026-11-28T18:01', false],
    ['0 18 * * *', '2026-11-28T06:00', false],
    ['*/15 9-17 * * 1-5', '2026-11-27T09:45', true],
    ['*/15 9-17 * * 1-5', '2026-11-27T09:46', false],
    // A Saturday.
    ['*/15 9-17 * * 1-5', '2026-11-28T09:45', false],
    ['0 0 24-26,31 12 *', '2026-12-25T00:00', true],
    ['0 0 24-26,31 12 *', '2026-12-27T00:00', false],
    ['0 0 * * 0', '2026-11-29T00:00', true],
    ['0 0 * * 7', '2026-11-29T00:00', true],
    // If both days are restricted, one of them is enough (crontab(5)).
    ['0 0 1 * 0', '2026-11-29T00:00', true],
    ['0 0 1 * 0', '2026-12-01T00:00', true],
    ['0 0 1 * 0', '2026-12-02T00:00', false],
    ['0 10-20/5 * * *', '2026-12-02T15:00', true],
    ['0 10-20/5 * * *', '2026-12-02T16:00', false],
  ])('"%s" at %s: %s', (text, at, expected) => {
    expect(fits(must(readCron(text), text), new Date(`${at}Z`))).toBe(expected);
  });

  test.each([
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '-1 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 0 *',
    '* * * 13 *',
    '* * * * 8',
    '5-4 * * * *',
    '5/15 * * * *',
    '*/0 * * * *',
    '1,,2 * * * *',
    'a * * * *',
    '1.5 * * * *',
    '@daily',
    `${'1,'.repeat(100)}1 * * * *`,
  ])('"%s" is not one', (text) => {
    expect(readCron(text)).toBeUndefined();
  });

  test('the bounds of each field are valid', () => {
    for (const text of ['0 0 1 1 0', '59 23 31 12 7']) expect(readCron(text)).toBeDefined();
  });
});
