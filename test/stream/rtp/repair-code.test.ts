import { expect, test } from 'vitest';
import { BLOCK_PACKETS_MAX, columnsOf, repairsOf } from '../../../host/stream/rtp/repair-code.ts';
import { failures, residual } from './repair-model.ts';
import { LOSSES, REPAIRS_MAX, TARGETS } from './repair-search.ts';

/** Returns the probability that a block cannot be repaired. */
function residualOf(packets: number, repairs: number, loss: number): number {
  if (repairs === 0) return 1 - (1 - loss) ** packets;
  const counts = failures(columnsOf(repairs).slice(0, packets), repairs);
  return residual(counts, packets + repairs, loss);
}

const SIZES = Array.from({ length: BLOCK_PACKETS_MAX }, (_, index) => index + 1);

test.each(LOSSES)(
  'at a loss of %f, the fewest repair packets are chosen with which blocks are repaired often enough',
  (loss) => {
    for (const [isStrong, target] of [
      [false, TARGETS.few],
      [true, TARGETS.many],
    ] as const)
      for (const packets of SIZES) {
        const repairs = repairsOf(packets, loss, isStrong);
        const name = `${packets} packets, ${repairs} repairs`;
        if (repairs < REPAIRS_MAX) expect(residualOf(packets, repairs, loss), name).toBeLessThanOrEqual(target);
        if (repairs > 0) expect(residualOf(packets, repairs - 1, loss), name).toBeGreaterThan(target);
      }
  },
);

test('a loss just above a row of the table gets the next row, and any loss above the last one the last row', () => {
  for (const packets of SIZES) {
    expect(repairsOf(packets, 0.0301, true)).toBe(repairsOf(packets, 0.05, true));
    expect(repairsOf(packets, 0.6, true)).toBe(repairsOf(packets, 0.1, true));
  }
  expect(repairsOf(8, 0.0301, true)).toBeGreaterThan(repairsOf(8, 0.03, true));
});

test('every packet of a block is protected, so any single loss is repaired', () => {
  for (let repairs = 1; repairs <= REPAIRS_MAX; repairs++) {
    const columns = columnsOf(repairs);
    expect(columns).toHaveLength(BLOCK_PACKETS_MAX);
    for (const column of columns) expect(column > 0 && column < 2 ** repairs).toBe(true);
    expect(failures(columns, repairs, 1)).toEqual([0, 0]);
  }
});
