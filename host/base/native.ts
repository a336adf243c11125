import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NearlightError } from './errors.ts';
import { findCompiler } from './installed.ts';
import { buildFolder, IS_CHECKOUT, PACKAGE_ROOT } from './self.ts';
import { VERSION } from './version.ts';

/** Folder of the native programs and addons in a node bundle, which contains them ready-built. */
const BUNDLED = join(PACKAGE_ROOT, 'native');
const IS_BUNDLE = !IS_CHECKOUT && existsSync(BUNDLED);

/** Folder of the native programs and addons: in a node bundle, below `build` in a checkout, or else in the user's cache. */
export const NATIVE_FOLDER = IS_BUNDLE ? BUNDLED : join(buildFolder(), 'native', IS_CHECKOUT ? '' : VERSION);

/** The C++ header with what seccomp filters consist of. */
export const BPF_HEADER = join(import.meta.dirname, 'bpf.h');

/** One program or addon to build from C++. */
export interface NativeTarget {
  /** Name of the file that the compiler writes. */
  name: string;
  /** Absolute paths of the C++ files that are compiled. */
  sources: readonly string[];
  /** Absolute paths of the files that the C++ files include. */
  headers: readonly string[];
  flags: readonly string[];
}

export interface NativeBuild {
  folder: string;
  targets: readonly NativeTarget[];
  /** Generated source files to write into the folder before compiling: text by file name. */
  generated?: Readonly<Record<string, string>>;
  compiler?: string;
  /** Receives a line that says what is about to be compiled. */
  announce?(line: string): void;
}

/** Matches the message of a C++ compiler that misses WasmEdge's header or library. */
const MISSING_WASMEDGE =
  /wasmedge\/wasmedge\.h: No such file|'wasmedge\/wasmedge\.h' file not found|(cannot|unable to) find \S*wasmedge/;

/** C++ compiler flags of every native program and addon. */
export const NATIVE_FLAGS = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-fno-rtti'] as const;

/** C++ compiler flags of a Node addon, for Node-API 9 and without exceptions. */
export function addonFlags(): string[] {
  if (IS_BUNDLE) return [];
  const folderOf = (manifest: string) => dirname(fileURLToPath(manifest));
  return [
    ...NATIVE_FLAGS,
    '-shared',
    '-fPIC',
    '-fno-exceptions',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNAPI_VERSION=9',
    `-isystem${join(folderOf(import.meta.resolve('node-api-headers/package.json')), 'include')}`,
    `-isystem${folderOf(import.meta.resolve('node-addon-api/package.json'))}`,
  ];
}

/**
 * Builds native programs or addons into a folder, unless they exist and neither sources, flags nor compiler have changed.
 * @throws NearlightError NL_NATIVE with the first lines that the compiler printed; NL_NO_WASMEDGE if they say that WasmEdge is
 * missing
 */
export async function buildTargets(build: NativeBuild): Promise<void> {
  const { folder, targets, generated = {}, compiler = findCxx(), announce } = build;
  if (IS_BUNDLE) return;
  const wanted = fingerprint(targets, generated, compiler);
  const stamp = join(folder, `${targets.map(({ name }) => name).join('+')}.stamp`);
  if (read(stamp) === wanted && targets.every(({ name }) => exists(join(folder, name)))) return;
  announce?.(`compiling ${targets.map(({ name }) => name).join(' and ')} ...`);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(generated)) replace(join(folder, name), text);
  await Promise.all(targets.map((target) => make(target, { folder, compiler })));
  replace(stamp, wanted);
}

/** Finds the C++ compiler: CXX, else the system's c++, else the private one. */
function findCxx(): string {
  if (process.env.CXX) return process.env.CXX;
  const onPath = (process.env.PATH ?? '').split(delimiter).some((folder) => exists(join(folder, 'c++')));
  return (onPath ? undefined : findCompiler()) ?? 'c++';
}

/** Hashes everything that determines the built files: sources, flags and the compiler. */
function fingerprint(targets: readonly NativeTarget[], generated: object, compiler: string): string {
  const hash = createHash('sha256').update(JSON.stringify([targets, generated, describe(compiler)]));
  for (const path of targets.flatMap(({ sources, headers }) => [...sources, ...headers]))
    hash.update(readFileSync(path));
  return hash.digest('hex');
}

/** Describes the file of a compiler, which an upgrade may replace under the same path. */
function describe(compiler: string): unknown[] {
  const folders = compiler.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
  const path = folders.map((folder) => join(folder, compiler)).find(exists);
  if (path === undefined) return [compiler];
  const file = realpathSync(path);
  const { size, mtimeMs } = statSync(file);
  return [compiler, file, size, mtimeMs];
}

function make({ name, sources, flags }: NativeTarget, to: { folder: string; compiler: string }): Promise<void> {
  const path = join(to.folder, name);
  const temporary = `${path}.${process.pid}`;
  const isLibrary = (flag: string) => flag.startsWith('-l');
  const args = [
    ...flags.filter((flag) => !isLibrary(flag)),
    `-I${to.folder}`,
    ...sources,
    ...flags.filter(isLibrary),
    '-o',
    temporary,
  ];
  return new Promise((resolve, reject) => {
    execFile(to.compiler, args, (error, _stdout, stderr) => {
      if (!error) {
        renameSync(temporary, path);
        return resolve();
      }
      rmSync(temporary, { force: true });
      const why = stderr.split('\n').slice(0, 8).join('\n') || error.message;
      const isWasmEdge = MISSING_WASMEDGE.test(stderr);
      const hint = `run host/cli/setup.sh, or set ${isWasmEdge ? 'WASMEDGE_DIR' : 'CXX to a C++17 compiler'}`;
      const code = isWasmEdge ? 'NL_NO_WASMEDGE' : 'NL_NATIVE';
      reject(new NearlightError(code, `${path} could not be built (${hint}):\n${why}`));
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
