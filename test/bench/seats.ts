import { STAGES } from '../../host/base/stages.ts';
import { percentile, summarize } from './harness.ts';

/** One input, as it was seen in the pixels of the page and as the stages explain it. */
export interface Explained {
  /** Milliseconds from the input to the picture that shows it, as pixels tell. */
  measuredMs: number;
  /** Milliseconds in each of STAGES. */
  stages: readonly number[];
}

interface Row {
  name: string;
  p50: number;
  p99: number;
  mean: number;
}

/**
 * Returns the lines of a table that says in which stage each millisecond of the latency passes. The shares are those of the mean
 * times, which add up, while percentiles do not. The last rows compare the sum of the stages with what was measured.
 * @param measuredBy name of the row with what was measured
 */
export function tableOf(inputs: readonly Explained[], measuredBy = 'measured in pixels'): string[] {
  const rows = STAGES.map((stage, index) =>
    rowOf(
      stage,
      inputs.map(({ stages }) => stages[index] ?? 0),
    ),
  );
  const measured = rowOf(
    measuredBy,
    inputs.map(({ measuredMs }) => measuredMs),
  );
  const ends = [rowOf('sum of the stages', inputs.map(sumOf)), measured, rowOf('not explained', unexplained(inputs))];
  const line = ({ name, p50, p99, mean }: Row) => {
    const share = measured.mean > 0 ? `${((100 * mean) / measured.mean).toFixed(1)} %` : '';
    return `    ${name.padEnd(20)}${p50.toFixed(2).padStart(9)}${p99.toFixed(2).padStart(9)}${share.padStart(9)}`;
  };
  const head = `    ${'stage'.padEnd(20)}${'P50 ms'.padStart(9)}${'P99 ms'.padStart(9)}${'share'.padStart(9)}`;
  return [head, ...rows.map(line), ...ends.map(line)];
}

/** Returns the part of each input's latency that no stage explains, in milliseconds. */
export function unexplained(inputs: readonly Explained[]): number[] {
  return inputs.map((input) => input.measuredMs - sumOf(input));
}

/**
 * Returns by how much values rise from one to the next, as the slope of the straight line that fits them best (least squares).
 * @param values at least two
 */
export function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [product, square] = [0, 0];
  for (const [index, value] of values.entries()) {
    product += (index - middle) * (value - mean);
    square += (index - middle) ** 2;
  }
  return product / square;
}

function sumOf({ stages }: Explained): number {
  return stages.reduce((sum, ms) => sum + ms, 0);
}

function rowOf(name: string, samples: readonly number[]): Row {
  const { p50, mean } = summarize(name, 'ms', samples);
  return { name, p50, p99: percentile(Float64Array.from(samples).sort(), 99), mean };
}
