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
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { checkModule } from '../engine/module.ts';
import { sourceNames, splitSymbols } from '../engine/symbols.ts';
import { compilerOptions, findSdkConfig } from './compiler.ts';
import { describeMisplacedAssets } from './misplaced.ts';
import { findGame, type GameSource, modulePath, openProject, type Project } from './project.ts';

/** A compiled module. */
export interface BuiltModule {
  name: string;
  path: string;
  bytes: number;
  /** Time that compiling took in milliseconds; 0 if the module was up to date. */
  ms: number;
}

/** Folders and files of the package @nearlight/sdk from which a game's module may be compiled. */
const SDK_SOURCES = ['index.ts', 'game.ts', 'rule.ts', 'sdk', 'scene', 'contract'];

/**
 * Compiles the games and risk rules of `project` whose modules are missing or older than their sources, into build/NAME.wasm: all,
 * or only those named. `announce` takes a line about work that takes a while.
 * @throws NearlightError NL_SOURCE with the compiler's messages, NL_USAGE for an unknown name, NL_MODULE_* as checkModule
 */
export async function buildModules(
  names?: readonly string[],
  announce: (line: string) => void = () => {},
  project: Project = openProject(),
): Promise<BuiltModule[]> {
  const games = names ? names.map((name) => findGame(name, project)) : [...project.games, ...project.rules];
  return buildGames(games, announce);
}

/** Compiles the games, of one project or several, whose modules are not up to date. @throws NearlightError NL_SOURCE */
export async function buildGames(
  games: readonly GameSource[],
  announce: (line: string) => void,
): Promise<BuiltModule[]> {
  const waiting = [...games];
  const built: BuiltModule[] = [];
  const digests = new Map<string, Buffer>();
  const work = async () => {
    for (let game = waiting.shift(); game; game = waiting.shift()) built.push(await build(game, digests, announce));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return built.sort((a, b) => a.name.localeCompare(b.name));
}

async function build(
  game: GameSource,
  digests: Map<string, Buffer>,
  announce: (line: string) => void,
): Promise<BuiltModule> {
  const { name, root, entry } = game;
  const path = modulePath(game);
  mkdirSync(dirname(path), { recursive: true });
  linkAssets(game);
  for (const line of describeMisplacedAssets(game)) announce(line);
  const stamp = `${path}.stamp`;
  const wanted = fingerprint(game, digests);
  if (read(stamp) === wanted) {
    const bytes = statSync(path, { throwIfNoEntry: false })?.size;
    if (bytes !== undefined && existsSync(`${path}.map`)) return { name, path, bytes, ms: 0 };
  }
  const start = performance.now();
  announce(`compiling ${entry} ...`);
  // Two processes may build the same game at once, so each file is renamed when complete, its module before the stamp.
  const temporary = path.replace(/wasm$/, `${process.pid}.wasm`);
  const bytes = await compileModule(entry, temporary, root);
  try {
    // Report a module that hosts would refuse now, not when it is first played.
    checkModule(readFileSync(temporary), readConfig());
  } catch (error) {
    for (const file of [temporary, `${temporary}.map`]) rmSync(file, { force: true });
    throw error;
  }
  renameSync(`${temporary}.map`, `${path}.map`);
  renameSync(temporary, path);
  writeFileSync(`${stamp}.${process.pid}`, wanted);
  renameSync(`${stamp}.${process.pid}`, stamp);
  return { name, path, bytes, ms: performance.now() - start };
}

/** Links the folder of a game's assets as NAME.assets beside its module, unless something else has that name. */
function linkAssets(game: GameSource): void {
  const folder = join(game.root, game.assets);
  const link = modulePath(game).replace(/wasm$/, 'assets');
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
export async function compileModule(entry: string, output: string, folder: string): Promise<number> {
  const compiler = fileURLToPath(import.meta.resolve('assemblyscript/bin/asc.js'));
  const options = [...compilerOptions(folder, 'release'), '--outFile', output];
  try {
    // Without this flag, the AssemblyScript compiler starts a second Node process.
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

/** Hashes all files that determine a game's module. `digests` keeps the digests of files for the next game. */
function fingerprint({ root, entry }: GameSource, digests: Map<string, Buffer>): string {
  const sdk = dirname(findSdkConfig(root));
  const own = basename(entry) === 'index.ts' ? filesBelow(join(root, dirname(entry))) : [join(root, entry)];
  const files = [
    join(root, 'asconfig.json'),
    fileURLToPath(import.meta.resolve('assemblyscript/package.json')),
    join(sdk, 'asconfig.json'),
    ...SDK_SOURCES.flatMap((name) => filesBelow(join(sdk, name))),
    ...own,
  ];
  const hash = createHash('sha256');
  for (const file of files) {
    let digest = digests.get(file);
    if (!digest) {
      digest = createHash('sha256')
        .update(read(file) ?? '')
        .digest();
      digests.set(file, digest);
    }
    hash.update(relative(root, file)).update(digest);
  }
  return hash.digest('hex');
}

/** Lists the .ts files below a folder, sorted, or `path` itself if it is a file. */
function filesBelow(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => join(path, file));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
