import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** One import statement of our own code. */
export interface Import {
  /** Paths relative to the root that was read; `to` is a package or `node:` name where it is not a file. */
  from: string;
  to: string;
  line: number;
  /** Gone at run time: `import type`, or only `type` names in the braces. */
  typeOnly: boolean;
}

/** Files that join the stages; nothing but a test imports them. */
const ROOTS = [
  'host/main.ts',
  'host/host.ts',
  'host/pod.ts',
  'host/sandbox.ts',
  'host/game.ts',
  'host/doctor.ts',
  'host/offline.ts',
  'host/render.ts',
  'host/inspect.ts',
  'host/build.ts',
  'host/dev/main.ts',
  'host/dev/dev.ts',
  'host/dev/page.ts',
  'host/dev/worker.ts',
  'host/dev/game.ts',
  'host/dev/thread.ts',
  'host/bundle/main.ts',
  'host/bundle/bundle.ts',
  'host/bundle/image.ts',
];

/** What every stage may use at run time: files without a stage, and the contract with the guest. */
const SHARED = [
  'host/errors.ts',
  'host/config.ts',
  'host/observe/samples.ts',
  'renderer/contract/abi.ts',
  'renderer/contract/contract.ts',
];

/** Run-time imports between two stages that are wanted: both ends of the players' protocol use the one definition. */
const AGREED = ['host/player > host/stream/protocol.ts'];

/** Also runs in a browser: whatever of it is loaded there must not need Node. */
const PORTABLE = [
  /^host\/gpu\/(?!dawn\.ts$)/,
  /^host\/room\//,
  /^host\/session\/(?!(file|hash)\.ts$)/,
  /^host\/stream\/protocol\.ts$/,
  /^host\/player\/(?!build\.ts$)/,
  /^host\/engine\/(module|javascript)\.ts$/,
];

const STATEMENT =
  /^[ \t]*(?:import|export)\s+(type\s+)?((?:[\w$*,\s]|\{[^}]*\})*?)\s*from\s*['"]([^'"]+)['"]|^[ \t]*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** Reads the import and export-from statements of one file's text. Comments are left out, strings are not read. */
export function parseImports(path: string, text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^[ \t]*\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '));
  const imports: Import[] = [];
  for (const match of code.matchAll(STATEMENT)) {
    const [whole, type, names = '', from, bare, dynamic] = match;
    const target = (from ?? bare ?? dynamic)!;
    const before = code.slice(0, match.index + whole.length);
    imports.push({
      from: path,
      to: target.startsWith('.') ? normalize(join(dirname(path), target)) : target,
      line: before.split('\n').length,
      typeOnly: type !== undefined || onlyTypes(names),
    });
  }
  return imports;
}

function onlyTypes(names: string): boolean {
  const inner = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
  if (inner === undefined) return false;
  const list = inner.split(',').filter((name) => name.trim() !== '');
  return list.length > 0 && list.every((name) => /^\s*type\s/.test(name));
}

/** Every import in the TypeScript files under `folder`, a path relative to `root`. */
export function readImports(root: string, folder = 'host'): Import[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .flatMap((file) => parseImports(`${folder}/${file}`, readFileSync(join(root, folder, file), 'utf8')));
}

/** The faults of a program: missing files, cycles, stages that reach into each other, Node where a browser runs it. */
export function findFaults(root: string): string[] {
  const imports = readImports(root);
  return [...missing(root, imports), ...cycles(imports), ...crossings(imports), ...notPortable(imports)];
}

function missing(root: string, imports: Import[]): string[] {
  return imports
    .filter(({ to }) => isOwn(to) && !existsSync(join(root, to)))
    .map((entry) => `${place(entry)}: there is no ${entry.to}`);
}

/** Types may refer to each other in a circle; code may not. */
function cycles(imports: Import[]): string[] {
  const graph = Map.groupBy(
    imports.filter(({ to, typeOnly }) => isOwn(to) && !typeOnly),
    ({ from }) => from,
  );
  const done = new Set<string>();
  const faults: string[] = [];
  const visit = (file: string, path: string[]) => {
    const start = path.indexOf(file);
    if (start >= 0) faults.push(`import cycle: ${[...path.slice(start), file].join(' > ')}`);
    if (start >= 0 || done.has(file)) return;
    for (const { to } of graph.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return faults;
}

/** The folder below host/, or '' for a file that has none. */
function stage(path: string): string {
  return /^host\/([^/]+)\//.exec(path)?.[1] ?? '';
}

function crossings(imports: Import[]): string[] {
  const faults: string[] = [];
  for (const entry of imports) {
    const { from, to, typeOnly } = entry;
    if (ROOTS.includes(from)) continue;
    if (ROOTS.includes(to)) faults.push(`${place(entry)}: imports ${to}, which joins the stages`);
    if (typeOnly || !isOwn(to) || ROOTS.includes(to) || SHARED.includes(to)) continue;
    if (stage(from) === stage(to) || AGREED.includes(`host/${stage(from)} > ${to}`)) continue;
    faults.push(`${place(entry)}: only types may come from ${to}; host/main.ts joins the stages`);
  }
  return faults;
}

function notPortable(imports: Import[]): string[] {
  const loaded = imports.filter(({ typeOnly }) => !typeOnly);
  const graph = Map.groupBy(loaded, ({ from }) => from);
  const faults: string[] = [];
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const entry of graph.get(file) ?? []) {
      if (isOwn(entry.to)) visit(entry.to);
      else faults.push(`${place(entry)}: imports ${entry.to}, but this also runs in a browser`);
    }
  };
  for (const file of graph.keys()) if (PORTABLE.some((pattern) => pattern.test(file))) visit(file);
  return faults;
}

function isOwn(path: string): boolean {
  return /^(host|oci|renderer|test)\//.test(path);
}

function place({ from, line }: Import): string {
  return `${from}:${line}`;
}
