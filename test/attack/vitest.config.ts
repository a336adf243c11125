import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Attacks on an installed node bundle. `npm run test:attack` runs them, and `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/attack/row-*.test.ts'],
    pool: 'forks',
    // An attack measures the player beside it, whom a second attack would disturb.
    fileParallelism: false,
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
