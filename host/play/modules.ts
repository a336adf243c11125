import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { NearlightError } from '../base/errors.ts';
import { sourceNames, splitSymbols } from '../engine/symbols.ts';
import { compilerOptions } from './compiler.ts';

const root = join(import.meta.dirname, '../..');
const out = join(root, 'build');

/** A compiled module. */
export interface BuiltModule {
  name: string;
  path: string;
  bytes: number;
  /** Time that compiling took in milliseconds; 0 where the module was up to date. */
  ms: number;
}

interface Source {
  name: string;
  /** The file asc starts at, relative to the root. */
  entry: string;
  /** Every file that the module may be made of, relative to the root. */
  files: string[];
}

/**
 * Compiles the AssemblyScript modules that are missing or older than their sources into build/NAME.wasm:
 * every game, or only those named. `announce` is told what takes a while.
 * @throws NearlightError NL_SOURCE with the compiler's messages, NL_USAGE where a name is unknown
 */
export async function buildModules(
  names?: readonly string[],
  announce: (line: string) => void = () => {},
): Promise<BuiltModule[]> {
  const known = findSources();
  const unknown = names?.filter((name) => !known.some((source) => source.name === name)) ?? [];
  if (unknown.length > 0) {
    const list = known.map((source) => source.name).join(', ');
    throw new NearlightError(
      'NL_USAGE',
      `there is no module ${unknown.join(', ')} under renderer/; there are: ${list}`,
    );
  }
  const waiting = names ? known.filter((source) => names.includes(source.name)) : known;
  mkdirSync(out, { recursive: true });
  const built: BuiltModule[] = [];
  const digests = new Map<string, Buffer>();
  const work = async () => {
    for (let source = waiting.shift(); source; source = waiting.shift())
      built.push(await build(source, digests, announce));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return built.sort((a, b) => a.name.localeCompare(b.name));
}

async function build(
  { name, entry, files }: Source,
  digests: Map<string, Buffer>,
  announce: (line: string) => void,
): Promise<BuiltModule> {
  const path = join(out, `${name}.wasm`);
  linkAssets(name, entry);
  const stamp = `${path}.stamp`;
  const wanted = fingerprint(files, digests);
  if (read(stamp) === wanted) {
    const bytes = statSync(path, { throwIfNoEntry: false })?.size;
    if (bytes !== undefined && existsSync(`${path}.map`)) return { name, path, bytes, ms: 0 };
  }
  const start = performance.now();
  announce(`compiling ${entry} ...`);
  // Two processes may build at once: each file appears whole, the stamp after its module.
  const temporary = join(out, `${name}.${process.pid}.wasm`);
  const bytes = await compileModule(entry, temporary);
  renameSync(`${temporary}.map`, `${path}.map`);
  renameSync(temporary, path);
  writeFileSync(`${stamp}.${process.pid}`, wanted);
  renameSync(`${stamp}.${process.pid}`, stamp);
  return { name, path, bytes, ms: performance.now() - start };
}

/** Puts the folder NAME.assets beside a source also beside its module, where nothing else has that name. */
function linkAssets(name: string, entry: string): void {
  const folder = join(root, dirname(entry), `${name}.assets`);
  const link = join(out, `${name}.assets`);
  const there = lstatSync(link, { throwIfNoEntry: false });
  if (!existsSync(folder) || (there && !there.isSymbolicLink())) return;
  if (there && readlinkSync(link) === folder) return;
  const temporary = `${link}.${process.pid}`;
  symlinkSync(folder, temporary, 'junction');
  renameSync(temporary, link);
}

/**
 * Compiles one AssemblyScript file, a path from the project's `folder`, into `output` (NAME.wasm), and writes its source
 * map beside it. Returns the module's size in bytes.
 * @throws NearlightError NL_SOURCE with the compiler's messages
 */
export async function compileModule(entry: string, output: string, folder = root): Promise<number> {
  const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
  const options = [...compilerOptions(folder, 'release'), '--outFile', output];
  try {
    // asc starts itself a second time unless this flag is given.
    await promisify(execFile)(process.execPath, ['--enable-source-maps', compiler, entry, ...options], {
      cwd: folder,
    });
  } catch (cause) {
    rmSync(output, { force: true });
    rmSync(`${output}.map`, { force: true });
    const { stdout = '', stderr = '' } = cause as {
      stdout?: string;
      stderr?: string;
    };
    throw new NearlightError('NL_SOURCE', `${entry}\n${sourceNames(stdout + stderr).trim()}`, { cause });
  }
  const { module, map } = splitSymbols(readFileSync(output), readFileSync(`${output}.map`, 'utf8'));
  writeFileSync(output, module);
  writeFileSync(`${output}.map`, map);
  return module.length;
}

/** Where the module of each source goes: name by path. */
export function modulePaths(): Map<string, string> {
  return new Map(findSources().map(({ name }) => [join(out, `${name}.wasm`), name]));
}

/** Where the module of a game is built. */
export function modulePath(name: string): string {
  return join(out, `${name}.wasm`);
}

/** Folders of renderer/ that belong to the package @nearlight/sdk, and the examples, of which each file is a game. */
const NO_GAMES = ['contract', 'sdk', 'scene', 'examples'];

/** A game is a folder of renderer/ with an index.ts, or a file of renderer/examples. All depend on the package @nearlight/sdk. */
function findSources(): Source[] {
  const files = readdirSync(join(root, 'renderer'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `renderer/${file}`)
    .sort();
  const folder = (file: string) => (file.split('/').length > 2 ? file.split('/')[1]! : '');
  const games = files.filter((file) => file.endsWith('/index.ts')).map(folder);
  const isGame = (file: string) =>
    folder(file) !== '' && games.includes(folder(file)) && !NO_GAMES.includes(folder(file));
  const shared = files.filter((file) => !isGame(file) && folder(file) !== 'examples');
  return files.flatMap((entry) => {
    if (folder(entry) === 'examples') return { name: basename(entry, '.ts'), entry, files: [...shared, entry] };
    const name = folder(entry);
    if (!isGame(entry) || entry !== `renderer/${name}/index.ts`) return [];
    return { name, entry, files: [...shared, ...files.filter((file) => folder(file) === name)] };
  });
}

function fingerprint(files: string[], digests: Map<string, Buffer>): string {
  const hash = createHash('sha256');
  for (const file of [
    'asconfig.json',
    'renderer/asconfig.json',
    'node_modules/assemblyscript/package.json',
    ...files,
  ]) {
    let digest = digests.get(file);
    if (!digest) {
      digest = createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest();
      digests.set(file, digest);
    }
    hash.update(file).update(digest);
  }
  return hash.digest('hex');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
