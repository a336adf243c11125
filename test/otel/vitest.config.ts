import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** A real OpenTelemetry collector. `npm run test:otel` runs these tests, and `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/otel/otel-*.test.ts'],
    pool: 'forks',
    // The tests measure memory without what may be collected.
    execArgv: ['--expose-gc'],
    // Deadlines only end what would hang: no machine is too slow to pass.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: { CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' },
  },
});
