import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf, readBundle } from '../../host/edge/policy/bundle.ts';
import { COMPILER, compile, OPA_VERSIONS, opa, POLICY_FOLDER, SOURCES } from './opa.ts';

const root = join(import.meta.dirname, '../..');
const BUNDLE_BYTES_MAX = 2 ** 23;

const HELP = `Compiles the policies in host/edge/policy with OPA ${COMPILER} and compares the result with the bundle there, then asks
OPA ${OPA_VERSIONS.join(' and ')} about them, as programs and as servers.

Usage: npm run test:policy [-- --write | PATH ...]

--write writes the bundle and bundle.json, which holds the digests of what it was made of. Do that after a change of a policy.
Needs Go, builds both versions of OPA from their Go module when it runs first, which takes some minutes, and is not part of npm test.
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Writes the bundle and the record of what it was made of. */
function write(path: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'nl-bundle-'));
  const made = join(folder, 'bundle.tar.gz');
  compile(path, made);
  const packed = readFileSync(made);
  const { wasm, revision } = readBundle(packed, BUNDLE_BYTES_MAX);
  const digest = (name: string) => [name, digestOf(readFileSync(join(POLICY_FOLDER, name)))];
  const record = {
    opa: COMPILER,
    revision,
    sources: Object.fromEntries(SOURCES.map(digest)),
    wasm: digestOf(wasm),
    bundle: digestOf(packed),
  };
  copyFileSync(made, join(POLICY_FOLDER, 'bundle.tar.gz'));
  writeFileSync(join(POLICY_FOLDER, 'bundle.json'), `${JSON.stringify(record, null, 2)}\n`);
  rmSync(folder, { recursive: true });
  say(`wrote bundle.tar.gz (${packed.length} bytes) and bundle.json in host/edge/policy`);
}

function main(args: string[]): number {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (spawnSync('go', ['version']).status !== 0) {
    process.stderr.write('test:policy: Go is missing; install it with: apt-get install golang-go\n');
    return 1;
  }
  if (args.includes('--write')) {
    write(opa(COMPILER, say));
    return 0;
  }
  for (const version of OPA_VERSIONS) opa(version, say);
  const options = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/policy/vitest.config.ts', ...args];
  return spawnSync(process.execPath, options, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

process.exitCode = main(process.argv.slice(2));
