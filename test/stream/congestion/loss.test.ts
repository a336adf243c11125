import { expect, test } from 'vitest';
import { LossMeter } from '../../../host/stream/congestion/loss.ts';

/** Reports packets, of which those with a one are lost, over and over, with a window for each 100. */
function meterOf(pattern: string, seconds: number): LossMeter {
  const meter = new LossMeter();
  let count = 0;
  for (let at = 0; at <= seconds * 1000; at += 200) {
    for (let packet = 0; packet < 100; packet++) {
      meter.packet(pattern[count % pattern.length] === '1', count);
      count++;
    }
    meter.update(at, 50);
  }
  return meter;
}

test.each([
  ['0', 1],
  ['0000000001', 1],
  ['00000000000000000011', 2],
  ['0000000000000000000000000000001111', 4],
  ['00000000100000000000000111', 2],
])('lost packets in the pattern %s follow each other in bursts of %f', (pattern, burst) => {
  expect(meterOf(pattern, 10).burst).toBeCloseTo(burst, 1);
});

test('old bursts count less and less', () => {
  const meter = meterOf('00000000000000001111', 10);
  const before = meter.burst;
  for (let at = 10_200; at <= 30_000; at += 200) {
    for (let packet = 0; packet < 100; packet++) meter.packet(packet % 20 === 0, 100_000 + at + packet);
    meter.update(at, 50);
  }
  expect(before).toBeGreaterThan(3.5);
  expect(meter.burst).toBeLessThan(1.1);
});

test('lost packets that are reported together are no burst if packets between them have arrived', () => {
  const meter = new LossMeter();
  for (let at = 0, first = 0; at <= 4000; at += 200, first += 100) {
    for (let packet = 0; packet < 100; packet++) if (packet % 25 !== 0) meter.packet(false, first + packet);
    for (let packet = 0; packet < 100; packet += 25) meter.packet(true, first + packet);
    meter.update(at, 50);
  }
  expect(meter.burst).toBe(1);
  expect(meter.fraction).toBeCloseTo(0.04, 3);
});
