import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder that holds this program: a checkout, or an installed package. */
export const PACKAGE_ROOT = join(import.meta.dirname, '../..');

/** How this program's own source files end: `ts` in a checkout, `js` in a package, which Node could not run otherwise. */
export const SOURCE_ENDING = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';

/** True if the program runs from its sources. */
export const IS_CHECKOUT = SOURCE_ENDING === 'ts';

/**
 * The folder for what can be made again, shared by every checkout and package of this user.
 * Source: XDG Base Directory Specification 0.8, XDG_CACHE_HOME.
 */
export function cacheFolder(environment: Record<string, string | undefined> = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nearlight');
}

/** The folder for what this program builds: `build` in a checkout, the cache folder for an installed package. */
export function buildFolder(): string {
  return IS_CHECKOUT ? join(PACKAGE_ROOT, 'build') : cacheFolder();
}
