import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { installBundle } from '../pod/node/installed.ts';
import { formatTable, type Outcome } from './table.ts';

const root = join(import.meta.dirname, '../..');
const REPORT = join(root, 'build/attack-report.json');

const HELP = `Makes the node bundle, installs it, and attacks the installation as strangers would. Prints a table of the outcomes.

Usage: npm run test:attack [-- PATH ...]

PATH selects files, as in: npm run test:attack -- test/attack/row-01-image.test.ts
NEARLIGHT_INSTALLED=FOLDER attacks what installBundle() has made in a folder, and leaves it there.
Needs root, containerd and a C++ compiler. Takes about fifteen minutes, and is not part of npm test.
`;

/** Runs a script with this Node, attached to this terminal. Resolves with its exit status. */
function node(args: string[], environment: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...environment },
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
  const status = await node(['host/cli/main.ts', 'build']);
  if (status !== 0) return status;
  const given = process.env.NEARLIGHT_INSTALLED;
  const folder = given ?? mkdtempSync('/tmp/nl-installed-');
  try {
    if (given === undefined) await installBundle(folder, (line) => process.stdout.write(`${line}\n`));
    rmSync(REPORT, { force: true });
    const options = ['--config', 'test/attack/vitest.config.ts', '--reporter=default', '--reporter=json'];
    const result = await node(
      ['node_modules/vitest/vitest.mjs', 'run', ...options, `--outputFile.json=${REPORT}`, ...args],
      { NEARLIGHT_INSTALLED: folder },
    );
    process.stdout.write(formatTable(readOutcomes(), args.length === 0));
    return result;
  } finally {
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the outcome of each attack from vitest's report in JSON. */
function readOutcomes(): Outcome[] {
  const report = JSON.parse(readFileSync(REPORT, 'utf8')) as {
    testResults: {
      name: string;
      message: string;
      assertionResults: { title: string; status: string; failureMessages: string[] }[];
    }[];
  };
  return report.testResults.flatMap(({ name, message, assertionResults }) => {
    const row = Number(/row-(\d+)/.exec(basename(name))?.[1]);
    const outcomes = assertionResults.map(({ title, status, failureMessages }) => {
      return { row, attack: title, held: status === 'passed', reason: failureMessages[0] ?? message };
    });
    return outcomes.length > 0 ? outcomes : [{ row, attack: basename(name), held: false, reason: message }];
  });
}

process.exitCode = await main(process.argv.slice(2));
