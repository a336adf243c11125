import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chaosSettings } from '../../host/base/chaos-settings.ts';
import { FAULT_PLACES } from '../../host/base/faults.ts';
import { BUDGETS_MS, FINGERPRINTS } from '../../host/base/protection.ts';
import { FAULT_SECONDS_MAX, FAULTS_MAX, LATENCY_MS_MAX, readPlan } from '../../host/edge/faults/plan.ts';
import { BEGIN_STEPS, END_SHARE, END_STEPS } from '../../host/edge/protection/rate-watch.ts';
import { RUNS_MIN } from '../../host/observe/budgets.ts';

const text = readFileSync(join(import.meta.dirname, '../../host/edge/EDGE.md'), 'utf8');

/** Returns the cells of the rows of the table in a section, without its two first rows. */
function tableIn(section: string): string[][] {
  const [, body = ''] = text.split(`\n## ${section}\n`);
  const rows = (body.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const named = (cell = '') => /`(\w+)`/.exec(cell)?.[1] ?? '';

describe('host/edge/EDGE.md', () => {
  test('has the budget of each step', () => {
    const rows = tableIn('Budgets').map(([step, budget]) => [named(step), budget]);
    expect(rows).toEqual(Object.entries(BUDGETS_MS).map(([step, ms]) => [step, `${ms} ms`]));
    expect(text).toContain(`at least ${RUNS_MIN} times`);
  });

  test('has each pattern with its bound, its settings and their defaults', () => {
    const rows = tableIn('Pressure');
    expect(rows.map(([pattern]) => named(pattern))).toEqual(FINGERPRINTS);
    const bounds = Object.values(chaosSettings).filter(({ env }) => env.endsWith('_PER_SECOND'));
    expect(rows.map(([, bound, setting]) => [bound, named(setting)])).toEqual(
      bounds.map(({ env, default: value }) => [String(value), env]),
    );
    for (const { env, default: value } of Object.values(chaosSettings).filter(({ env }) => env.endsWith('_MAX')))
      expect(text).toMatch(new RegExp(`at most ${value} [^|]*\\(\`${env}\`\\)`));
    expect([BEGIN_STEPS, END_STEPS, END_SHARE]).toEqual([3, 50, 0.5]);
  });

  test('has every place with its kinds of faults, and their bounds', () => {
    const rows = tableIn('Faults on purpose').map(([place, kinds]) => [named(place), kinds]);
    expect(rows).toEqual(Object.entries(FAULT_PLACES).map(([place, kinds]) => [place, kinds.join(', ')]));
    expect(text).toContain(`from 1 to ${FAULT_SECONDS_MAX} after which`);
    expect(text).toContain(`from 1 to ${LATENCY_MS_MAX.toLocaleString('en')}`);
    expect(text.replace(/\s+/g, ' ')).toContain(`At most ${FAULTS_MAX} faults`);
  });

  test('has an example that is accepted', () => {
    const examples = [...text.matchAll(/-d '(\{.*\})'/g)].map(([, json = '']) => readPlan(json));
    expect(examples.map((faults) => faults.length)).toEqual([2]);
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    expect(readPlan(/-d '(\{.*\})'/.exec(readme)?.[1] ?? '')).toHaveLength(1);
  });
});
