import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { NearlightError } from '../../base/errors.ts';
import { findCompiler, findRuntime } from '../../base/installed.ts';
import type { Runtime } from '../../base/runtime.ts';
import { makeProgram } from '../../cli/package.ts';
import { buildNativeIn, ENGINE_FILES } from '../../engine/wasmedge/build.ts';
import { buildKernel, POD_FILES } from '../native.ts';
import { licences } from './licences.ts';

const root = join(import.meta.dirname, '../../..');
const modules = join(root, 'node_modules');
/**
 * npm packages that the program loads on a cluster node. Build tools are left out, and the installer adds the video encoder.
 */
const PACKAGES = [
  'webgpu',
  'node-datachannel',
  'prom-client',
  'protobufjs',
  'ws',
  '@jridgewell/trace-mapping',
  'jose',
  '@open-policy-agent/opa-wasm',
  '@nats-io/jetstream',
  '@nats-io/transport-node',
  'cockatiel',
  '@opentelemetry/api',
  '@opentelemetry/otlp-exporter-base',
  '@opentelemetry/otlp-transformer',
  '@opentelemetry/resources',
  '@grpc/grpc-js',
];
/** The oldest Debian release whose C library the node bundle's Node, Dawn and Mesa run on. */
const RELEASE = 'bookworm';
/** The program that the shim puts in the place of runc on some nodes. */
const RUNC = 'host/pod/systemd/runc';

export interface Bundle {
  folder: string;
  /** Total size of the node bundle's files. */
  bytes: number;
}

/**
 * Makes the node bundle: a folder that runs on any cluster node with a C library of Debian 12 or later. It holds the host
 * program, Node, and the WasmEdge and graphics libraries for Debian 12. The video encoder is left out, because its FFmpeg has
 * parts that may not be distributed together; the installer takes it from a registry.
 * @throws NearlightError NL_NO_WASMEDGE if those libraries are not installed
 */
export async function makeBundle(out: string, say: (line: string) => void): Promise<Bundle> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const runtime = findRuntime(RELEASE);
  const compiler = findCompiler(RELEASE);
  if (!runtime || !compiler)
    throw new NearlightError(
      'NL_NO_WASMEDGE',
      'the WasmEdge and graphics libraries for the node bundle are missing; run sh host/cli/setup.sh --bundle',
    );
  const native = join(root, 'build/bundle-native');
  const name = `nearlight-${version}-linux-${process.arch}`;
  const folder = join(out, name);
  const temporary = `${folder}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  await Promise.all([
    buildNativeIn({ folder: native, compiler, runtime }, say),
    buildKernel({ folder: native, compiler }),
  ]);
  say('copying the program ...');
  await makeProgram(temporary, say);
  copyFileSync(join(root, 'package-lock.json'), join(temporary, 'package-lock.json'));
  copyFileSync(join(root, 'host/pod/containerd-shim-wasmedge-v1'), join(temporary, 'shim'));
  copyFileSync(join(import.meta.dirname, 'install.sh'), join(temporary, 'install.sh'));
  chmodSync(join(temporary, 'install.sh'), 0o755);
  say('copying libraries ...');
  const packages = copyPackages(temporary);
  copyPrograms(temporary, native);
  copyRuntime(temporary, runtime);
  writeFileSync(
    join(temporary, 'LICENSES.md'),
    licences({ root, packages, runtime: runtime.folder, folder: temporary }),
  );
  copyFileSync(join(root, 'LICENSE'), join(temporary, 'LICENSE'));
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
  return { folder, bytes: sizeOf(folder) };
}

/** Packs the folder of a node bundle into an archive beside it. Returns the archive's path. */
export function archiveBundle(folder: string): string {
  const archive = `${folder}.tar.gz`;
  const stable = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0'];
  execFileSync('tar', [...stable, '-C', dirname(folder), '-czf', archive, basename(folder)]);
  return archive;
}

interface Package {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/**
 * Copies PACKAGES and those of their dependencies that are installed, without files for other platforms. Returns all their
 * names.
 */
function copyPackages(folder: string): string[] {
  const done = new Set<string>();
  const visit = (name: string) => {
    const from = join(modules, name);
    if (done.has(name) || !existsSync(from)) return;
    done.add(name);
    const to = join(folder, 'node_modules', name);
    cpSync(from, to, { recursive: true, filter: (path) => isForPlatform(path.slice(from.length)) });
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(from, 'package.json'), 'utf8'),
    ) as Package;
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) visit(dependency);
  };
  for (const name of PACKAGES) visit(name);
  return [...done].sort();
}

/** Whether a file or folder of a package, named by its path below the package, is of use on Linux on this processor. */
export function isForPlatform(path: string, arch: string = process.arch): boolean {
  return !new RegExp(`/(darwin|win32)-[^/]*$|/linux-(?!${arch}\\b)[^/]*$`).test(path);
}

function copyPrograms(folder: string, native: string): void {
  for (const name of ['bin', 'native']) mkdirSync(join(folder, name));
  copyFileSync(join(modules, 'node/bin/node'), join(folder, 'bin/node'));
  mkdirSync(join(folder, RUNC, '..'), { recursive: true });
  copyFileSync(join(root, RUNC), join(folder, RUNC));
  for (const name of [...ENGINE_FILES, ...POD_FILES]) copyFileSync(join(native, name), join(folder, 'native', name));
}

/** Copies the WasmEdge and graphics libraries into the node bundle, without headers. */
function copyRuntime(folder: string, runtime: Runtime): void {
  for (const part of ['wasmedge/lib', 'graphics'])
    cpSync(join(runtime.folder, part), join(folder, 'runtime', part), { recursive: true });
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
