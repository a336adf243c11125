import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { NearlightError } from '../../base/errors.ts';

/** A game's sources. */
export interface Source {
  name: string;
  /** Holds renderer/ with the SDK. */
  folder: string;
  /** Where the compiler starts, a path from `folder`. */
  entry: string;
}

const root = join(import.meta.dirname, '../../..');

/**
 * Finds a game by its name, or by the path of the file that it starts at, which lies below a folder `renderer`.
 * @throws NearlightError NL_USAGE
 */
export function findSource(what: string): Source {
  if (!what.endsWith('.ts')) {
    const entry = [`renderer/${what}/index.ts`, `renderer/examples/${what}.ts`].find((file) =>
      existsSync(join(root, file)),
    );
    if (!/^[\w-]+$/.test(what) || !entry)
      throw new NearlightError(
        'NL_USAGE',
        `there is no game ${what}: neither renderer/${what}/index.ts nor renderer/examples/${what}.ts; make one with: npm run new -- ${what}`,
      );
    return { name: what, folder: root, entry };
  }
  const path = resolve(what);
  if (!existsSync(path)) throw new NearlightError('NL_USAGE', `there is no file ${what}`);
  const at = path.lastIndexOf(`${sep}renderer${sep}`);
  if (at < 0) throw new NearlightError('NL_USAGE', `${what} does not lie below a folder renderer/, where the SDK is`);
  const folder = path.slice(0, at);
  const file = path.slice(path.lastIndexOf(sep) + 1, -'.ts'.length);
  const name = file === 'index' ? dirname(path).slice(dirname(path).lastIndexOf(sep) + 1) : file;
  return { name, folder, entry: relative(folder, path) };
}
