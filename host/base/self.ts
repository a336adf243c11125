import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder that holds this program: a checkout, or an installed package. */
export const PACKAGE_ROOT = join(import.meta.dirname, '../..');

/** Ending of this program's own source files: `ts` in a checkout, `js` in a package, because Node strips no types there. */
export const SOURCE_ENDING = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';

/** True if this program runs from its TypeScript sources. */
export const IS_CHECKOUT = SOURCE_ENDING === 'ts';

/**
 * Returns the cache folder, for files that can be made again. Every checkout and package of this user shares it.
 * Source: XDG Base Directory Specification 0.8, XDG_CACHE_HOME.
 */
export function cacheFolder(environment: Record<string, string | undefined> = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nearlight');
}

/** The folder for what this program builds: `build` in a checkout, the cache folder for an installed package. */
export function buildFolder(): string {
  return IS_CHECKOUT ? join(PACKAGE_ROOT, 'build') : cacheFolder();
}
