import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** A real Prometheus and a real Alertmanager. `npm run test:sight` runs these tests, and `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/sight/sight-*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: { CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' },
  },
});
