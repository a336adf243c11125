import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FullReport, failedFiles, withSecondTry } from './again.ts';
import { readReport } from './check/count.ts';

const root = join(import.meta.dirname, '..');

const HELP = `Builds what is out of date, then runs the tests; a report lands in build/test-report.json.

Usage: npm test [-- PATH ...] [vitest's options]

PATH selects files, as in: npm test -- test/gpu
Files that fail in a run of all tests are tried a second time, each with nothing beside it, because some of them measure times. The
end of the output names each file that passed in its second try only.
`;
const REPORT = 'build/test-report.json';

/**
 * Hundreds of processes of the tests load the same sources. With this, Node keeps what it has made of them (their JavaScript and its
 * code) and takes that as long as a source is the same.
 */
const ENVIRONMENT = { NODE_COMPILE_CACHE: join(root, 'build/node-cache'), ...process.env };

/** Runs a script with this Node, attached to this terminal. Resolves with its exit status. */
function node(...args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env: ENVIRONMENT, stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Runs vitest, which writes its report to a file. Resolves with its exit status. */
function vitest(report: string, ...args: string[]): Promise<number> {
  const options = ['--config', 'test/vitest.config.ts', '--reporter=default', '--reporter=json'];
  return node('node_modules/vitest/vitest.mjs', 'run', ...options, `--outputFile.json=${report}`, ...args);
}

/** Tries the files that failed again, one at a time, and puts the results into the report. Resolves with an exit status. */
async function tryAgain(): Promise<number> {
  let report = readReport<FullReport>(join(root, REPORT));
  if (!report) return 1;
  const passed: string[] = [];
  for (const file of failedFiles(report, root)) {
    process.stdout.write(`\n${file} failed; it is tried a second time, with nothing beside it\n`);
    const path = 'build/test-report.second.json';
    rmSync(join(root, path), { force: true });
    if ((await vitest(path, file)) === 0) passed.push(file);
    const second = readReport<FullReport>(join(root, path));
    if (second) report = withSecondTry(report, second);
  }
  writeFileSync(join(root, REPORT), JSON.stringify(report));
  for (const file of passed) process.stdout.write(`${file} failed first and passed in its second try\n`);
  return report.success ? 0 : 1;
}

async function main(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  rmSync(join(root, REPORT), { force: true });
  for (const build of [
    ['host/cli/main.ts', 'build'],
    ['host/pod/main.ts', 'build'],
  ]) {
    const status = await node(...build);
    if (status !== 0) return status;
  }
  const status = await vitest(REPORT, ...args);
  return status !== 0 && args.length === 0 ? tryAgain() : status;
}

process.exitCode = await main(process.argv.slice(2));
