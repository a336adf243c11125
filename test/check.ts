import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findFaults } from './check/boundaries.ts';
import { brokenLinks, LINES_MAX, longFiles } from './check/repository.ts';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');

/** What a part found: faults fail the check, warnings do not. */
interface Outcome {
  faults: string[];
  warnings?: string[];
}

const parts: Record<string, () => Outcome | Promise<Outcome>> = {
  types: () => run(join(bin, 'tsc'), ['-p', '.']),
  'lint and format': () =>
    run(join(bin, 'biome'), [
      'check',

      '--error-on-warnings',
      '--colors=off',
      'host',
      'oci',
      'test',
      'assets',
      'renderer',
    ]),
  'direction of imports': async () => ({ faults: await findFaults(root) }),
  'generated files': () => run(process.execPath, ['renderer/contract/generate.ts', '--check']),
  'links of documents': () => ({
    faults: documents().flatMap((path) => brokenLinks(root, path)),
  }),
  [`files of at most ${LINES_MAX} lines`]: () => ({
    faults: [],
    warnings: longFiles(root, sources()),
  }),
};

/** A command whose status is not 0 is a fault, told in its own words. */
function run(command: string, args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const said = (stdout + stderr).trim();
      resolve({ faults: error ? [said || error.message] : [] });
    });
  });
}

function files(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file}`)
    .sort();
}

function sources(): string[] {
  return ['assets', 'host', 'oci', 'renderer', 'test'].flatMap(files).filter((file) => /\.(ts|cc|h|sh)$/.test(file));
}

function documents(): string[] {
  return ['README.md', ...['host', 'oci', 'renderer'].flatMap(files).filter((file) => file.endsWith('.md'))].filter(
    (path) => existsSync(join(root, path)),
  );
}

async function check(name: string, part: () => Outcome | Promise<Outcome>): Promise<boolean> {
  const start = performance.now();
  const { faults, warnings = [] } = await part();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${faults.length === 0 ? 'ok    ' : 'failed'}  ${name} (${seconds} s)\n`);
  for (const line of faults.join('\n').split('\n')) if (line) process.stdout.write(`        ${line}\n`);
  for (const line of warnings) process.stdout.write(`        warning: ${line}\n`);
  return faults.length === 0;
}

const results = await Promise.all(Object.entries(parts).map(([name, part]) => check(name, part)));
process.exitCode = results.every(Boolean) ? 0 : 1;
