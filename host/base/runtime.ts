/**
 * Where the private runtime lies that host/cli/setup.sh makes: WasmEdge, Mesa with the Vulkan loader, a C++ compiler.
 * A system without one uses what WASMEDGE_DIR and the distribution provide.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Changes with the contents; host/cli/runtime.sh holds the same number. */
export const RECIPE = 1;

export interface Runtime {
  readonly folder: string;
  /** Headers and libraries of WasmEdge. */
  readonly wasmEdgeInclude: string;
  readonly wasmEdgeLib: string;
  /** The program loader of the C library in `wasmEdgeLib`; undefined where WasmEdge runs on the system's. */
  readonly loader: string | undefined;
  /** A Node addon that does nothing but bring libvulkan.so.1 into the process. */
  readonly vulkanLoader: string;
  /** The manifest of the software Vulkan driver. */
  readonly driverManifest: string;
}

/** The runtime of this system; undefined where none has been made. */
export function findRuntime(release: string = systemRelease()): Runtime | undefined {
  const folder = resolvePart(release, '');
  return folder === undefined ? undefined : runtimeIn(folder);
}

/** The runtime in a folder. */
export function runtimeIn(folder: string): Runtime {
  const wasmEdgeLib = join(folder, 'wasmedge/lib');
  const loader = readdirSync(wasmEdgeLib).find((name) => name.startsWith('ld-linux'));
  return {
    folder,
    wasmEdgeInclude: join(folder, 'wasmedge/include'),
    wasmEdgeLib,
    loader: loader === undefined ? undefined : join(wasmEdgeLib, loader),
    vulkanLoader: join(folder, 'graphics/lib/vulkan.node'),
    driverManifest: join(folder, 'graphics/nearlight_driver.json'),
  };
}

/** The private C++ compiler; undefined where none has been made. */
export function findCompiler(release: string = systemRelease()): string | undefined {
  const folder = resolvePart(release, '-compiler');
  return folder === undefined ? undefined : join(folder, 'bin/c++');
}

/** The folder that the link of a part points to, so that paths in it change with its contents. */
function resolvePart(release: string, suffix: string): string | undefined {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const base = process.env.NEARLIGHT_RUNTIME || join(cache, 'nearlight/runtime');
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
