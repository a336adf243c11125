import { NearlightError } from '../base/errors.ts';
import type { EngineLimits } from './engine.ts';
import { Reader, writeUnsigned } from './leb128.ts';

/** What an instance needs to know of a module. */
export interface CheckedModule {
  /**
   * The module without custom sections, its memory and tables bounded by the limits, and its start function exported
   * as START_EXPORT instead: every engine calls that itself, when imports can reach the memory and time is limited.
   */
  bytes: Uint8Array<ArrayBuffer>;
  /** It exports save and load. */
  saves: boolean;
  /** By how many bytes its code lies further from the start than in the file. */
  codeShift: number;
}

export const START_EXPORT = 'nearlight:start';

type Limits = Pick<EngineLimits, 'moduleBytesMax' | 'memoryBytesMax' | 'tableElementsMax'>;

const i32 = 0x7f;
const wasmPageBytes = 65536;
const tablesMax = 16;
const [functionKind, memoryKind] = [0, 2];
const kindNames = ['function', 'table', 'memory', 'global'];

/** WebAssembly core 2, section 5.5.2: section ids in the order that they must have. */
const sectionOrder = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

/** Parameters and results, all i32, by name; ABI.md, "Imports". */
const imports: Record<string, readonly [number, number]> = {
  submit: [2, 0],
  log: [3, 0],
  asset_find: [2, 1],
  asset_size: [1, 1],
  asset_read: [4, 1],
  gpu_feature: [1, 1],
  gpu_limit: [1, 1],
  state_write: [2, 0],
  state_read: [3, 1],
  exit: [1, 0],
};

/** ABI.md, "Exports"; the optional ones may be missing. */
const exportTypes: Record<string, readonly [number, number]> = {
  version: [0, 1],
  init: [4, 1],
  join: [1, 0],
  leave: [1, 0],
  tick: [1, 0],
  render: [3, 0],
  _initialize: [0, 0],
  save: [0, 0],
  load: [1, 0],
};

const optional = ['_initialize', 'save', 'load'];

interface Outline {
  types: string[];
  /** Type index of every function, imported ones first. */
  functions: number[];
  memories: number;
  exports: Map<string, { kind: number; index: number }>;
  start: number | undefined;
  /** Functions that the module has itself, and bodies in its code section. */
  own: number;
  bodies: number;
}

interface Section {
  id: number;
  body: Uint8Array;
}

/**
 * Checks a module against the contract and the limits before any engine sees it, and takes out what it must not carry.
 * Bodies of functions are left to the engine's own validation.
 * @throws NearlightError NL_MODULE_INVALID, NL_MODULE_IMPORT, NL_MODULE_EXPORT, NL_MODULE_LIMIT
 */
export function checkModule(module: Uint8Array, limits: Limits): CheckedModule {
  if (module.length > limits.moduleBytesMax)
    throw limit(`it has ${module.length} bytes; MODULE_BYTES_MAX is ${limits.moduleBytesMax}`);
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (module.length < 8 || magic.some((byte, index) => module[index] !== byte))
    throw invalid('it does not begin with the four bytes "\\0asm"');
  if ([1, 0, 0, 0].some((byte, index) => module[4 + index] !== byte))
    throw invalid('it is no core module of version 1 (a component, or a newer format)');
  const outline: Outline = {
    types: [],
    functions: [],
    memories: 0,
    exports: new Map(),
    start: undefined,
    own: 0,
    bodies: 0,
  };
  const sections: Section[] = [];
  const reader = new Reader(module, 8);
  let place = -1;
  while (!reader.ended) {
    const id = reader.byte();
    const body = reader.bytes(reader.unsigned());
    if (id === 0) continue;
    const next = sectionOrder.indexOf(id);
    if (next < 0) throw invalid(`section ${id} is unknown`);
    if (next <= place) throw invalid(`section ${id} is out of order or comes twice`);
    place = next;
    sections.push({ id, body: readSection(id, body, outline, limits) });
  }
  if (outline.own !== outline.bodies) throw invalid('it declares functions without bodies, or the reverse');
  checkExports(outline);
  exportStart(sections, outline);
  const bytes = join([module.subarray(0, 8), ...sections.flatMap(framed)]);
  return { bytes, saves: outline.exports.has('save'), codeShift: codeShift(module, sections) };
}

function codeShift(module: Uint8Array, sections: Section[]): number {
  const place = sections.findIndex(({ id }) => id === 10);
  if (place < 0) return 0;
  const before = sections.slice(0, place + 1).flatMap(framed);
  const { body } = sections[place]!;
  return 8 + before.reduce((sum, part) => sum + part.length, -body.length) - (body.byteOffset - module.byteOffset);
}

/** Takes in one section and returns what takes its place. */
function readSection(id: number, body: Uint8Array, outline: Outline, limits: Limits): Uint8Array {
  const reader = new Reader(body);
  if (id === 1) readTypes(reader, outline);
  else if (id === 2) readImports(reader, outline);
  else if (id === 3) readFunctions(reader, outline);
  else if (id === 7) readExports(reader, outline);
  else if (id === 8) outline.start = reader.unsigned();
  else if (id === 10) {
    outline.bodies = reader.count();
    return body;
  } else if (id === 4) return boundTables(reader, limits);
  else if (id === 5) return boundMemories(reader, outline, limits);
  else return body;
  if (!reader.ended) throw invalid(`section ${id} is longer than its contents`);
  return body;
}

function readTypes(reader: Reader, outline: Outline): void {
  for (let n = reader.count(); n > 0; n--) {
    if (reader.byte() !== 0x60) throw invalid('a type is no function type');
    const parameters = reader.bytes(reader.count());
    const results = reader.bytes(reader.count());
    const short = parameters.length <= 4 && results.length <= 1;
    const plain = short && [...parameters, ...results].every((type) => type === i32);
    outline.types.push(plain ? signature(parameters.length, results.length) : 'a function of another type');
  }
}

function readFunctions(reader: Reader, outline: Outline): void {
  outline.own = reader.count();
  for (let n = outline.own; n > 0; n--) outline.functions.push(reader.unsigned());
}

function readImports(reader: Reader, outline: Outline): void {
  for (let n = reader.count(); n > 0; n--) {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.byte();
    const offered = module === 'nearlight' && Object.hasOwn(imports, name) ? imports[name] : undefined;
    if (!offered || kind !== functionKind) {
      const names = Object.keys(imports).join(', ');
      throw new NearlightError(
        'NL_MODULE_IMPORT',
        `it imports ${kindNames[kind] ?? 'something'} "${module}.${name}"; the host offers the functions ${names} of "nearlight"`,
      );
    }
    const type = reader.unsigned();
    const wanted = signature(...offered);
    if (outline.types[type] !== wanted)
      throw new NearlightError('NL_MODULE_IMPORT', `it imports nearlight.${name} with another type than ${wanted}`);
    outline.functions.push(type);
  }
}

function readExports(reader: Reader, outline: Outline): void {
  for (let n = reader.count(); n > 0; n--) {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.unsigned();
    if (outline.exports.has(name)) throw invalid(`export "${name}" comes twice`);
    outline.exports.set(name, { kind, index });
  }
}

/** Core 2, 5.3.7: limits are a flag byte, the minimum, and with flag 1 the maximum. 64-bit and shared ones have others. */
function readLimits(reader: Reader, what: string): { min: number; max: number } {
  const flag = reader.byte();
  if (flag > 1) throw invalid(`${what} is shared, has 64-bit addresses, or limits that are malformed`);
  const min = reader.unsigned();
  const max = flag === 1 ? reader.unsigned() : 2 ** 32 - 1;
  if (max < min) throw invalid(`${what} has a maximum below its minimum`);
  return { min, max };
}

/** Growth is bounded by writing the limit into the module as its maximum: every engine then behaves alike. */
function boundTables(reader: Reader, { tableElementsMax }: Limits): Uint8Array {
  const count = reader.count();
  if (count > tablesMax) throw limit(`it has ${count} tables; ${tablesMax} are allowed`);
  const bytes = writeUnsigned([], count);
  let sum = 0;
  for (let n = count; n > 0; n--) {
    const type = reader.byte();
    if (type !== 0x70 && type !== 0x6f) throw invalid('a table holds neither funcref nor externref');
    const { min, max } = readLimits(reader, 'a table');
    sum += min;
    bytes.push(type, 1);
    writeUnsigned(writeUnsigned(bytes, min), Math.max(min, Math.min(max, tableElementsMax)));
  }
  if (sum > tableElementsMax)
    throw limit(`its tables begin with ${sum} elements; TABLE_ELEMENTS_MAX is ${tableElementsMax}`);
  if (!reader.ended) throw invalid('section 4 is longer than its contents');
  return Uint8Array.from(bytes);
}

function boundMemories(reader: Reader, outline: Outline, { memoryBytesMax }: Limits): Uint8Array {
  outline.memories = reader.count();
  if (outline.memories > 1) throw invalid('it has more than one memory');
  const bytes = writeUnsigned([], outline.memories);
  if (outline.memories === 1) {
    const { min, max } = readLimits(reader, 'its memory');
    const pagesMax = Math.floor(memoryBytesMax / wasmPageBytes);
    if (min > pagesMax)
      throw limit(`its memory begins with ${min * wasmPageBytes} bytes; MEMORY_BYTES_MAX is ${memoryBytesMax}`);
    bytes.push(1);
    writeUnsigned(writeUnsigned(bytes, min), Math.min(max, pagesMax));
  }
  if (!reader.ended) throw invalid('section 5 is longer than its contents');
  return Uint8Array.from(bytes);
}

function checkExports({ types, functions, memories, exports }: Outline): void {
  const memory = exports.get('memory');
  if (!memory) throw missing('it does not export "memory"');
  if (memory.kind !== memoryKind || memory.index >= memories)
    throw missing('its export "memory" is no memory of its own');
  for (const [name, type] of Object.entries(exportTypes)) {
    const found = exports.get(name);
    if (!found && optional.includes(name)) continue;
    if (!found) throw missing(`it does not export "${name}", a function ${signature(...type)}`);
    const actual = found.kind === functionKind ? types[functions[found.index]!] : kindNames[found.kind];
    if (actual !== signature(...type))
      throw missing(`its export "${name}" is no function ${signature(...type)} but ${actual ?? 'nothing'}`);
  }
  if (exports.has('save') !== exports.has('load')) throw missing('of the exports "save" and "load" it has only one');
}

function exportStart(sections: Section[], { types, functions, exports, start }: Outline): void {
  if (start === undefined) return;
  if (types[functions[start]!] !== signature(0, 0)) throw invalid('its start function takes or returns something');
  if (exports.has(START_EXPORT)) throw invalid(`it exports "${START_EXPORT}", which is the host's`);
  const list = sections.find(({ id }) => id === 7)!;
  const reader = new Reader(list.body);
  const count = writeUnsigned([], reader.count() + 1);
  const name = new TextEncoder().encode(START_EXPORT);
  const added = writeUnsigned([name.length, ...name, functionKind], start);
  list.body = join([Uint8Array.from(count), reader.rest(), Uint8Array.from(added)]);
  sections.splice(
    sections.findIndex(({ id }) => id === 8),
    1,
  );
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
