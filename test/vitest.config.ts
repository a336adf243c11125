import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By name, and the whole program after its parts. */
class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const last = ({ moduleId }: TestSpecification) => Number(moduleId.includes('/test/e2e/'));
    return files.sort((a, b) => last(a) - last(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    include: ['test/**/*.test.ts'],
    // npm run test:attack and npm run test:doors run these, which need an installed node bundle, a proxy and a TURN server.
    exclude: ['test/attack/row-*.test.ts', 'test/doors/door-*.test.ts'],
    pool: 'forks',
    // Real engines, encoders and browsers keep time: a second file beside them would take it from them.
    fileParallelism: false,
    sequence: { sequencer: Order },
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 45_000 } },
  },
});
