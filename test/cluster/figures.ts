import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { type Figure, summarize } from '../bench/harness.ts';

/** Name of the variable with the path of the file to which tests write their figures. */
export const FIGURES = 'NEARLIGHT_CLUSTER_FIGURES';

/** Prints a figure at the end of the run. */
export function figure(name: string, unit: string, samples: ArrayLike<number>): Figure {
  const made = summarize(name, unit, samples);
  const path = process.env[FIGURES];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(made)}\n`);
  return made;
}

/** Reads the figures of a run. */
export function readFigures(path: string): Figure[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Figure);
}
