import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
/** The programs that the tests start, and the Debian packages that have them. */
const PROGRAMS = { nginx: 'nginx-light', turnserver: 'coturn', openssl: 'openssl', 'firefox-esr': 'firefox-esr' };

const HELP = `Plays through a real proxy (nginx) and a real TURN server (coturn), over HTTP and HTTPS, and in a real Firefox.

Usage: npm run test:doors [-- PATH ...]

PATH selects files, as in: npm run test:doors -- test/doors/door-proxy.test.ts
Needs nginx, coturn, openssl and Firefox, and is not part of npm test. Takes about a minute.
`;

function main(args: string[]): void {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const missing = Object.entries(PROGRAMS).filter(([name]) => spawnSync('which', [name]).status !== 0);
  if (missing.length > 0) {
    const packages = missing.map(([, name]) => name).join(' ');
    process.stderr.write(
      `test:doors: ${missing.map(([name]) => name).join(', ')} missing; install with: apt-get install --no-install-recommends ${packages}\n`,
    );
    process.exitCode = 1;
    return;
  }
  if (spawnSync(process.execPath, ['host/cli/main.ts', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) {
    process.exitCode = 1;
    return;
  }
  const options = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/doors/vitest.config.ts', ...args];
  spawn(process.execPath, options, { cwd: root, stdio: 'inherit' }).on('exit', (status) => {
    process.exitCode = status ?? 1;
  });
}

main(process.argv.slice(2));
