import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { Meters } from '../../host/observe/meters.ts';
import { TierCounter } from '../../host/stream/tiers.ts';

test('each place counts in its tier, and each change is counted, timed and logged', () => {
  const meters = new Meters();
  const lines: string[] = [];
  const counter = new TierCounter({ meters, debug: (line) => lines.push(line) });
  const first = counter.open('hot', 3);
  const second = counter.open('cold', 4);
  expect(meters.tiers).toEqual({ hot: 1, warm: 0, cold: 1 });
  first.move('warm');
  first.move('warm');
  first.move('hot', milli(21.4));
  first.move('cold', milli(6000));
  second.move('hot');
  expect(meters.tiers).toEqual({ hot: 1, warm: 0, cold: 1 });
  expect([...meters.tierChanges]).toEqual([
    ['hot warm', 1],
    ['warm hot', 1],
    ['hot cold', 1],
    ['cold hot', 1],
  ]);
  expect([meters.tierChange.hot.count, meters.tierChange.cold.sumSeconds]).toEqual([1, 6]);
  expect(lines).toEqual([
    'seat 3 changed from hot to warm',
    'seat 3 changed from warm to hot after 21 ms',
    'seat 3 changed from hot to cold after 6000 ms',
    'seat 4 changed from cold to hot',
  ]);
  first.close();
  first.close();
  first.move('hot');
  second.close();
  expect(meters.tiers).toEqual({ hot: 0, warm: 0, cold: 0 });
});
