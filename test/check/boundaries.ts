import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCircles } from './circles.ts';
import { type Import, isSource, readFiles, readImports, SDK } from './imports.ts';
import { GAMES, isAbove, PORTABLE, partOf, permission } from './order.ts';

/**
 * Returns the faults in how the source files import each other. They may import only downwards in the order of folders
 * (order.ts), and never in a circle: neither the files, nor the folders at any depth. An import of types counts like any
 * other, because a reader of the one file then has to read the other.
 */
export async function findFaults(root: string, imports?: readonly Import[]): Promise<string[]> {
  const files = readFiles(root);
  imports ??= await readImports(root, files);
  const wrong = crossings(imports);
  return [
    ...unplaced(files),
    ...unresolved(imports),
    ...wrong.values(),
    ...relativeInGames(imports),
    ...undeclared(root, imports),
    ...fileCircles(imports),
    // An import against the order of folders closes many circles, but it is only one fault, which is already reported.
    ...folderCircles(imports.filter((entry) => !wrong.has(entry))),
    ...notPortable(imports),
  ];
}

/** Returns a fault for each folder of sources that has no place in the order of folders. */
function unplaced(files: Iterable<string>): string[] {
  const folders = new Set<string>();
  for (const path of files)
    if (isSource(path) && partOf(path) === undefined) folders.add(path.split('/').slice(0, 2).join('/'));
  return [...folders].map((folder) => `${folder} has no place in the order of folders (test/check/order.ts)`);
}

function unresolved(imports: readonly Import[]): string[] {
  return imports.flatMap((entry) => {
    if (entry.kind === 'missing') return `${place(entry)}: there is no ${entry.to}`;
    if (entry.kind === 'computed' && partOf(entry.from) !== 'test')
      return `${place(entry)}: the path of this import is computed, so it cannot be checked; write it as a string`;
    return [];
  });
}

/** Returns the imports between two folders that the order of folders does not allow, each with its message. */
function crossings(imports: readonly Import[]): Map<Import, string> {
  const faults = new Map<Import, string>();
  for (const entry of imports) {
    const [from, to] = [partOf(entry.from), partOf(entry.to)];
    if (entry.kind !== 'file' || from === undefined || to === undefined) continue;
    const allowed = permission(from, to);
    if (allowed === 'values' || (allowed === 'types' && entry.typeOnly)) continue;
    faults.set(entry, `${place(entry)}: ${crossing(entry.to, from, to)}`);
  }
  return faults;
}

function crossing(path: string, from: string, to: string): string {
  if (to === 'test') return `imports ${path}, but nothing may depend on tests`;
  if (isAbove(to, from)) return `imports ${path}, but ${to} is above ${from}`;
  if (permission(from, to) === 'none') return `imports ${path}, but ${from} may not use ${to}`;
  return `loads ${path}; use \`import type\`, or connect ${from} and ${to} in host/play`;
}

/** Returns a fault for each game that imports the SDK by a relative path, which a game in its own repository does not have. */
function relativeInGames(imports: readonly Import[]): string[] {
  return imports.flatMap((entry) => {
    const from = partOf(entry.from) ?? '';
    if (!GAMES.includes(from) || entry.kind !== 'file' || partOf(entry.to) === from) return [];
    if (!entry.specifier.startsWith('.')) return [];
    return `${place(entry)}: imports ${entry.specifier}; a game imports ${SDK} by name`;
  });
}

interface Manifest {
  name?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Returns a fault for each import of a package that package.json does not name, or names only for tests. */
function undeclared(root: string, imports: readonly Import[]): string[] {
  const path = join(root, 'package.json');
  const manifest: Manifest = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const { dependencies = {}, devDependencies = {} } = manifest;
  return imports.flatMap((entry) => {
    if (entry.kind !== 'external' || entry.specifier.startsWith('node:')) return [];
    const name = packageOf(entry.specifier);
    const isForTests = partOf(entry.from) === 'test' || entry.typeOnly;
    if (
      name === manifest.name ||
      name in dependencies ||
      (isForTests && (name in devDependencies || `@types/${name}` in devDependencies))
    )
      return [];
    const list = isForTests ? 'package.json' : 'the dependencies of package.json';
    return `${place(entry)}: imports ${name}, which ${list} does not name`;
  });
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function fileCircles(imports: readonly Import[]): string[] {
  const edges = imports.filter(({ kind }) => kind === 'file').map(({ from, to }) => [from, to] as const);
  return findCircles(edges).map((circle) => `files import each other: ${[...circle, circle[0]].join(' > ')}`);
}

/** Returns the circles of imports that pass through at least one folder. fileCircles finds those between files alone. */
function folderCircles(imports: readonly Import[]): string[] {
  const examples = new Map<string, Import>();
  for (const entry of imports) {
    const step = entry.kind === 'file' && stepOf(entry);
    if (step && !examples.has(step.join(' > '))) examples.set(step.join(' > '), entry);
  }
  const files = new Set(imports.map(({ from }) => from));
  const circles = findCircles([...examples.keys()].map((step) => step.split(' > ') as [string, string]));
  return circles.flatMap((circle) => {
    if (circle.every((name) => files.has(name))) return [];
    const steps = circle.map((name, i) => examples.get(`${name} > ${circle[(i + 1) % circle.length]}`));
    const reasons = steps.map((entry) => entry && `${place(entry)} imports ${entry.to}`);
    return `folders import each other: ${[...circle, circle[0]].join(' > ')} (${reasons.join('; ')})`;
  });
}

/**
 * Returns the two siblings that an import connects: two parts of the program, or two files or folders side by side within one
 * part. Undefined for a file that imports itself or lies outside the order of folders.
 */
function stepOf({ from, to }: Import): [from: string, to: string] | undefined {
  const [source, target] = [partOf(from), partOf(to)];
  if (source === undefined || target === undefined || from === to) return undefined;
  if (source !== target) return [source, target];
  const [a, b] = [from.split('/'), to.split('/')];
  let depth = 0;
  while (a[depth] === b[depth]) depth += 1;
  return [a.slice(0, depth + 1).join('/'), b.slice(0, depth + 1).join('/')];
}

/** Returns a fault for each import of Node or of a package in a file that a browser loads, directly or through other files. */
function notPortable(imports: readonly Import[]): string[] {
  const loads = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  );
  const origins = new Map<string, string>();
  for (const file of loads.keys()) if (PORTABLE.some((pattern) => pattern.test(file))) origins.set(file, file);
  const faults: string[] = [];
  for (const [file, origin] of origins)
    for (const entry of loads.get(file) ?? []) {
      if (entry.kind === 'file' && !origins.has(entry.to)) origins.set(entry.to, origin);
      if (entry.kind !== 'external') continue;
      const why = origin === file ? 'this runs in a browser too' : `${origin} loads this in a browser too`;
      faults.push(`${place(entry)}: imports ${entry.to}, but ${why}`);
    }
  return faults;
}

function place({ from, line }: Import): string {
  return `${from}:${line}`;
}
