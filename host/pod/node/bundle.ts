import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type Plugin, stop } from 'esbuild';
import { NearlightError } from '../../base/errors.ts';
import { addonPath, buildNative, guestPath, kernelPath } from '../../engine/wasmedge/build.ts';
import { buildModules } from '../../play/modules.ts';
import { buildPlayer } from '../../player/build.ts';
import { licences } from './licences.ts';

const root = join(import.meta.dirname, '../../..');
const modules = join(root, 'node_modules');
/** Stay packages of their own: they load native code from their own folders. */
const PACKAGES = ['webgpu', 'node-datachannel'];
/** What a bundle has as files is not made again on the node. */
const REPLACED: Record<string, string> = {
  'host/player/build.ts': 'player.ts',
  'host/engine/wasmedge/build.ts': 'native.ts',
  'host/play/modules.ts': 'modules.ts',
};
const DRIVER = 'libvulkan_lvp.so';
const ICD = 'lvp_icd.json';
/** Programs of the bundle run on its own C library, wherever it lies: started by its own loader, through a script. */
const LAUNCHER = `#!/bin/sh
home=\${0%/*}/..
exec "$home/lib/LOADER" --library-path "$home/lib" --argv0 NAME "$home/lib/programs/NAME" "$@"
`;
/** The loader is what the kernel started, and not what its children are to start; nor do they want its libraries. */
const BANNER = `import { fileURLToPath as bundleUrl } from 'node:url';
import { createRequire as bundleRequire } from 'node:module';
const require = bundleRequire(import.meta.url);
process.execPath = bundleUrl(new URL('../bin/node', import.meta.url));
process.env.VK_ADD_DRIVER_FILES ??= bundleUrl(new URL('../share/vulkan/${ICD}', import.meta.url));`;

export interface Bundle {
  folder: string;
  /** Of the folder. */
  bytes: number;
}

/**
 * Makes a folder that runs on a node which has nothing of what it needs. The video encoder is not in it: its
 * FFmpeg has parts that may not be passed on together, and the installer takes it from a registry.
 * @throws NearlightError NL_NO_WASMEDGE, NL_NO_GPU for what is not installed here
 */
export async function makeBundle(out: string, say: (line: string) => void): Promise<Bundle> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const name = `nearlight-${version}-linux-${process.arch}`;
  const folder = join(out, name);
  const temporary = `${folder}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  await Promise.all([buildModules(['arena'], say), buildNative(say)]);
  say('the host ...');
  await bundleHost(temporary);
  say('libraries ...');
  const packages = copyPackages(temporary);
  copyPrograms(temporary);
  const libraries = copyLibraries(temporary);
  writeFileSync(join(temporary, 'LICENSES.md'), licences({ root, packages, libraries, folder: temporary }));
  copyFileSync(join(root, 'LICENSE'), join(temporary, 'LICENSE'));
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
  return { folder, bytes: sizeOf(folder) };
}

/** Packs a bundle into one file beside it; gives its path. */
export function archiveBundle(folder: string): string {
  const archive = `${folder}.tar.gz`;
  const stable = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0'];
  execFileSync('tar', [...stable, '-C', dirname(folder), '-czf', archive, basename(folder)]);
  return archive;
}

async function bundleHost(folder: string): Promise<void> {
  const host = join(folder, 'host');
  const replace: Plugin = {
    name: 'replace',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const by = REPLACED[path.slice(root.length + 1)];
        return by
          ? { contents: readFileSync(join(import.meta.dirname, by), 'utf8'), loader: 'ts', resolveDir: dirname(path) }
          : undefined;
      });
    },
  };
  await build({
    entryPoints: {
      main: join(root, 'host/cli/main.ts'),
      pod: join(root, 'host/pod/main.ts'),
      install: join(import.meta.dirname, 'install.ts'),
    },
    outdir: host,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: [...PACKAGES, 'node-av', 'node-av/*', 'binaryen', 'assemblyscript', 'esbuild'],
    plugins: [replace],
    banner: { js: BANNER },
    absWorkingDir: root,
    logLevel: 'silent',
  });
  await stop();
  for (const file of ['pod/containerd.proto', 'video/convert.wgsl'])
    copyFileSync(join(root, 'host', file), join(host, basename(file)));
  mkdirSync(join(host, 'player'));
  const index: Record<string, { type: string; file: string }> = {};
  for (const [path, { type, body }] of await buildPlayer()) {
    const file = path === '/' ? 'index.html' : path.slice(1);
    writeFileSync(join(host, 'player', file), body);
    index[path] = { type, file };
  }
  writeFileSync(join(host, 'player/index.json'), JSON.stringify(index));
  mkdirSync(join(folder, 'build'));
  copyFileSync(join(root, 'build/arena.wasm'), join(folder, 'build/arena.wasm'));
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(root, file), join(folder, file));
  copyFileSync(join(root, 'host/pod/containerd-shim-wasmedge-v1'), join(folder, 'shim'));
  copyFileSync(join(import.meta.dirname, 'install.sh'), join(folder, 'install.sh'));
  chmodSync(join(folder, 'install.sh'), 0o755);
}

interface Package {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Packages and what they depend on, as far as it is installed here, so without those of other platforms. */
function copyPackages(folder: string): string[] {
  const done = new Set<string>();
  const visit = (name: string) => {
    const from = join(modules, name);
    if (done.has(name) || !existsSync(from)) return;
    done.add(name);
    const to = join(folder, 'node_modules', name);
    cpSync(from, to, {
      recursive: true,
      filter: (path) =>
        !/\/(darwin|win32|linux)-(?!x64)[^/]*$|\/(src|build|types)$|darwin-universal|win32/.test(
          path.slice(from.length),
        ),
    });
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(from, 'package.json'), 'utf8'),
    ) as Package;
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) visit(dependency);
  };
  for (const name of PACKAGES) visit(name);
  return [...done].sort();
}

function copyPrograms(folder: string): void {
  const programs = join(folder, 'lib/programs');
  for (const path of [programs, join(folder, 'bin'), join(folder, 'native')]) mkdirSync(path, { recursive: true });
  copyFileSync(join(modules, 'node/bin/node'), join(programs, 'node'));
  copyFileSync(guestPath, join(programs, 'guest'));
  for (const path of [addonPath, kernelPath]) copyFileSync(path, join(folder, 'native', basename(path)));
}

/** Every library that a file needs, by ldd; the vdso is the kernel's. */
function needs(path: string): Map<string, string> {
  const listed = execFileSync('ldd', [path], { encoding: 'utf8' });
  const missing = /^\s*(\S+) => not found/m.exec(listed)?.[1];
  if (missing) throw new NearlightError('NL_NO_WASMEDGE', `${path} needs ${missing}, which is not installed here`);
  const entries = [...listed.matchAll(/^\s*(?:(\S+) => )?(\/\S+) \(/gm)].map(
    ([, name, file]) => [name ?? basename(file!), file!] as const,
  );
  return new Map(entries.map(([name, file]) => [basename(name), file]));
}

/** @returns where each library came from, by its name in the bundle */
function copyLibraries(folder: string): Map<string, string> {
  const system = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];
  const find = (name: string) => {
    const path = system.map((place) => join(place, name)).find(existsSync);
    if (!path) throw new NearlightError('NL_NO_GPU', `${name} is not installed here; npm test sets everything up`);
    return path;
  };
  const libraries = new Map<string, string>([
    [DRIVER, find(DRIVER)],
    ['libvulkan.so.1', find('libvulkan.so.1')],
  ]);
  const own = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.node') || file.startsWith('lib/programs/'))
    .map((file) => join(folder, file));
  for (const path of [...own, ...libraries.values()]) for (const [name, file] of needs(path)) libraries.set(name, file);
  for (const [name, file] of libraries) copyFileSync(realpathSync(file), join(folder, 'lib', name));
  const loader = [...libraries.keys()].find((name) => name.startsWith('ld-linux'))!;
  chmodSync(join(folder, 'lib', loader), 0o755);
  for (const [place, program] of [
    ['bin', 'node'],
    ['native', 'guest'],
  ] as const) {
    const path = join(folder, place, program);
    writeFileSync(path, LAUNCHER.replaceAll('NAME', program).replace('LOADER', loader));
    chmodSync(path, 0o755);
  }
  mkdirSync(join(folder, 'share/vulkan'), { recursive: true });
  const icd = { file_format_version: '1.0.1', ICD: { library_path: `../../lib/${DRIVER}`, api_version: '1.4.305' } };
  writeFileSync(join(folder, 'share/vulkan', ICD), JSON.stringify(icd));
  return libraries;
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
