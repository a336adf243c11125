import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import { PACKAGE_ROOT } from '../base/self.ts';

/** The sources of one game. */
export interface GameSource {
  name: string;
  /** The project's folder: the nearest one above the game that has a package.json. */
  root: string;
  /** The game's main file, a path from `root`. */
  entry: string;
  /** Folder of the game's assets, a path from `root`; it need not exist. */
  assets: string;
}

/** A folder with a package.json, and the games in it. */
export interface Project {
  root: string;
  /** The games in the order of package.json. Commands use the first one by default. */
  games: readonly GameSource[];
  /** The risk rules in the order of package.json; their names begin with "rules/". */
  rules: readonly GameSource[];
}

/** Main file of the only game of a project whose package.json lists no games. */
const ENTRY = 'src/index.ts';

interface Manifest {
  name?: string;
  nearlight?: { games?: string[]; rules?: string[] };
}

/**
 * Opens the project that `folder` belongs to. Its games are listed in package.json under `nearlight.games`, as files, or
 * as patterns such as "examples/*.ts", in which each file is a game. Without that list, `src/index.ts` is the only game. Risk rules are
 * listed under `nearlight.rules` in the same way.
 */
export function openProject(folder: string = process.cwd()): Project {
  const root = findRoot(folder) ?? resolve(folder);
  const manifest = readManifest(root);
  const patterns = manifest.nearlight?.games ?? [ENTRY];
  const games = patterns
    .flatMap((pattern) => expand(root, pattern))
    .map((entry) => describeGame(root, entry, manifest));
  const rules = (manifest.nearlight?.rules ?? [])
    .flatMap((pattern) => expand(root, pattern))
    .map((entry) => describeRule(root, entry));
  return { root, games, rules };
}

/** This program's own package as a project. An installed package holds the modules of its games, not their sources. */
export function ownProject(): Project {
  return openProject(PACKAGE_ROOT);
}

/** Path of the module file that a game is compiled into. */
export function modulePath({ root, name }: Pick<GameSource, 'root' | 'name'>): string {
  return join(root, 'build', `${name}.wasm`);
}

/** Path of the module file of a game that belongs to this program. */
export function ownModulePath(name: string): string {
  return modulePath({ root: PACKAGE_ROOT, name });
}

/** Every game that can be built here, by the path of its module: the current project's games and this program's own. */
export function listModules(): Map<string, GameSource> {
  const games = [...openProject().games, ...ownProject().games];
  return new Map(games.map((game) => [modulePath(game), game]));
}

/**
 * Finds a game by its name in `project`, or by the path of its main file in any project.
 * @throws NearlightError NL_USAGE
 */
export function findGame(what: string, project: Project = openProject()): GameSource {
  if (!what.endsWith('.ts')) {
    const found = [...project.games, ...project.rules].find(({ name }) => name === what);
    if (found) return found;
    throw new NearlightError('NL_USAGE', `there is no game ${what} in ${project.root}; ${listed(project)}`);
  }
  const path = resolve(what);
  if (!existsSync(path)) throw new NearlightError('NL_USAGE', `there is no file ${what}`);
  const nearest = findRoot(dirname(path));
  if (nearest === undefined)
    throw new NearlightError('NL_USAGE', `${what} belongs to no project: no folder above it has a package.json`);
  // A project may list a game that lies in a package of its own, as this repository lists those in renderer/.
  for (let root: string | undefined = nearest; root !== undefined; root = findRoot(dirname(root))) {
    const listing = openProject(root).games.find((game) => join(game.root, game.entry) === path);
    if (listing) return listing;
    if (root === dirname(root)) break;
  }
  return describeGame(nearest, relative(nearest, path).split(sep).join('/'), readManifest(nearest));
}

/** Says which games a project has, for an error message. */
export function listed({ games }: Project): string {
  if (games.length === 0) return 'make one with: npx nearlight new my-game';
  return `there are: ${games.map(({ name }) => name).join(', ')}`;
}

/** The nearest folder, from `folder` upwards, that has a package.json. */
function findRoot(folder: string): string | undefined {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (existsSync(join(path, 'package.json'))) return path;
    if (path === dirname(path)) return undefined;
  }
}

function readManifest(root: string): Manifest {
  const path = join(root, 'package.json');
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch (cause) {
    throw new NearlightError('NL_USAGE', `${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Lists the existing files that match a pattern. */
function expand(root: string, pattern: string): string[] {
  const folder = /^(.+)\/\*\.ts$/.exec(pattern)?.[1];
  if (folder === undefined) return existsSync(join(root, pattern)) ? [pattern] : [];
  if (!statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => `${folder}/${file}`);
}

/**
 * Describes the game whose main file is `entry`. It is named after that file, after its folder if the file is index.ts, or
 * after the project if the file is src/index.ts.
 */
function describeGame(root: string, entry: string, manifest: Manifest): GameSource {
  if (entry === ENTRY) {
    const name = (manifest.name ?? basename(root)).replace(/^@[^/]+\//, '');
    return { name, root, entry, assets: 'assets' };
  }
  const folder = dirname(entry);
  const file = basename(entry, '.ts');
  const name = file === 'index' ? basename(folder) : file;
  return { name, root, entry, assets: `${folder}/${name}.assets` };
}

/** Describes the risk rule whose file is `entry`. Its module has a folder of its own, so no game has the same name. */
function describeRule(root: string, entry: string): GameSource {
  const name = `rules/${basename(entry, '.ts')}`;
  return { name, root, entry, assets: `${dirname(entry)}/${basename(entry, '.ts')}.assets` };
}
