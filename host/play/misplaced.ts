import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GameSource } from './project.ts';

/** Number of folder levels that are searched for misplaced assets. */
const DEPTH_MAX = 4;
const SKIPPED = ['node_modules', 'build'];

/**
 * Finds folders that look like a game's assets but lie where nothing reads them, such as NAME.assets one folder too high.
 * Returns a line for each that says where the assets belong.
 */
export function describeMisplacedAssets({ name, root, entry, assets }: GameSource): string[] {
  const wrong = [...findFolders(root, '', (folder) => folder === `${name}.assets`), `${dirname(entry)}/assets`];
  return wrong
    .filter((path) => path !== assets && isFolder(join(root, path)))
    .map((path) => `${path} is not read: the assets of ${name} belong in ${assets}`);
}

/** Finds folders by name. Returns paths from `root`, with slashes. Does not follow links, and skips hidden folders. */
function findFolders(root: string, path: string, wanted: (name: string) => boolean, depth = 1): string[] {
  const entries = readdirSync(join(root, path), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !SKIPPED.includes(entry.name))
    .flatMap(({ name }) => {
      const found = path === '' ? name : `${path}/${name}`;
      if (wanted(name)) return [found];
      return depth < DEPTH_MAX ? findFolders(root, found, wanted, depth + 1) : [];
    });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
