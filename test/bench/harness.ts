import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { endSoon } from './leftovers.ts';

const out = join(import.meta.dirname, '../../build/bench');

/** A summary of many measurements of one thing. All fields except `n` are in `unit`. */
export interface Figure {
  name: string;
  unit: string;
  n: number;
  min: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  /** The 99.9th percentile, for 1,000 measurements or more; of fewer it would equal the maximum. */
  p99_9?: number;
  max: number;
}

/** A limit for a value, and whether the value meets it. */
export interface Goal {
  name: string;
  direction: 'at most' | 'at least';
  limit: number;
  value: number;
  unit: string;
  met: boolean;
}

/** The report that a benchmark writes to build/bench/NAME.json. */
export interface Report {
  name: string;
  date: string;
  machine: Record<string, string | number>;
  figures: Figure[];
  goals: Goal[];
}

/** The functions with which a benchmark reports its results. */
export interface Bench {
  /** Reports a figure from at least one sample. It does not change `samples`. */
  figure(name: string, unit: string, samples: ArrayLike<number>): Figure;
  /** Reports a single value, such as a size. */
  value(name: string, unit: string, value: number): Figure;
  goal(name: string, goal: Omit<Goal, 'name' | 'met'>): Goal;
  /** Adds to the description of the machine, such as the GPU's adapter. */
  machine(facts: Record<string, string | number>): void;
  /** Prints a line, which is not part of the report. */
  note(line: string): void;
}

/**
 * Returns the smallest sample such that at least `percent` of all samples are not above it (nearest rank).
 * @param sorted samples in ascending order, at least one
 * @param percent above 0, at most 100
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  // The product is rounded first, because 99.9 / 100 * 1000 is a little more than 999.
  const rank = Math.ceil(Number(((percent / 100) * sorted.length).toFixed(9)));
  return must(sorted[Math.max(0, rank - 1)], 'sample');
}

/** Summarises samples as a figure. @throws RangeError if there is no sample, or if one is not a finite number */
export function summarize(name: string, unit: string, samples: ArrayLike<number>): Figure {
  const sorted = Float64Array.from(samples).sort();
  if (sorted.length === 0) throw new RangeError(`${name}: no samples`);
  if (!sorted.every(Number.isFinite)) throw new RangeError(`${name}: a sample is not a finite number`);
  return {
    name,
    unit,
    n: sorted.length,
    min: at(sorted, 0),
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    ...(sorted.length >= 1000 ? { p99_9: percentile(sorted, 99.9) } : {}),
    max: at(sorted, -1),
  };
}

export function isMet({ direction, limit, value }: Pick<Goal, 'direction' | 'limit' | 'value'>): boolean {
  return direction === 'at most' ? value <= limit : value >= limit;
}

/**
 * Runs a benchmark, prints its table and writes build/bench/NAME.json. The process ends soon afterwards, whatever `body` has left
 * open. @throws what `body` throws
 */
export async function benchmark(name: string, body: (bench: Bench) => Promise<void> | void): Promise<Report> {
  const figures: Figure[] = [];
  const goals: Goal[] = [];
  const report: Report = {
    name,
    date: new Date().toISOString(),
    machine: describeMachine(),
    figures,
    goals,
  };
  const figure: Bench['figure'] = (...args) => {
    const made = summarize(...args);
    figures.push(made);
    return made;
  };
  await body({
    figure,
    value: (label, unit, value) => figure(label, unit, [value]),
    goal(label, goal) {
      const made = { name: label, ...goal, met: isMet(goal) };
      goals.push(made);
      return made;
    },
    machine: (facts) => Object.assign(report.machine, facts),
    note: (line) => process.stdout.write(`${line}\n`),
  });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(formatReport(report));
  endSoon();
  return report;
}

export function describeMachine(): Record<string, string | number> {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
  };
}

const COLUMNS = ['n', 'min', 'mean', 'p50', 'p95', 'p99', 'p99_9', 'max'] as const;

/** Formats the report of a benchmark as a table. No line ends in blanks. */
export function formatReport({ name, machine, figures, goals }: Report): string {
  const rows = figures.map((figure) => [
    figure.name,
    figure.unit,
    ...COLUMNS.map((column) => (figure.n === 1 && column !== 'n' && column !== 'p50' ? '' : format(figure[column]))),
  ]);
  const facts = Object.entries(machine).map(([key, value]) => `${key} ${value}`);
  const lines = [name, `  ${facts.join(', ')}`, ...align([['', 'unit', ...COLUMNS.map(title)], ...rows])];
  for (const { name: goal, met, direction, limit, value, unit } of goals)
    lines.push(
      `  ${met ? 'met    ' : 'NOT met'}  ${goal}: ${format(value)} ${unit}, wanted ${direction} ${format(limit)}`,
    );
  return `${lines.join('\n')}\n\n`;
}

function title(column: string): string {
  return column.replace(/^p/, 'P').replace('_', '.');
}

function align(rows: string[][]): string[] {
  const widths = at(rows, 0).map((_, column) => Math.max(...rows.map((row) => at(row, column).length)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => (i < 2 ? cell.padEnd(at(widths, i)) : cell.padStart(at(widths, i))));
    return `  ${cells.join('  ')}`.trimEnd();
  });
}

/** Formats whole numbers exactly, and others with three significant digits, or as whole numbers from 1000 on. */
function format(value: number | undefined): string {
  if (value === undefined) return '';
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}
