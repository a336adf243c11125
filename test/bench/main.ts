import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const root = join(folder, '../..');
const ENDING = '.bench.ts';

/** A benchmark is a file NAME.bench.ts whose first line says in a comment what it measures. */
interface Entry {
  name: string;
  about: string;
}

function findBenchmarks(): Entry[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ENDING))
    .sort()
    .map((file) => {
      const [first = ''] = readFileSync(join(folder, file), 'utf8').split('\n');
      return {
        name: file.slice(0, -ENDING.length),
        about: /^\/\/ (.*)/.exec(first)?.[1] ?? '',
      };
    });
}

function help(entries: Entry[]): string {
  return `Runs benchmarks one after the other; each prints a table and writes build/bench/NAME.json.

Usage: npm run bench [-- NAME ...]

${entries.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`.trimEnd()).join('\n')}

Without a name, all of them run. A goal that is not met is reported, but is not a failure.
`;
}

/** Runs a script with Node. Each benchmark has its own process, so that none inherits the heap or threads of another. */
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

async function main(names: string[]): Promise<number> {
  const entries = findBenchmarks();
  if (names.includes('--help')) {
    process.stdout.write(help(entries));
    return 0;
  }
  const unknown = names.filter((name) => !entries.some((entry) => entry.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`bench: there is no benchmark ${unknown.join(', ')}; --help lists them\n`);
    return 2;
  }
  if ((await node('host/cli/main.ts', 'build')) !== 0) return 1;
  const failed: string[] = [];
  for (const { name } of entries.filter((entry) => names.length === 0 || names.includes(entry.name)))
    if ((await node(join(folder, name + ENDING))) !== 0) failed.push(name);
  if (failed.length > 0) process.stderr.write(`bench: failed: ${failed.join(', ')}\n`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
