// Prints the tables of host/stream/rtp/repair-code.ts: `node test/stream/rtp/repair-search.ts`. Takes some minutes.
import { BLOCK_PACKETS_MAX } from '../../../host/stream/rtp/repair-code.ts';
import { failures, repair, residual, rowsOf } from './repair-model.ts';

/** The rows of the table of counts, and the fraction of blocks that may stay broken. */
export const LOSSES = [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1];
export const TARGETS = { few: 0.005, many: 0.001 };
export const REPAIRS_MAX = 10;
/** The loss at which columns are compared, and the number of losses up to which patterns are tried. */
const LOSS = 0.04;
const TRIED_MAX = 4;
/** Losses that follow each other. */
const BURST = 3;

const SIZES = Array.from({ length: BLOCK_PACKETS_MAX }, (_, index) => index + 1);

/** Number of bits that are set. */
function weightOf(column: number): number {
  let weight = 0;
  for (let bits = column; bits !== 0; bits &= bits - 1) weight++;
  return weight;
}

/** Returns how bad columns are for blocks of some sizes: logarithms of the probability of failure, and the share of bursts that stay. */
function costOf(columns: readonly number[], repairs: number): number {
  let cost = 0;
  for (const packets of SIZES.filter((size) => size % 4 === 3 && size >= repairs - 2)) {
    const counts = failures(columns.slice(0, packets), repairs, TRIED_MAX);
    cost += Math.log(residual(counts, packets + repairs, LOSS));
  }
  const rows = rowsOf(columns, repairs);
  for (let at = 0; at + BURST <= columns.length; at++)
    if (repair(((1 << BURST) - 1) << at, rows, (1 << repairs) - 1) !== 0) cost += 0.02;
  return cost;
}

/** Replaces one column after the other by the best one, until nothing gets better. */
function columnsFor(repairs: number): number[] {
  const candidates = Array.from({ length: 2 ** repairs - 1 }, (_, index) => index + 1).filter(
    (column) => weightOf(column) <= 4 && weightOf(column) >= Math.min(2, repairs - 2),
  );
  const columns = SIZES.map((size) => candidates[(size * 7) % candidates.length] ?? 1);
  let best = costOf(columns, repairs);
  for (let isBetter = true; isBetter; ) {
    isBetter = false;
    for (const at of columns.keys())
      for (const column of candidates) {
        const old = columns[at] ?? 1;
        columns[at] = column;
        const cost = costOf(columns, repairs);
        if (cost < best - 1e-9) {
          best = cost;
          isBetter = true;
        } else columns[at] = old;
      }
  }
  return columns;
}

function print(): void {
  const codes = Array.from({ length: REPAIRS_MAX }, (_, index) => {
    const columns = columnsFor(index + 1);
    console.log(JSON.stringify(columns));
    return columns;
  });
  const counts = codes.map((columns, index) => SIZES.map((packets) => failures(columns.slice(0, packets), index + 1)));
  const failed = (packets: number, repairs: number, loss: number): number =>
    residual(counts[repairs - 1]?.[packets - 1] ?? [], packets + repairs, loss);
  for (const loss of LOSSES) {
    const rows = Object.values(TARGETS).map((target) =>
      SIZES.map((packets) => {
        if (1 - (1 - loss) ** packets <= target) return '0';
        const repairs = SIZES.find((count) => count >= REPAIRS_MAX || failed(packets, count, loss) <= target);
        return (repairs ?? REPAIRS_MAX).toString(16);
      }).join(''),
    );
    console.log(`{ loss: ${loss}, few: '${rows[0]}', many: '${rows[1]}' },`);
  }
  for (const packets of SIZES)
    for (const loss of [0.01, 0.03, 0.05, 0.1])
      console.log(
        `${packets} packets at ${100 * loss} %: ${codes.map((_, index) => `${(100 * failed(packets, index + 1, loss)).toFixed(3)} %`).join(', ')}`,
      );
}

if (import.meta.main) print();
