import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findRuntime, runtimeFolder } from '../base/installed.ts';
import { PACKAGE_ROOT } from '../base/self.ts';

/** An entry of the root folder of a pod's host (root.h). */
export interface RootEntry {
  kind: 'read' | 'link' | 'memory' | 'hidden' | 'proc';
  target: string;
  /** The file or folder that a `read` shows, or the text of a `link`. */
  source?: string;
}

/** Devices that Node and the GPU's drivers open on any machine. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'].map((name) => join('/dev', name));
/** Folders and name prefixes of the device files of GPUs. */
const GPUS = [
  ['/dev/dri', 'renderD'],
  ['/dev', 'nvidia'],
  ['/dev', 'kfd'],
] as const;
/**
 * Where the Vulkan loader and the GPU's drivers find their configuration (LoaderDriverInterface.md), the dynamic loader its own, and
 * the C library how it looks names up.
 */
const CONFIGURATION = [
  '/etc/ld.so.cache',
  '/etc/nsswitch.conf',
  '/etc/os-release',
  '/etc/vulkan',
  '/usr/share/drirc.d',
  '/usr/share/glvnd',
  '/usr/share/libdrm',
  '/usr/share/nvidia',
  '/usr/share/vulkan',
  '/usr/local/share/vulkan',
];
/** Variables of the environment that name files of Vulkan drivers or folders of libraries. */
const VARIABLES = /^(VK_.*|LD_LIBRARY_PATH)$/;
/** Parts of the C library that the video encoder needs, which is loaded for the first player, and the lookup of names. */
const C_LIBRARY = ['libmvec.so.1', 'librt.so.1', 'libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2'];
/** Folders that systems without a /usr of their own link to. */
const LINKED_FOLDERS = ['/lib', '/lib64', '/lib32'];
/** Facts about the processors, which Mesa reads, and about the GPU, which the libraries of its drivers read. */
const PROCESSORS = '/sys/devices/system/cpu';
const GPU_FACTS = ['/sys/devices', '/sys/dev', '/sys/bus', '/sys/class/drm'];
/** The network devices of the whole node. */
const NETWORK_FACTS = '/sys/devices/virtual/net';

/** The device files of GPUs, by their paths. */
export function gpuDevices(): string[] {
  return GPUS.flatMap(([folder, prefix]) =>
    namesIn(folder)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(folder, name)),
  );
}

/**
 * The root folder of a pod's host: this program, the libraries that this process has loaded, the GPU and its driver, and nothing
 * else. With it, this process can open the GPU again.
 */
export function hostRoot(env: NodeJS.ProcessEnv = process.env): RootEntry[] {
  const gpus = gpuDevices();
  const runtime = findRuntime();
  const named = Object.entries(env).flatMap(([name, value]) => (VARIABLES.test(name) ? (value ?? '').split(':') : []));
  const folders = [PACKAGE_ROOT];
  if (runtime && !runtime.folder.startsWith(`${PACKAGE_ROOT}/`)) folders.push(runtime.folder, runtimeFolder());
  const loaded = loadedFiles();
  const beside = dirname(loaded.find((path) => path.endsWith('/libc.so.6')) ?? '/');
  const libraries = [...loaded, ...C_LIBRARY.map((name) => join(beside, name)).filter((path) => existsSync(path))];
  // The libraries of a hardware driver load others by their names.
  if (gpus.length > 0) folders.push(...libraries.map((path) => dirname(path)).filter((path) => /\/lib/.test(path)));
  const files = [...CONFIGURATION, ...named, ...libraries, ...(gpus.length > 0 ? GPU_FACTS : [PROCESSORS])];
  const links = LINKED_FOLDERS.flatMap((path) => linkAt(path) ?? []);
  return [
    { kind: 'proc', target: '/proc' },
    { kind: 'memory', target: '/etc' },
    ...links,
    ...shown([...folders, ...files, ...DEVICES, ...gpus]),
    ...(gpus.length > 0 && existsSync(NETWORK_FACTS) ? [{ kind: 'hidden', target: NETWORK_FACTS } as const] : []),
    ...linksTo(libraries),
  ];
}

/** Entries that show files and folders under their paths. Those that do not exist are left out, and those in another one, too. */
function shown(paths: readonly string[]): RootEntry[] {
  const found = new Map<string, string>();
  for (const path of [...new Set(paths)].filter((path) => path.startsWith('/')).sort()) {
    const source = realPath(path);
    if (source === undefined) continue;
    const target = join(realPath(dirname(path)) ?? dirname(path), path.slice(path.lastIndexOf('/')));
    if (![...found.keys()].some((folder) => target === folder || target.startsWith(`${folder}/`)))
      found.set(target, source);
  }
  return [...found].map(([target, source]) => ({ kind: 'read', target, source }));
}

/** The files that are mapped into this process: programs, libraries and addons. */
function loadedFiles(): string[] {
  const paths = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .map((line) => line.slice(line.indexOf('/')));
  return [...new Set(paths)].filter((path) => /^\/(?!dev\/|memfd:|proc\/)/.test(path) && realPath(path) === path);
}

/** The links by whose names the dynamic loader finds these libraries. */
function linksTo(libraries: readonly string[]): RootEntry[] {
  const wanted = new Set(libraries);
  const folders = new Set(
    [...libraries.map((path) => dirname(path)), ...LINKED_FOLDERS].flatMap((path) => realPath(path) ?? []),
  );
  return [...folders].flatMap((folder) =>
    namesIn(folder).flatMap((name) => {
      const source = linkText(join(folder, name)) === undefined ? undefined : realPath(join(folder, name));
      return source !== undefined && wanted.has(source)
        ? [{ kind: 'link', target: join(folder, name), source } as const]
        : [];
    }),
  );
}

function linkAt(path: string): RootEntry | undefined {
  const source = linkText(path);
  return source === undefined ? undefined : { kind: 'link', target: path, source };
}

function linkText(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
