import binaryen from 'binaryen';
import { settings } from '../../host/base/config.ts';
import type { EngineLimits, LoadOptions } from '../../host/engine/engine.ts';
import { ABI_VERSION } from '../../renderer/contract/abi.ts';

/** Address of the IO block in the linear memory of modules that good() makes. */
export const BLOCK = 1024;

/** Parts of a test module, as WebAssembly text. A part that a test gives replaces the default one. */
export interface Parts {
  /** Globals, functions and data to add to the module, after its imports and before everything else. */
  fields?: string;
  memory?: string;
  version?: string;
  init?: string;
  join?: string;
  leave?: string;
  tick?: string;
  render?: string;
}

const ioBytes = (seats: number) => 64 + 64 * 32 + seats * 128;

/**
 * The body of init() in a good module: writes the header of the IO block and returns its address.
 * @param padBytes size of the records of gamepads of one seat
 */
export function writeBlock(seats = '(local.get 3)', padBytes = 0, at = BLOCK): string {
  return `
    (i32.store (i32.const ${at}) (i32.const 0x4f494c4e))
    (i32.store (i32.const ${at + 4}) (i32.add (i32.const ${ioBytes(0)}) (i32.mul ${seats} (i32.const ${128 + padBytes}))))
    (i32.store (i32.const ${at + 8}) ${seats})
    (i32.const ${at})`;
}

/** Imports of every function that the host offers, except those about the GPU. */
export const imports = `
  (import "nearlight" "submit" (func $submit (param i32 i32)))
  (import "nearlight" "log" (func $log (param i32 i32 i32)))
  (import "nearlight" "asset_find" (func $asset_find (param i32 i32) (result i32)))
  (import "nearlight" "asset_size" (func $asset_size (param i32) (result i32)))
  (import "nearlight" "asset_read" (func $asset_read (param i32 i32 i32 i32) (result i32)))
  (import "nearlight" "state_write" (func $state_write (param i32 i32)))
  (import "nearlight" "state_read" (func $state_read (param i32 i32 i32) (result i32)))
  (import "nearlight" "exit" (func $exit (param i32)))`;

/** A module that follows the contract, as WAT. */
export function text(parts: Parts = {}): string {
  return `(module
    ${imports}
    ${parts.fields ?? ''}
    ${parts.memory ?? '(memory (export "memory") 1)'}
    ${parts.version ?? `(func (export "version") (result i32) (i32.const ${ABI_VERSION}))`}
    (func (export "init") (param i32 i32 i32 i32) (result i32) ${parts.init ?? writeBlock()})
    (func (export "join") (param i32) ${parts.join ?? ''})
    (func (export "leave") (param i32) ${parts.leave ?? ''})
    (func (export "tick") (param i32) ${parts.tick ?? ''})
    (func (export "render") (param i32 i32 i32) ${parts.render ?? ''}))`;
}

/** Assembles WAT into a binary module. */
export function assemble(wat: string): Uint8Array {
  const module = binaryen.parseText(wat);
  module.setFeatures(binaryen.Features.MVP | binaryen.Features.BulkMemory | binaryen.Features.ReferenceTypes);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

/** A binary module that follows the contract. */
export const good = (parts: Parts = {}): Uint8Array => assemble(text(parts));

/** WAT that stores words one after another in linear memory. */
export function store(address: number, words: number[]): string {
  return words
    .map((word, index) => `(i32.store (i32.const ${address + 4 * index}) (i32.const ${word | 0}))`)
    .join('\n');
}

/** WAT that submits a command stream. */
export const submit = (address: number, bytes: number) =>
  `(call $submit (i32.const ${address}) (i32.const ${bytes | 0}))`;

const names = Object.keys(settings) as (keyof typeof settings)[];
/** The default value of every setting, among them the limits of an engine. */
const defaults = Object.fromEntries(names.map((name) => [name, settings[name].default])) as unknown as EngineLimits;

/** Options for Engine.load(). `lines` collects what the module logs. */
export function options(limits: Partial<EngineLimits> = {}): LoadOptions & { lines: string[] } {
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level}: ${message}`);
  return {
    limits: { ...defaults, ...limits },
    seed: 2 ** 40 + 7,
    tickRate: 120,
    seats: 2,
    assets: new Uint8Array(0),
    log,
    lines,
  };
}
