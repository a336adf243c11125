import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../base/self.ts';

export interface EmitOptions {
  /** Folders whose TypeScript sources are compiled; paths from the root of the checkout. */
  folders?: readonly string[];
  /** Source files that are compiled with everything they import; paths from the root of the checkout. */
  files?: readonly string[];
  /** Existing folder for the temporary configuration of the TypeScript compiler. */
  work: string;
  /** Folder for the JavaScript files, whose paths in it are those of their sources. */
  folder: string;
  /** Additional options for the TypeScript compiler. */
  options?: readonly string[];
}

/** Compiles TypeScript to plain JavaScript, one file for each source. @throws Error with the compiler's messages */
export function emitJavaScript({ folders = [], files = [], work, folder, options = [] }: EmitOptions): void {
  const config = join(work, `tsconfig.${process.pid}.json`);
  const paths = (list: readonly string[]) => list.map((part) => join(PACKAGE_ROOT, part));
  const base = join(PACKAGE_ROOT, 'tsconfig.json');
  writeFileSync(config, JSON.stringify({ extends: base, include: paths(folders), files: paths(files) }));
  const common = ['--noEmit', 'false', '--rootDir', '.', '--outDir', folder, '--rewriteRelativeImportExtensions'];
  tsc('-p', config, ...common, ...options);
  rmSync(config);
}

/** Runs the TypeScript compiler. @throws Error with its messages */
export function tsc(...args: string[]): void {
  run(join(PACKAGE_ROOT, 'node_modules/.bin/tsc'), args, PACKAGE_ROOT);
}

/** Runs a program and returns what it printed. @throws Error with its output if it fails */
export function run(command: string, args: string[], cwd: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${(stdout + stderr).trim()}`, { cause });
  }
}
