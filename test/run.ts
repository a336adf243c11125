import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

const HELP = `Builds what is out of date, then runs the tests; a report lands in build/test-report.json.

Usage: npm test [-- PATH ...] [vitest's options]

PATH selects files, as in: npm test -- test/gpu
`;

/** Runs a script with this Node, attached to this terminal. Resolves with its exit status. */
function node(...args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function main(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const report = 'build/test-report.json';
  rmSync(join(root, report), { force: true });
  for (const build of [
    ['host/cli/main.ts', 'build'],
    ['host/pod/main.ts', 'build'],
  ]) {
    const status = await node(...build);
    if (status !== 0) return status;
  }
  const options = ['--config', 'test/vitest.config.ts', '--reporter=default', '--reporter=json'];
  return node('node_modules/vitest/vitest.mjs', 'run', ...options, `--outputFile.json=${report}`, ...args);
}

process.exitCode = await main(process.argv.slice(2));
