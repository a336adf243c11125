import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Questions to the real gator. `npm run test:gator` runs them, and `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/gatekeeper/gator-*.test.ts'],
    pool: 'forks',
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
