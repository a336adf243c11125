import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildCollector, COLLECTOR_VERSION } from './collector.ts';

const root = join(import.meta.dirname, '../..');

const HELP = `Sends traces to OpenTelemetry's collector ${COLLECTOR_VERSION}, and compares what it passes on: also when it refuses them, is away or hangs.

Usage: npm run test:otel [-- PATH ...] [vitest's options]

Needs Go, builds the collector from its Go modules when it runs first, which takes some minutes, and is not part of npm test.
`;

function main(args: string[]): number {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (spawnSync('go', ['version']).status !== 0) {
    process.stderr.write('test:otel: Go is missing; install it with: apt-get install golang-go\n');
    return 1;
  }
  buildCollector((line) => void process.stdout.write(`${line}\n`));
  if (spawnSync(process.execPath, ['host/cli/main.ts', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0)
    return 1;
  const options = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/otel/vitest.config.ts', ...args];
  return spawnSync(process.execPath, options, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

process.exitCode = main(process.argv.slice(2));
