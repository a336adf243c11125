import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { findFaults } from './check/boundaries.ts';
import { checkEnglish } from './check/english.ts';
import { FOLDERS, type Import, readFiles, readImports } from './check/imports.ts';
import { checkPicture } from './check/picture.ts';
import { brokenLinks, LINES_MAX, longFiles } from './check/repository.ts';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');
const files = [...readFiles(root, ['.github', ...FOLDERS]), 'README.md'];

/**
 * Folder of the project that "nearlight new" copies. Links in its documents lead to files of the copy, so they are not
 * checked.
 */
const TEMPLATE = 'renderer/sdk/template/';

let reading: Promise<Import[]> | undefined;
/** Returns the imports of all source files, which are read only once for all parts of the check. */
function imports(): Promise<Import[]> {
  reading ??= readImports(root);
  return reading;
}

/** Result of one part of the check of the sources. Faults fail the check, warnings do not. */
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
  'direction of imports': async () => ({ faults: await findFaults(root, await imports()) }),
  'picture of imports': async () => ({ faults: checkPicture(root, await imports()) }),
  'generated files': () => generated(),
  'links of documents': () => ({
    faults: files
      .filter((file) => file.endsWith('.md') && !file.startsWith(TEMPLATE))
      .flatMap((path) => brokenLinks(root, path)),
  }),
  'plain English': () => checkEnglish(root, files),
  [`files of at most ${LINES_MAX} lines`]: () => ({
    faults: [],
    warnings: longFiles(
      root,
      files.filter((file) => /\.(ts|cc|h|sh)$/.test(file)),
    ),
  }),
};

/** Runs every generator of files. A file that differs from what its generator would write is a fault. */
async function generated(): Promise<Outcome> {
  const scripts = [
    'renderer/contract/generate.ts',
    'renderer/sdk/reference.ts',
    'test/check/sight.ts',
    'test/check/dependencies.ts',
  ];
  const outcomes = await Promise.all(scripts.map((script) => run(process.execPath, [script, '--check'])));
  return { faults: outcomes.flatMap(({ faults }) => faults) };
}

/** Runs another program. If its exit status is not 0, its output is returned as a fault. */
function run(command: string, args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const said = (stdout + stderr).trim();
      resolve({ faults: error ? [said || error.message] : [] });
    });
  });
}

/** Runs one part of the check. An error that it throws becomes a fault. */
async function outcomeOf(part: () => Outcome | Promise<Outcome>): Promise<Outcome> {
  try {
    return await part();
  } catch (error) {
    return { faults: [error instanceof Error ? error.message : String(error)] };
  }
}

async function check(name: string, part: () => Outcome | Promise<Outcome>): Promise<boolean> {
  const start = performance.now();
  const { faults, warnings = [] } = await outcomeOf(part);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${faults.length === 0 ? 'ok    ' : 'failed'}  ${name} (${seconds} s)\n`);
  for (const line of faults.join('\n').split('\n')) if (line) process.stdout.write(`        ${line}\n`);
  for (const line of warnings) process.stdout.write(`        warning: ${line}\n`);
  return faults.length === 0;
}

const results = await Promise.all(Object.entries(parts).map(([name, part]) => check(name, part)));
process.exitCode = results.every(Boolean) ? 0 : 1;
