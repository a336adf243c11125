/** The thread in which the AssemblyScript compiler stays loaded: starting it takes longer than most compilations. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parentPort } from 'node:worker_threads';
import asc from 'assemblyscript/asc';
import { sourceNames, splitSymbols } from '../../engine/symbols.ts';
import { compilerOptions } from '../../play/compiler.ts';
import { type Compilation, excerpt, type Problem } from './build.ts';

const MEMORY = 'out.wasm';
const ERROR = 3; // DiagnosticCategory.Error

/** What is reported, as far as it is looked at; positions count UTF-16 units. */
interface Diagnostic {
  message: string;
  category: number;
  range: { start: number; end: number; source: { normalizedPath: string } } | null;
}

parentPort!.on('message', async ({ root, entry }: { root: string; entry: string }) => {
  const failed = (error: Error) => ({ problems: [{ message: error.message }], ms: 0 });
  parentPort!.postMessage(await compile(root, entry).catch(failed));
});

async function compile(folder: string, entry: string): Promise<Compilation> {
  const begun = performance.now();
  const problems: Problem[] = [];
  let module: Uint8Array | undefined;
  let map = '';
  const options = [...compilerOptions(folder, 'debug'), '--baseDir', folder, '--outFile', MEMORY];
  const { error } = await asc.main([entry, ...options], {
    readFile: (name: string, base: string) => read(resolve(base, name)),
    writeFile(name: string, contents: Uint8Array | string) {
      if (name === MEMORY) module = contents as Uint8Array;
      else if (name.endsWith('.map')) map = contents as string;
    },
    listFiles: () => [],
    reportDiagnostic(diagnostic: unknown) {
      const found = diagnostic as Diagnostic;
      if (found.category === ERROR) problems.push(problem(found, folder));
    },
  });
  const ms = performance.now() - begun;
  if (!module || error) {
    if (problems.length === 0) problems.push({ message: error?.message ?? 'the compiler made no module' });
    return { problems, ms };
  }
  const split = splitSymbols(module, map);
  return { module: Uint8Array.from(split.module), map: split.map, ms };
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function problem({ message, range }: Diagnostic, folder: string): Problem {
  if (!range) return { message };
  const file = sourceNames(range.source.normalizedPath);
  const text = read(join(folder, file));
  if (text === null) return { message: `${message} (${file})` };
  const before = text.slice(0, range.start).split('\n');
  const line = before.length;
  const column = before.at(-1)!.length + 1;
  return { message, file, line, column, length: range.end - range.start, excerpt: excerpt(text, line) };
}
