/**
 * Where host/cli/setup.sh has put the private runtime and the C++ compiler. A system without them uses what WASMEDGE_DIR,
 * CXX and the distribution provide. A node bundle holds its own runtime.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Runtime, runtimeIn } from './runtime.ts';
import { cacheFolder, PACKAGE_ROOT } from './self.ts';

/** Changes with the contents; host/cli/runtime.sh holds the same number. */
export const RECIPE = 1;

/** The runtime of this system; undefined where none has been made. */
export function findRuntime(release?: string): Runtime | undefined {
  const own = join(PACKAGE_ROOT, 'runtime');
  if (release === undefined && existsSync(own)) return runtimeIn(own);
  const folder = resolvePart(release ?? systemRelease(), '');
  return folder === undefined ? undefined : runtimeIn(folder);
}

/** The private C++ compiler; undefined where none has been made. */
export function findCompiler(release: string = systemRelease()): string | undefined {
  const folder = resolvePart(release, '-compiler');
  return folder === undefined ? undefined : join(folder, 'bin/c++');
}

/** The folder that the link of a part points to, so that paths in it change with its contents. */
function resolvePart(release: string, suffix: string): string | undefined {
  const base = process.env.NEARLIGHT_RUNTIME || join(cacheFolder(), 'runtime');
  const link = join(base, `${release}-${process.arch}-${RECIPE}${suffix}`);
  return existsSync(join(link, 'complete')) ? realpathSync(link) : undefined;
}

/** Debian's name of the release that runs here; empty on another system. */
function systemRelease(): string {
  try {
    return /^VERSION_CODENAME="?([a-z]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}
