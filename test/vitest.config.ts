import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { ALONE, rankOf } from './schedule.ts';

/** The longest ones first, then by name. */
class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId) || a.moduleId.localeCompare(b.moduleId));
  }
}

// npm run test:attack, test:doors, test:gator, test:otel, test:policy and test:sight run these, which need an installed node bundle, a
// proxy and a TURN server, gator, a collector of OpenTelemetry, OPA, and a Prometheus.
const OTHERS = [
  'test/attack/row-*.test.ts',
  'test/doors/door-*.test.ts',
  'test/gatekeeper/gator-*.test.ts',
  'test/otel/otel-*.test.ts',
  'test/policy/opa-*.test.ts',
  'test/sight/sight-*.test.ts',
];

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    pool: 'forks',
    sequence: { sequencer: Order },
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 45_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'beside',
          include: ['test/**/*.test.ts'],
          exclude: [...OTHERS, ...ALONE],
          // Most files wait for processes much of the time, so two of them keep two cores busy.
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
