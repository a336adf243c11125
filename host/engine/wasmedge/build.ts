import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as abi from '../../../renderer/contract/abi.ts';
import { NearlightError } from '../../base/errors.ts';
import { findCompiler, findRuntime } from '../../base/installed.ts';
import { commandOf, type Runtime } from '../../base/runtime.ts';
import { START_EXPORT } from '../module.ts';
import * as mapping from './mapping.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../../..');
const OUT = join(ROOT, 'build/native');

const GUEST = 'guest';
/** The Node addon that shares memory with guest processes (addon.cc). It exists once buildNative() has resolved. */
export const addonPath = join(OUT, 'addon.node');
/** The Node addon with the system calls that the host of a pod needs (host/pod/kernel.cc). */
export const kernelPath = join(OUT, 'kernel.node');

const GUEST_SOURCES = ['guest.cc', 'instance.cc', 'imports.cc', 'trace.cc', 'compile.cc', 'confine.cc'];
const HEADERS = ['instance.h', 'mapping.h', 'submission.h', 'trace.h', 'compile.h', 'confine.h'];

/** What the native parts are built with, and where they go. */
export interface NativeOptions {
  folder: string;
  compiler: string;
  /** Undefined: WASMEDGE_DIR, or else the system's WasmEdge. */
  runtime: Runtime | undefined;
}

/** One program or addon to build. */
interface Target {
  path: string;
  sources: string[];
  flags: string[];
}

/** The command that starts the guest program, once buildNative has resolved. */
export function guestCommand(): string[] {
  return commandOf(join(OUT, GUEST), usedRuntime());
}

/** WASMEDGE_DIR comes before the private runtime. */
function usedRuntime(): Runtime | undefined {
  return process.env.WASMEDGE_DIR ? undefined : findRuntime();
}

/** How to find WasmEdge's headers and libraries. */
function wasmEdgeFlags(runtime: Runtime | undefined): string[] {
  const folder = process.env.WASMEDGE_DIR;
  if (!runtime) {
    const lib = folder ? join(folder, 'lib') : '';
    return folder
      ? [`-I${join(folder, 'include')}`, `-L${lib}`, `-Wl,-rpath,${lib}`, '-lwasmedge', '-ldl']
      : ['-lwasmedge', '-ldl'];
  }
  const { wasmEdgeInclude: include, wasmEdgeLib: lib, loader } = runtime;
  // A DT_RPATH, unlike a DT_RUNPATH, holds for the libraries of libraries too. A private C library's program loader is told
  // where they are. The linker does not see all that they need: a newer C library, and functions that are never called.
  const place = loader === undefined ? [`-Wl,--disable-new-dtags,-rpath,${lib}`] : [];
  return [`-I${include}`, `-L${lib}`, ...place, '-Wl,--allow-shlib-undefined', '-l:libwasmedge.so.0', '-ldl'];
}

function targets({ folder, runtime }: Omit<NativeOptions, 'compiler'>): Target[] {
  const common = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-fno-rtti', `-I${folder}`];
  const modules = join(ROOT, 'node_modules');
  const addon = [
    ...common,
    '-shared',
    '-fPIC',
    '-fno-exceptions',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNAPI_VERSION=9',
    `-isystem${join(modules, 'node-api-headers/include')}`,
    `-isystem${join(modules, 'node-addon-api')}`,
  ];
  return [
    {
      path: join(folder, GUEST),
      sources: GUEST_SOURCES,
      flags: [...common, '-fno-exceptions', ...wasmEdgeFlags(runtime)],
    },
    { path: join(folder, basename(addonPath)), sources: ['addon.cc'], flags: addon },
    { path: join(folder, basename(kernelPath)), sources: ['../../pod/kernel.cc'], flags: addon },
  ];
}

let building: Promise<void> | undefined;

/**
 * Builds the guest program and the addons into build/native, unless they are already there and neither the sources nor the
 * flags have changed. Calls `announce` before it compiles anything.
 * @throws NearlightError NL_NO_WASMEDGE with the first lines that the compiler printed
 */
export function buildNative(announce: (line: string) => void = () => {}): Promise<void> {
  building ??= build(announce).catch((error: unknown) => {
    building = undefined;
    throw error;
  });
  return building;
}

function build(announce: (line: string) => void): Promise<void> {
  return buildNativeIn({ folder: OUT, compiler: findCxx(), runtime: usedRuntime() }, announce);
}

/**
 * Builds the native parts into a folder where sources, flags or the compiler have changed.
 * @throws NearlightError NL_NO_WASMEDGE with the compiler's first messages
 */
export async function buildNativeIn(options: NativeOptions, announce: (line: string) => void): Promise<void> {
  const { folder, compiler } = options;
  const constants = header();
  const made = targets(options);
  const wanted = fingerprint(constants, made, compiler);
  const stamp = join(folder, 'stamp');
  if (read(stamp) === wanted && made.every(({ path }) => exists(path))) return;
  announce('compiling the guest program and the addons ...');
  mkdirSync(folder, { recursive: true });
  replace(join(folder, 'constants.h'), constants);
  await Promise.all(made.map((target) => make(target, compiler)));
  replace(stamp, wanted);
}

/** CXX, or the system's compiler, or else the private one. */
function findCxx(): string {
  if (process.env.CXX) return process.env.CXX;
  const onPath = (process.env.PATH ?? '').split(delimiter).some((folder) => exists(join(folder, 'c++')));
  return (onPath ? undefined : findCompiler()) ?? 'c++';
}

/** Source of constants.h: every number of the contract and of the shared memory, as C++. */
function header(): string {
  const lines = Object.entries<unknown>({ ...abi, ...mapping })
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => `constexpr uint32_t ${name} = ${value}u;`);
  const start = `constexpr char START_EXPORT[] = "${START_EXPORT}";`;
  return `// Generated by build.ts from mapping.ts and renderer/contract/abi.ts.\n#pragma once\n#include <cstdint>\n${start}\n${lines.join('\n')}\n`;
}

/** A hash of everything that determines the results: sources, flags and the compiler. */
function fingerprint(constants: string, made: readonly Target[], compiler: string): string {
  const hash = createHash('sha256').update(constants);
  const names = [...made.flatMap(({ sources }) => sources), ...HEADERS];
  for (const name of names) hash.update(name).update(readFileSync(join(HERE, name)));
  return hash.update(JSON.stringify([made, compiler])).digest('hex');
}

function make({ path, sources, flags }: Target, compiler: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  const libraries = flags.filter((flag) => flag.startsWith('-l'));
  const options = flags.filter((flag) => !flag.startsWith('-l'));
  const inputs = sources.map((name) => join(HERE, name));
  return new Promise((resolve, reject) => {
    execFile(compiler, [...options, ...inputs, ...libraries, '-o', temporary], (error, _stdout, stderr) => {
      if (!error) {
        renameSync(temporary, path);
        return resolve();
      }
      rmSync(temporary, { force: true });
      const why = stderr.split('\n').slice(0, 8).join('\n') || error.message;
      const hint = 'run host/cli/setup.sh, or set CXX and WASMEDGE_DIR';
      reject(new NearlightError('NL_NO_WASMEDGE', `${path} could not be built (${hint}):\n${why}`));
    });
  });
}

/** Writes a file through a temporary one, so that a second process that builds at the same time never reads half of it. */
function replace(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildNative();
