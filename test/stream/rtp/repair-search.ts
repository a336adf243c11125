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
/** Number of losses that follow each other, up to which bursts are tried, and what each that stays costs. */
const BURST_MAX = 6;
const BURST_COST = 0.05;

const SIZES = Array.from({ length: BLOCK_PACKETS_MAX }, (_, index) => index + 1);

/** Number of bits that are set. */
function weightOf(column: number): number {
  let weight = 0;
  for (let bits = column; bits !== 0; bits &= bits - 1) weight++;
  return weight;
}

/** Returns how bad columns are for blocks of some sizes: the logarithm of the probability of failure, and bursts that cannot be repaired. */
function costOf(columns: readonly number[], repairs: number): number {
  let cost = 0;
  for (const packets of SIZES.filter((size) => size % 4 === 3 && size >= repairs - 2)) {
    const counts = failures(columns.slice(0, packets), repairs, TRIED_MAX);
    cost += Math.log(residual(counts, packets + repairs, LOSS));
  }
  return cost + BURST_COST * brokenBursts(columns, repairs);
}

/** Counts the bursts that cannot be repaired, in blocks of some sizes. A burst may reach into the repair packets, which come last. */
function brokenBursts(all: readonly number[], repairs: number): number {
  let broken = 0;
  for (const packets of [BLOCK_PACKETS_MAX, 10]) {
    const rows = rowsOf(all.slice(0, packets), repairs);
    for (let length = 2; length <= Math.min(repairs, BURST_MAX); length++)
      for (let at = 0; at < packets; at++) {
        const lost = ((1 << length) - 1) << at;
        const missing = lost & ((1 << packets) - 1);
        if (repair(missing, rows, ((1 << repairs) - 1) & ~(lost >> packets)) !== 0) broken += 1 / length;
      }
  }
  return broken;
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
