import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
/** The programs that the tests start, and the Debian packages that have them. */
const PROGRAMS = {
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'prometheus-alertmanager': 'prometheus-alertmanager',
};

const HELP = `Lets a Prometheus scrape a host with players, asks it every query of every dashboard, tests the rules with promtool, and has an
alert delivered by an Alertmanager.

Usage: npm run test:sight [-- PATH ...] [vitest's options]

Needs Debian's packages prometheus and prometheus-alertmanager, and is not part of npm test. Takes about two minutes.
`;

function main(args: string[]): void {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const missing = Object.entries(PROGRAMS).filter(([name]) => spawnSync('which', [name]).status !== 0);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
    process.stderr.write(
      `test:sight: programs are missing; install them with: apt-get install --no-install-recommends ${packages}\n`,
    );
    process.exitCode = 1;
    return;
  }
  if (spawnSync(process.execPath, ['host/cli/main.ts', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) {
    process.exitCode = 1;
    return;
  }
  const options = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/sight/vitest.config.ts', ...args];
  spawn(process.execPath, options, { cwd: root, stdio: 'inherit' }).on('exit', (status) => {
    process.exitCode = status ?? 1;
  });
}

main(process.argv.slice(2));
