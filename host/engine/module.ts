import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { MODULE_EXPORTS, MODULE_IMPORTS, type ModuleFunction } from '../../renderer/contract/functions.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import { boundMemories, boundTables, readLimits } from './bounds.ts';
import type { EngineLimits } from './engine.ts';
import { versionError } from './failure.ts';
import { describeForeignImport } from './foreign.ts';
import { Reader, writeUnsigned } from './leb128.ts';
import { declaredVersion } from './version.ts';

/** A module that has passed every check, and what an engine needs to know about it. */
export interface CheckedModule {
  /**
   * The module as engines load it: without custom sections, and with its memory and tables limited to the host's settings. Its
   * start function is an export, START_EXPORT, which engines call once imports can access memory and time is limited.
   */
  bytes: Uint8Array<ArrayBuffer>;
  /** Whether the module exports `save` and `load`. */
  saves: boolean;
  /** Whether the module exports `export_player` and `import_player`. */
  moves: boolean;
  /** Whether the module exports `audio`. */
  sounds: boolean;
  /** Offset of an instruction in `bytes` minus its offset in the original module file. */
  codeShift: number;
}

export const START_EXPORT = 'nearlight:start';

type Limits = Pick<EngineLimits, 'moduleBytesMax' | 'memoryBytesMax' | 'tableElementsMax'>;

const I32 = 0x7f;
const [FUNCTION_KIND, TABLE_KIND, MEMORY_KIND, GLOBAL_KIND] = [0, 1, 2, 3];
const KIND_NAMES = ['function', 'table', 'memory', 'global'];

/** Section ids in the order in which they must appear (core specification 2, section 5.5.2). */
const SECTION_ORDER = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

const CODE_SECTION = 10;

/** Advice in the error message about a missing export. */
const EXPORT_LINE =
  'Add this line to the main file of the game: ' +
  'export { init, join, leave, load, render, save, tick, version } from "@nearlight/sdk/game"; ' +
  '(without load and save if the game keeps no state)';

/** Optional exports of which a module has both or neither. */
const PAIRS = [
  ['save', 'load'],
  ['export_player', 'import_player'],
] as const;

/** The facts about a module that have been read from its sections so far. */
interface Outline {
  /** Each function type of the module as text, such as "(i32) -> nothing". */
  types: string[];
  /** Type index of every function, imported functions first. */
  functions: number[];
  memories: number;
  exports: Map<string, { kind: number; index: number }>;
  /** Index of the start function. */
  start: number | undefined;
  /** Number of functions that the function section declares. */
  declared: number;
  /** Number of function bodies in the code section. */
  bodies: number;
}

interface Section {
  id: number;
  body: Uint8Array;
}

/**
 * Checks a module's imports, exports and sizes before an engine gets it, and removes what engines must not see. The bodies of
 * functions are not checked; every engine validates them itself.
 * @throws NearlightError NL_MODULE_INVALID, NL_MODULE_VERSION, NL_MODULE_IMPORT, NL_MODULE_EXPORT, NL_MODULE_LIMIT
 */
export function checkModule(module: Uint8Array, limits: Limits): CheckedModule {
  if (module.length > limits.moduleBytesMax)
    throw limit(`the module has ${module.length} bytes, and MODULE_BYTES_MAX allows ${limits.moduleBytesMax}`);
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (module.length < 8 || magic.some((byte, index) => module[index] !== byte))
    throw invalid('it does not begin with the four bytes "\\0asm"');
  if ([1, 0, 0, 0].some((byte, index) => module[4 + index] !== byte))
    throw invalid('it is not a core module of version 1; it may be a component, or use a newer format');
  const version = declaredVersion(module);
  if (version !== undefined && version !== ABI_VERSION) throw versionError(version);
  const outline: Outline = {
    types: [],
    functions: [],
    memories: 0,
    exports: new Map(),
    start: undefined,
    declared: 0,
    bodies: 0,
  };
  const sections: Section[] = [];
  const reader = new Reader(module, 8);
  let place = -1;
  while (!reader.ended) {
    const id = reader.byte();
    const body = reader.bytes(reader.unsigned());
    if (id === 0) continue;
    const next = SECTION_ORDER.indexOf(id);
    if (next < 0) throw invalid(`section ${id} is unknown`);
    if (next <= place) throw invalid(`section ${id} is out of order or appears twice`);
    place = next;
    sections.push({ id, body: readSection(id, body, outline, limits) });
  }
  if (outline.declared !== outline.bodies)
    throw invalid('its number of functions differs from its number of function bodies');
  checkExports(outline);
  exportStart(sections, outline);
  const bytes = join([module.subarray(0, 8), ...sections.flatMap(framed)]);
  const { exports } = outline;
  const shift = codeShift(module, sections);
  return {
    bytes,
    saves: exports.has('save'),
    moves: exports.has('import_player'),
    sounds: exports.has('audio'),
    codeShift: shift,
  };
}

function codeShift(module: Uint8Array, sections: Section[]): number {
  const place = sections.findIndex(({ id }) => id === CODE_SECTION);
  const code = sections[place];
  if (!code) return 0;
  const before = sections.slice(0, place + 1).flatMap(framed);
  const { body } = code;
  return 8 + before.reduce((sum, part) => sum + part.length, -body.length) - (body.byteOffset - module.byteOffset);
}

/** Reads one section of a module into the outline. Returns the bytes that replace its body in the checked module. */
function readSection(id: number, body: Uint8Array, outline: Outline, limits: Limits): Uint8Array {
  const reader = new Reader(body);
  if (id === 1) readTypes(reader, outline);
  else if (id === 2) readImports(reader, outline);
  else if (id === 3) readFunctions(reader, outline);
  else if (id === 7) readExports(reader, outline);
  else if (id === 8) outline.start = reader.unsigned();
  else if (id === CODE_SECTION) {
    outline.bodies = reader.count();
    return body;
  } else if (id === 4) return boundTables(reader, limits);
  else if (id === 5) {
    const bounded = boundMemories(reader, limits);
    outline.memories = bounded.count;
    return bounded.body;
  } else return body;
  if (!reader.ended) throw invalid(`section ${id} is longer than its contents`);
  return body;
}

function readTypes(reader: Reader, outline: Outline): void {
  for (let n = reader.count(); n > 0; n--) {
    if (reader.byte() !== 0x60) throw invalid('a type is not a function type');
    const parameters = reader.bytes(reader.count());
    const results = reader.bytes(reader.count());
    const short = parameters.length <= 4 && results.length <= 1;
    const plain = short && [...parameters, ...results].every((type) => type === I32);
    outline.types.push(plain ? signature(parameters.length, results.length) : 'a function of another type');
  }
}

function readFunctions(reader: Reader, outline: Outline): void {
  outline.declared = reader.count();
  for (let n = outline.declared; n > 0; n--) outline.functions.push(reader.unsigned());
}

function readImports(reader: Reader, outline: Outline): void {
  const foreign: string[] = [];
  for (let n = reader.count(); n > 0; n--) {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.byte();
    const offered = module === 'nearlight' && Object.hasOwn(MODULE_IMPORTS, name) ? MODULE_IMPORTS[name] : undefined;
    if (!offered || kind !== FUNCTION_KIND) {
      foreign.push(describeForeignImport(KIND_NAMES[kind] ?? 'thing', module, name));
      skipImportType(reader, kind);
      continue;
    }
    const type = reader.unsigned();
    const wanted = typeOf(offered);
    if (outline.types[type] !== wanted)
      throw new NearlightError('NL_MODULE_IMPORT', `it imports nearlight.${name} with another type than ${wanted}`);
    outline.functions.push(type);
  }
  if (foreign.length > 0) throw new NearlightError('NL_MODULE_IMPORT', foreign.join('; '));
}

/** Skips the type of an import, which follows its names and kind (WebAssembly core specification 2, section 5.5.5). */
function skipImportType(reader: Reader, kind: number): void {
  if (kind === TABLE_KIND) reader.byte();
  if (kind === TABLE_KIND || kind === MEMORY_KIND) readLimits(reader, 'an import');
  else if (kind === GLOBAL_KIND) reader.bytes(2);
  else reader.unsigned();
}

function readExports(reader: Reader, outline: Outline): void {
  for (let n = reader.count(); n > 0; n--) {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.unsigned();
    if (outline.exports.has(name)) throw invalid(`export "${name}" appears twice`);
    outline.exports.set(name, { kind, index });
  }
}

function checkExports({ types, functions, memories, exports }: Outline): void {
  const memory = exports.get('memory');
  if (!memory) throw missing('it does not export "memory"');
  if (memory.kind !== MEMORY_KIND || memory.index >= memories)
    throw missing('its export "memory" is not a memory that it defines itself');
  const absent = Object.keys(MODULE_EXPORTS).filter((name) => !MODULE_EXPORTS[name]?.optional && !exports.has(name));
  if (absent.length > 0) throw missing(`it does not export ${listed(absent)}. ${EXPORT_LINE}`);
  for (const [name, entry] of Object.entries(MODULE_EXPORTS)) {
    const found = exports.get(name);
    if (!found) continue;
    const actual = found.kind === FUNCTION_KIND ? types[functions[found.index] ?? -1] : KIND_NAMES[found.kind];
    if (actual !== typeOf(entry))
      throw missing(`its export "${name}" is not a function ${typeOf(entry)} but ${actual ?? 'nothing'}`);
  }
  for (const [one, other] of PAIRS)
    if (exports.has(one) !== exports.has(other))
      throw missing(`it exports only one of "${one}" and "${other}"; export both or neither`);
}

/** Removes a module's start section and exports the start function as START_EXPORT instead. */
function exportStart(sections: Section[], { types, functions, exports, start }: Outline): void {
  if (start === undefined) return;
  if (types[functions[start] ?? -1] !== signature(0, 0)) throw invalid('the start function has parameters or results');
  if (exports.has(START_EXPORT)) throw invalid(`it exports "${START_EXPORT}", a name that is reserved for the host`);
  const list = must(
    sections.find(({ id }) => id === 7),
    'export section',
  );
  const reader = new Reader(list.body);
  const count = writeUnsigned([], reader.count() + 1);
  const name = new TextEncoder().encode(START_EXPORT);
  const added = writeUnsigned([name.length, ...name, FUNCTION_KIND], start);
  list.body = join([Uint8Array.from(count), reader.rest(), Uint8Array.from(added)]);
  sections.splice(
    sections.findIndex(({ id }) => id === 8),
    1,
  );
}

function typeOf({ parameters, result }: ModuleFunction): string {
  return signature(parameters.length, result === '' ? 0 : 1);
}

function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  return quoted.length === 1 ? quoted.join() : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

function signature(parameters: number, results: number): string {
  return `(${Array(parameters).fill('i32').join(', ')}) -> ${results === 0 ? 'nothing' : Array(results).fill('i32').join(', ')}`;
}

function framed({ id, body }: Section): Uint8Array[] {
  return [Uint8Array.from(writeUnsigned([id], body.length)), body];
}

function join(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const invalid = (detail: string) => new NearlightError('NL_MODULE_INVALID', detail);
const limit = (detail: string) => new NearlightError('NL_MODULE_LIMIT', detail);
const missing = (detail: string) => new NearlightError('NL_MODULE_EXPORT', detail);
