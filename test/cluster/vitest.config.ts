import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Pods on a real Kubernetes. `npm run test:cluster` runs these tests, and `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/cluster/*.cluster.ts'],
    pool: 'forks',
    fileParallelism: false,
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
