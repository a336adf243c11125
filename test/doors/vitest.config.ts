import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Players behind proxies and TURN servers. `npm run test:doors` runs these tests, and `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/doors/door-*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // The hosts of these tests may be slow, too.
    env: { CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' },
  },
});
