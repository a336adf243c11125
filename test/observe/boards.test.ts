import { describe, expect, test } from 'vitest';
import { REASONS } from '../../host/edge/admission/reasons.ts';
import { ALERTS } from '../../host/observe/alerts.ts';
import { ALL_BOARDS, BOARDS } from '../../host/observe/boards.ts';
import { parseMetrics } from '../../host/observe/exposition.ts';
import { type Expression, selectionsOf } from '../../host/observe/expression.ts';
import { Meters } from '../../host/observe/meters.ts';
import { createMetrics } from '../../host/observe/metrics.ts';
import { OBJECTIVES, UNDECIDED } from '../../host/observe/objectives.ts';
import { isPresent, nameLine, type Part } from '../../host/observe/panel.ts';

/** The figures of a host with a store. */
const EDGE = {
  waiting: 0,
  oldestSeconds: 0,
  refused: 0,
  local: 0,
  sent: 0,
  failures: 0,
  outageSeconds: 0,
  held: 0,
  damaged: 0,
  salvaged: 0,
  givenUp: {},
};
const meters = new Meters();
meters.gpuMs = 0;
const metrics = createMetrics(meters, {
  build: { version: '1.2.3', gpu: 'a GPU' },
  seats: () => ({ all: 16, taken: 3 }),
  coldStart: () => ({ ready: 1 }),
  edge: () => EDGE,
  protection: { faults: () => [{ place: 'opa', kind: 'cut', isActive: false }], isHigh: () => false, p95Ms: () => 1 },
});
const { samples } = parseMetrics(await metrics(), 0);
/** Labels that the scrape configuration adds (oci/k3s/sight/prometheus.yml). */
const ADDED = ['node', 'pod', 'namespace', 'game', 'instance', 'job'];

/** Returns what an expression reads and a host does not report: metrics, and labels by which they are grouped or matched. */
function missingIn(expression: Expression): string[] {
  return selectionsOf(expression).flatMap(({ metric, family, by = [], match = {} }) => {
    // Prometheus adds this metric itself.
    if (metric === 'up') return [];
    const found = samples.get(metric) ?? samples.get(`${metric}_bucket`);
    if (found === undefined) return [family];
    const known = new Set([...found.flatMap(({ labels }) => Object.keys(labels)), ...ADDED]);
    return [...by, ...Object.keys(match)].filter((label) => !known.has(label)).map((label) => `${family}{${label}}`);
  });
}

const users: { name: string; part?: Part | undefined; expressions: readonly Expression[] }[] = [
  ...ALL_BOARDS.flatMap(({ id, part, panels }) =>
    panels.map((panel) => ({
      name: `the panel ${id}/${panel.id}`,
      part,
      expressions: panel.queries.map(({ expression }) => expression),
    })),
  ),
  ...OBJECTIVES.map(({ id, part, failures }) => ({
    name: `the objective ${id}`,
    part,
    expressions: failures.kind === 'events' ? [failures.bad, failures.all] : [failures.gauge],
  })),
  ...ALERTS.map(({ name, part, when }) => ({ name: `the alert ${name}`, part, expressions: [when] })),
];

describe('what panels, objectives and alerts read', () => {
  test.each(users.filter(({ part }) => isPresent({ ...(part && { part }) })))(
    '$name: a host reports it',
    ({ expressions }) => {
      expect(expressions.flatMap(missingIn)).toEqual([]);
    },
  );

  // As soon as hosts report these metrics, PARTS in host/observe/panel.ts has to say so.
  test.each(users.filter(({ part }) => part && !isPresent({ part })))(
    '$name waits for its part: no host reports it',
    ({ expressions }) => {
      expect(expressions.flatMap(missingIn)).not.toEqual([]);
    },
  );
});

test('the panels of a board, and the lines of a panel, have names of their own', () => {
  for (const { id, panels } of ALL_BOARDS) {
    expect(new Set(panels.map((panel) => panel.id)).size, id).toBe(panels.length);
    for (const { queries } of panels) expect(new Set(queries.map(({ name }) => name)).size).toBe(queries.length);
  }
  expect(new Set(ALL_BOARDS.map(({ id }) => id)).size).toBe(ALL_BOARDS.length);
  expect(BOARDS.length).toBeGreaterThanOrEqual(4);
});

test('the objective of admission counts reasons that a gate knows', () => {
  for (const reason of UNDECIDED) expect(REASONS).toHaveProperty(reason);
});

test('the name of a line has the values of its labels', () => {
  const query = { expression: { kind: 'sum', metric: 'a' }, name: '{version} on {gpu}' } as const;
  expect(nameLine(query, { version: '1', gpu: 'b' })).toBe('1 on b');
  expect(nameLine(query, {})).toBe(' on ');
});
