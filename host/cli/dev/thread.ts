/** The thread that keeps the AssemblyScript compiler loaded, because loading it takes longer than most compilations. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parentPort } from 'node:worker_threads';
import asc from 'assemblyscript/asc';
import { must } from '../../base/assert.ts';
import { sourceNames, splitSymbols } from '../../engine/symbols.ts';
import { compilerOptions } from '../../play/compiler.ts';
import { type Compilation, excerpt, type Problem } from './build.ts';

const MEMORY = 'out.wasm';
/** The compiler's category for errors (DiagnosticCategory.Error). */
const ERROR = 3;

/** The fields of the compiler's diagnostics that are used here. Positions are in UTF-16 units. */
interface Diagnostic {
  message: string;
  category: number;
  range: { start: number; end: number; source: { normalizedPath: string } } | null;
}

const port = must(parentPort, 'parent thread');

port.on('message', async ({ root, entry }: { root: string; entry: string }) => {
  const failed = (error: Error) => ({ problems: [{ message: error.message }], ms: 0 });
  port.postMessage(await compile(root, entry).catch(failed));
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
      if (found.category === ERROR) problems.push(toProblem(found, folder));
    },
  });
  const ms = performance.now() - begun;
  if (!module || error) {
    if (problems.length === 0) problems.push({ message: error?.message ?? 'the compiler wrote no module' });
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

function toProblem({ message, range }: Diagnostic, folder: string): Problem {
  if (!range) return { message };
  const file = sourceNames(range.source.normalizedPath);
  const text = read(join(folder, file));
  if (text === null) return { message: `${message} (${file})` };
  const before = text.slice(0, range.start);
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  return { message, file, line, column, length: range.end - range.start, excerpt: excerpt(text, line) };
}
