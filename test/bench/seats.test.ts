import { expect, test } from 'vitest';
import { STAGES } from '../../host/base/stages.ts';
import { at } from '../at.ts';
import { slopeOf, tableOf, unexplained } from './seats.ts';

/** Inputs whose first stage takes 1 to 100 ms and whose last takes 10; the pixels show them 2 ms later. */
const inputs = Array.from({ length: 100 }, (_, index) => ({
  measuredMs: index + 1 + 10 + 2,
  stages: STAGES.map((_stage, stage) => (stage === 0 ? index + 1 : stage === STAGES.length - 1 ? 10 : 0)),
}));

const cells = (line: string) => line.trim().split(/\s{2,}/);

test('the table has a row for each stage, and compares their sum with what was measured', () => {
  const lines = tableOf(inputs);
  expect(lines).toHaveLength(1 + STAGES.length + 3);
  expect(cells(at(lines, 0))).toEqual(['stage', 'P50 ms', 'P99 ms', 'share']);
  expect(cells(at(lines, 1))).toEqual(['uplink', '50.00', '99.00', '80.8 %']);
  expect(cells(at(lines, 2))).toEqual(['wait', '0.00', '0.00', '0.0 %']);
  expect(cells(at(lines, -3))).toEqual(['sum of the stages', '60.00', '109.00', '96.8 %']);
  expect(cells(at(lines, -2))).toEqual(['measured in pixels', '62.00', '111.00', '100.0 %']);
  expect(cells(at(lines, -1))).toEqual(['not explained', '2.00', '2.00', '3.2 %']);
  expect(unexplained(inputs)).toEqual(inputs.map(() => 2));
});

test.each([
  [[1, 2, 3, 4], 1],
  [[4, 3, 2, 1], -1],
  [[5, 5], 0],
  [[0, 1, 0, 1, 0], 0],
])('the slope of %j is %d', (values, slope) => {
  expect(slopeOf(values)).toBeCloseTo(slope, 9);
});
