/** Patterns with more losses than this count as not repaired. */
const LOSSES_MAX = 6;

/** Returns for each repair packet the block's packets that it protects, as bits. */
export function rowsOf(columns: readonly number[], repairs: number): number[] {
  return Array.from({ length: repairs }, (_, row) =>
    columns.reduce((bits, column, index) => bits | (((column >> row) & 1) << index), 0),
  );
}

/** Repairs what can be repaired. A repair packet replaces a packet if it protects no other that is missing. @returns what is still missing */
export function repair(missing: number, rows: readonly number[], arrived: number): number {
  let left = missing;
  for (let isChanged = left !== 0; isChanged; ) {
    isChanged = false;
    for (let row = 0; row < rows.length && left !== 0; row++) {
      if (((arrived >> row) & 1) === 0) continue;
      const lost = (rows[row] ?? 0) & left;
      if (lost === 0 || (lost & (lost - 1)) !== 0) continue;
      left ^= lost;
      isChanged = true;
    }
  }
  return left;
}

/** Counts the patterns of exactly `losses` losses that cannot be repaired, for each number up to LOSSES_MAX. */
export function failures(columns: readonly number[], repairs: number, lossesMax = LOSSES_MAX): number[] {
  const packets = columns.length;
  const rows = rowsOf(columns, repairs);
  const all = (1 << repairs) - 1;
  const counts = new Array<number>(lossesMax + 1).fill(0);
  const visit = (from: number, losses: number, missing: number, lostRepairs: number): void => {
    if (missing !== 0 && repair(missing, rows, all & ~lostRepairs) !== 0) counts[losses] = (counts[losses] ?? 0) + 1;
    if (losses === lossesMax) return;
    for (let at = from; at < packets + repairs; at++)
      if (at < packets) visit(at + 1, losses + 1, missing | (1 << at), lostRepairs);
      else visit(at + 1, losses + 1, missing, lostRepairs | (1 << (at - packets)));
  };
  visit(0, 0, 0, 0);
  return counts;
}

/** Returns the probability that a block cannot be repaired, if each packet is lost by itself. */
export function residual(counts: readonly number[], packets: number, loss: number): number {
  let failed = 0;
  let rest = 1;
  let choose = 1;
  for (const [losses, count] of counts.entries()) {
    const each = loss ** losses * (1 - loss) ** (packets - losses);
    failed += count * each;
    rest -= choose * each;
    choose = (choose * (packets - losses)) / (losses + 1);
  }
  return failed + Math.max(0, rest);
}
