import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../build/attack');

/** Compiles a C++ source of this folder as a library. Returns its path. */
export function buildLibrary(name: string, defines: Record<string, string> = {}): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.so`);
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}="${value}"`);
  execFileSync('c++', ['-shared', '-fPIC', ...flags, join(import.meta.dirname, `${name}.cc`), '-o', path]);
  return path;
}

/** Compiles a C++ source of this folder as a program. Returns its path. */
export function buildProgram(name: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  execFileSync('c++', ['-std=c++17', '-O1', join(import.meta.dirname, `${name}.cc`), '-o', path]);
  return path;
}
