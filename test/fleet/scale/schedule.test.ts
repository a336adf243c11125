import { describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readCron } from '../../../host/fleet/scale/cron.ts';
import { type Floor, floorAt, isZone } from '../../../host/fleet/scale/schedule.ts';

function floor(from: string, minutes: number, { servers = 10, zone = 'UTC' } = {}): Floor {
  return { cron: must(readCron(from), from), zone, minutes, servers };
}

/** Returns the floors at these times, which are in UTC. */
function at(schedule: Floor[], ...times: string[]): number[] {
  return times.map((time) => floorAt(schedule, Date.parse(`${time}Z`)));
}

describe('a schedule', () => {
  test('a floor holds from its minute on, for its time', () => {
    const evening = [floor('0 18 * * *', 300)];
    expect(at(evening, '2026-11-28T17:59:59', '2026-11-28T18:00', '2026-11-28T22:59:59', '2026-11-28T23:00')).toEqual([
      0, 10, 10, 0,
    ]);
  });

  test('a floor goes on after midnight', () => {
    const night = [floor('0 22 * * 5', 240)];
    // From a Friday to a Saturday, and not from a Saturday to a Sunday.
    expect(at(night, '2026-11-28T01:59', '2026-11-28T02:00', '2026-11-29T01:00')).toEqual([10, 0, 0]);
  });

  test('the greatest of several floors counts', () => {
    const both = [floor('0 18 * * *', 300), floor('0 20 * * *', 120, { servers: 30 }), floor('0 19 * * *', 60)];
    expect(at(both, '2026-11-28T19:30', '2026-11-28T20:00', '2026-11-28T22:00')).toEqual([10, 30, 10]);
  });

  test('hours are those of the zone, in summer and in winter', () => {
    const evening = [floor('0 18 * * *', 60, { zone: 'Europe/Berlin' })];
    expect(at(evening, '2026-07-01T15:59', '2026-07-01T16:00', '2026-12-01T16:30', '2026-12-01T17:00')).toEqual([
      0, 10, 0, 10,
    ]);
    const kathmandu = [floor('0 18 * * *', 60, { zone: 'Asia/Kathmandu' })];
    expect(at(kathmandu, '2026-12-01T12:14', '2026-12-01T12:15', '2026-12-01T13:15')).toEqual([0, 10, 0]);
  });

  test('a minute that a clock leaves out in spring comes with the first one after it', () => {
    // In Berlin, 2:00 is followed by 3:00 on this day, at 1:00 UTC.
    const night = [floor('30 2 * * *', 30, { zone: 'Europe/Berlin' })];
    expect(at(night, '2026-03-29T00:59', '2026-03-29T01:00', '2026-03-29T01:29', '2026-03-29T01:30')).toEqual([
      0, 10, 10, 0,
    ]);
    expect(at(night, '2026-03-28T01:30', '2026-03-30T00:30')).toEqual([10, 10]);
  });

  test('a minute that comes twice in autumn counts twice', () => {
    // In Berlin, 3:00 is followed by 2:00 on this day, at 1:00 UTC.
    const night = [floor('30 2 * * *', 10, { zone: 'Europe/Berlin' })];
    expect(at(night, '2026-10-25T00:35', '2026-10-25T00:45', '2026-10-25T01:35', '2026-10-25T01:45')).toEqual([
      10, 0, 10, 0,
    ]);
  });

  test('an empty schedule asks for nothing', () => {
    expect(at([], '2026-11-28T18:00')).toEqual([0]);
  });

  test('zones have names', () => {
    expect(['UTC', 'Europe/Berlin', 'Atlantis/Capital', ''].map(isZone)).toEqual([true, true, false, false]);
  });
});
