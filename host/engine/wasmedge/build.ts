import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as abi from '../../../renderer/contract/abi.ts';
import { NearlightError } from '../../base/errors.ts';
import { START_EXPORT } from '../module.ts';
import * as mapping from './mapping.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const out = join(root, 'build/native');

/** The guest program and the addon that starts it, once buildNative has resolved. */
export const guestPath = join(out, 'guest');
export const addonPath = join(out, 'addon.node');
/** The addon of the pods' host (host/pod/kernel.cc). */
export const kernelPath = join(out, 'kernel.node');

interface Target {
  path: string;
  sources: string[];
  flags: string[];
}

const common = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-fno-rtti', `-I${out}`];

function targets(): Target[] {
  const wasmedge = process.env.WASMEDGE_DIR;
  const where = wasmedge
    ? [`-I${join(wasmedge, 'include')}`, `-L${join(wasmedge, 'lib')}`, `-Wl,-rpath,${join(wasmedge, 'lib')}`]
    : [];
  const modules = join(root, 'node_modules');
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
      path: guestPath,
      sources: ['guest.cc', 'room.cc', 'trace.cc', 'compile.cc', 'confine.cc'],
      flags: [...common, '-fno-exceptions', ...where, '-lwasmedge', '-ldl'],
    },
    { path: addonPath, sources: ['addon.cc'], flags: addon },
    { path: kernelPath, sources: ['../../pod/kernel.cc'], flags: addon },
  ];
}

const sourceNames = ['guest.cc', 'room.cc', 'room.h', 'submission.h', 'trace.cc', 'trace.h', 'compile.cc', 'compile.h'];
const allNames = [...sourceNames, 'confine.cc', 'confine.h', 'addon.cc', '../../pod/kernel.cc'];

let building: Promise<void> | undefined;

/**
 * Builds the guest program and the addons into build/native where sources or flags have changed; `announce` is told so.
 * @throws NearlightError NL_NO_WASMEDGE with the compiler's first messages
 */
export function buildNative(announce: (line: string) => void = () => {}): Promise<void> {
  building ??= build(announce).catch((error: unknown) => {
    building = undefined;
    throw error;
  });
  return building;
}

async function build(announce: (line: string) => void): Promise<void> {
  const constants = header();
  const wanted = fingerprint(constants);
  const stamp = join(out, 'stamp');
  if (read(stamp) === wanted && [guestPath, addonPath, kernelPath].every(exists)) return;
  announce('compiling the guest program and the addons ...');
  mkdirSync(out, { recursive: true });
  replace(join(out, 'constants.h'), constants);
  await Promise.all(targets().map(make));
  replace(stamp, wanted);
}

function header(): string {
  const lines = Object.entries<unknown>({ ...abi, ...mapping })
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => `constexpr uint32_t ${name} = ${value}u;`);
  const start = `constexpr char START_EXPORT[] = "${START_EXPORT}";`;
  return `// Made by build.ts of mapping.ts and renderer/contract/abi.ts.\n#pragma once\n#include <cstdint>\n${start}\n${lines.join('\n')}\n`;
}

function fingerprint(constants: string): string {
  const hash = createHash('sha256').update(constants);
  for (const name of allNames) hash.update(name).update(readFileSync(join(here, name)));
  return hash.update(JSON.stringify([targets(), process.env.CXX])).digest('hex');
}

function make({ path, sources, flags }: Target): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  const compiler = process.env.CXX || 'c++';
  const libraries = flags.filter((flag) => flag.startsWith('-l'));
  const options = flags.filter((flag) => !flag.startsWith('-l'));
  const inputs = sources.map((name) => join(here, name));
  return new Promise((resolve, reject) => {
    execFile(compiler, [...options, ...inputs, ...libraries, '-o', temporary], (error, _stdout, stderr) => {
      if (!error) {
        renameSync(temporary, path);
        return resolve();
      }
      rmSync(temporary, { force: true });
      const why = stderr.split('\n').slice(0, 8).join('\n') || error.message;
      const hint = 'install a C++ compiler and libwasmedge-dev 0.14.1, or set WASMEDGE_DIR';
      reject(new NearlightError('NL_NO_WASMEDGE', `${path} could not be built (${hint}):\n${why}`));
    });
  });
}

/** Two processes may build at once: each file appears whole. */
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
