import { join } from 'node:path';
import * as abi from '../../../renderer/contract/abi.ts';
import { findRuntime } from '../../base/installed.ts';
import { LAYERS } from '../../base/layers.ts';
import {
  addonFlags,
  BPF_HEADER,
  buildTargets,
  NATIVE_FLAGS,
  NATIVE_FOLDER,
  type NativeTarget,
} from '../../base/native.ts';
import { commandOf, type Runtime } from '../../base/runtime.ts';
import { START_EXPORT } from '../module.ts';
import * as mapping from './mapping.ts';

const GUEST = 'guest';
const JAILER = 'jailer';
const ADDON = 'addon.node';
const CONFINE = 'confine.node';
const GUEST_SOURCES = [
  'guest.cc',
  'instance.cc',
  'imports.cc',
  'trace.cc',
  'compile.cc',
  'jail.cc',
  'limits.cc',
  'files.cc',
  'filter.cc',
];
const JAILER_SOURCES = ['jailer.cc', 'late-jail.cc', 'jail.cc', 'limits.cc', 'files.cc'];
const HEADERS = [
  '../../base/uv.h',
  'instance.h',
  'mapping.h',
  'submission.h',
  'trace.h',
  'compile.h',
  'jail.h',
  'late-jail.h',
  'limits.h',
  'files.h',
  'filter.h',
];

/** The Node addon that shares memory with guest processes (addon.cc). It exists once buildNative() has resolved. */
export const addonPath = join(NATIVE_FOLDER, ADDON);

/** Options for building the guest program and the Node addon. `folder` receives both. */
export interface NativeOptions {
  folder: string;
  compiler: string;
  /** Where WasmEdge is. If undefined, the folder in WASMEDGE_DIR is used, or else the system's WasmEdge. */
  runtime: Runtime | undefined;
}

/** Path of the program that starts others in a jail (jailer.cc). It exists once buildNative() has resolved. */
export const jailerPath = join(NATIVE_FOLDER, JAILER);

/** The Node addon that completes the jail of a Node program (confine.cc). It exists once buildJail() has resolved. */
export const confinePath = join(NATIVE_FOLDER, CONFINE);

/** The native programs and addons that run modules and confine processes. */
export const ENGINE_FILES = [GUEST, JAILER, ADDON, CONFINE] as const;

/** The command that starts the guest program, which runs and compiles modules, once buildNative() has resolved. */
export function guestCommand(): string[] {
  return commandOf(join(NATIVE_FOLDER, GUEST), usedRuntime());
}

let buildingJail: Promise<void> | undefined;

/**
 * Builds the jailer and the addon with which a Node program completes its jail, unless they exist and neither their sources nor
 * the compiler flags have changed.
 * @throws NearlightError NL_NATIVE with the first lines that the C++ compiler printed
 */
export function buildJail(announce: (line: string) => void = () => {}): Promise<void> {
  const generated = { 'constants.h': constants() };
  buildingJail ??= buildTargets({ folder: NATIVE_FOLDER, targets: jailTargets(), generated, announce }).catch(
    (error: unknown) => {
      buildingJail = undefined;
      throw error;
    },
  );
  return buildingJail;
}

let building: Promise<void> | undefined;

/**
 * Builds ENGINE_FILES, unless they exist and neither their sources nor the compiler flags have changed.
 * Calls `announce` before it compiles anything.
 * @throws NearlightError NL_NO_WASMEDGE with the first lines that the C++ compiler printed
 */
export function buildNative(announce: (line: string) => void = () => {}): Promise<void> {
  const generated = { 'constants.h': constants() };
  const guest = { folder: NATIVE_FOLDER, targets: guestTargets(usedRuntime()), generated, announce };
  building ??= Promise.all([buildTargets(guest), buildJail(announce)]).then(
    () => undefined,
    (error: unknown) => {
      building = undefined;
      throw error;
    },
  );
  return building;
}

/** Builds the guest program and the addon into another folder, for another WasmEdge. @throws NearlightError NL_NO_WASMEDGE */
export function buildNativeIn(
  { folder, compiler, runtime }: NativeOptions,
  announce: (line: string) => void,
): Promise<void> {
  const generated = { 'constants.h': constants() };
  const targets = [...guestTargets(runtime), ...jailTargets()];
  return buildTargets({ folder, compiler, targets, generated, announce });
}

/** Returns Nearlight's own installation of WasmEdge; undefined if there is none, or WASMEDGE_DIR names another. */
export function usedRuntime(): Runtime | undefined {
  return process.env.WASMEDGE_DIR ? undefined : findRuntime();
}

function absolute(names: readonly string[]): string[] {
  return names.map((name) => join(import.meta.dirname, name));
}

function guestTargets(runtime: Runtime | undefined): NativeTarget[] {
  const headers = [...absolute(HEADERS), BPF_HEADER];
  return [
    {
      name: GUEST,
      sources: absolute(GUEST_SOURCES),
      headers,
      flags: [...NATIVE_FLAGS, '-fno-exceptions', ...wasmEdgeFlags(runtime)],
    },
    { name: ADDON, sources: absolute(['addon.cc']), headers, flags: addonFlags() },
  ];
}

function jailTargets(): NativeTarget[] {
  const headers = [...absolute(HEADERS), BPF_HEADER];
  return [
    {
      name: JAILER,
      sources: absolute(JAILER_SOURCES),
      headers,
      flags: [...NATIVE_FLAGS, '-fno-exceptions', '-Wl,--as-needed'],
    },
    { name: CONFINE, sources: absolute(['confine.cc', 'filter.cc']), headers, flags: addonFlags() },
  ];
}

/** Returns the C++ compiler's flags for finding WasmEdge's headers and libraries, to be given after the sources. */
export function wasmEdgeFlags(runtime: Runtime | undefined): string[] {
  const folder = process.env.WASMEDGE_DIR;
  if (!runtime) {
    const lib = folder ? join(folder, 'lib') : '';
    return folder
      ? [`-I${join(folder, 'include')}`, `-L${lib}`, `-Wl,-rpath,${lib}`, '-lwasmedge', '-ldl']
      : ['-lwasmedge', '-ldl'];
  }
  const { wasmEdgeInclude: include, wasmEdgeLib: lib, loader } = runtime;
  // The linker writes the folder of WasmEdge as DT_RPATH, which, unlike DT_RUNPATH, also applies to the libraries that WasmEdge
  // needs. The loader of a private C library gets the folder as an option instead. Undefined symbols are allowed, because the
  // libraries may need a newer C library than the one that is linked here.
  const place = loader === undefined ? [`-Wl,--disable-new-dtags,-rpath,${lib}`] : [];
  return [`-I${include}`, `-L${lib}`, ...place, '-Wl,--allow-shlib-undefined', '-l:libwasmedge.so.0', '-ldl'];
}

/**
 * Returns the text of constants.h: every number in renderer/contract/abi.ts and mapping.ts, and the bit of every layer of
 * confinement, as a C++ constant.
 */
function constants(): string {
  const lines = Object.entries<unknown>({ ...abi, ...mapping })
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => `constexpr uint32_t ${name} = ${value}u;`);
  for (const [bit, layer] of LAYERS.entries())
    lines.push(`constexpr uint32_t LAYER_${layer.replace(/[A-Z]/g, '_$&').toUpperCase()} = ${1 << bit}u;`);
  const start = `constexpr char START_EXPORT[] = "${START_EXPORT}";`;
  return `// Generated by build.ts from mapping.ts, renderer/contract/abi.ts and host/base/layers.ts.\n#pragma once\n#include <cstdint>\n${start}\n${lines.join('\n')}\n`;
}
