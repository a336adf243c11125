/**
 * Finds the private runtime (WasmEdge, Mesa) and the C++ compiler that host/cli/setup.sh has installed. A system without them
 * uses what WASMEDGE_DIR, CXX and the distribution provide. A node bundle holds its own runtime.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Runtime, runtimeIn } from './runtime.ts';
import { cacheFolder, PACKAGE_ROOT } from './self.ts';

/** Version of the contents of the private runtime; host/cli/runtime.sh, which makes the runtime, holds the same number. */
export const RECIPE = 1;

/** Finds the private runtime of this system; undefined if none is installed. */
export function findRuntime(release?: string): Runtime | undefined {
  const own = join(PACKAGE_ROOT, 'runtime');
  if (release === undefined && existsSync(own)) return runtimeIn(own);
  const folder = resolvePart(release ?? systemRelease(), '');
  return folder === undefined ? undefined : runtimeIn(folder);
}

/** Returns the path of the private C++ compiler; undefined if none is installed. */
export function findCompiler(release: string = systemRelease()): string | undefined {
  const folder = resolvePart(release, '-compiler');
  return folder === undefined ? undefined : join(folder, 'bin/c++');
}

/**
 * Returns the folder in which set-up installs the private runtime. Root's is outside its home, because the processes of pods are
 * users of their own, to whom that is closed.
 */
export function runtimeFolder(): string {
  const { NEARLIGHT_RUNTIME, XDG_CACHE_HOME } = process.env;
  if (NEARLIGHT_RUNTIME) return NEARLIGHT_RUNTIME;
  if (!XDG_CACHE_HOME && process.getuid?.() === 0) return '/var/cache/nearlight/runtime';
  return join(cacheFolder(), 'runtime');
}

/** Resolves the link to an installed part (runtime or compiler), so that paths in its folder change when its contents do. */
function resolvePart(release: string, suffix: string): string | undefined {
  const link = join(runtimeFolder(), `${release}-${process.arch}-${RECIPE}${suffix}`);
  return existsSync(join(link, 'complete')) ? realpathSync(link) : undefined;
}

/** Code name of the system's release, such as bookworm; empty if the system states none. */
function systemRelease(): string {
  // A container may have the second file only (os-release(5)).
  const file = ['/etc/os-release', '/usr/lib/os-release'].find((path) => existsSync(path));
  if (file === undefined) return '';
  try {
    return /^VERSION_CODENAME="?([a-z]+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}
