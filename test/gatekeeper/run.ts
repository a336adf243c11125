import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GATEKEEPER_VERSIONS, gator } from './gator.ts';
import { writeSuites } from './suites.ts';

const root = join(import.meta.dirname, '../..');

const HELP = `Lets the real gator of Gatekeeper ${GATEKEEPER_VERSIONS.join(' and ')} judge pods by the rules in oci/k3s/gatekeeper: suites of
passing and failing ones, and those that the overlays in oci/k3s make.

Usage: npm run test:gator [-- --write FOLDER | PATH ...]

--write writes the suites into a folder, for "gator verify FOLDER/...", and runs nothing.
Needs Go and kubectl, builds both versions of gator from their Go module when it runs first, which takes some minutes, and is not part
of npm test.
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

function main(args: string[]): number {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (args[0] === '--write') {
    const [, folder] = args;
    if (folder === undefined) {
      process.stderr.write('test:gator: --write needs a folder; --help says more\n');
      return 1;
    }
    mkdirSync(folder, { recursive: true });
    writeSuites(folder);
    say(`wrote ${join(folder, 'suite.yaml')} and its pods`);
    return 0;
  }
  if (spawnSync('go', ['version']).status !== 0) {
    process.stderr.write('test:gator: Go is missing; install it with: apt-get install golang-go\n');
    return 1;
  }
  for (const version of GATEKEEPER_VERSIONS) gator(version, say);
  const options = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/gatekeeper/vitest.config.ts', ...args];
  return spawnSync(process.execPath, options, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

process.exitCode = main(process.argv.slice(2));
