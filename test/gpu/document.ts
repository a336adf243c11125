/** Encodes command streams from renderer/contract/ABI.md alone, so that tests find where the code differs from the document. */
import { readFileSync } from 'node:fs';
import { must } from '../../host/base/assert.ts';

export interface Field {
  name: string;
  type: string;
  of: string;
}

export type Value = number | bigint | boolean | string | readonly number[] | Uint8Array | readonly Values[];
export type Values = { readonly [field: string]: Value };

const text = readFileSync(new URL('../../renderer/contract/ABI.md', import.meta.url), 'utf8');
const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

function rows(table: string): string[][] {
  const body = new RegExp(`<!-- table: ${table} -->\\n([\\s\\S]*?)<!-- end -->`).exec(text)?.[1];
  if (!body) throw new Error(`ABI.md has no table ${table}`);
  const lines = body.trim().split('\n').slice(2);
  return lines.map((line) => line.slice(2, -2).split(' | '));
}

/** Returns the texts between backticks in a cell of a Markdown table. */
export const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);

const fieldsOf = (cell: string): Field[] =>
  quoted(cell).map((field) => {
    const [, name = '', type = '', of = ''] = must(/^(\w+): (\S+)(?: (\w+))?$/.exec(field), `field in "${field}"`);
    return { name, type, of };
  });

/** Reads a table of ABI.md as a map from the names in its column `key`. */
function table<T>(name: string, value: (cells: readonly string[]) => T, key = 0): Lookup<T> {
  const entries = rows(name).map((cells): [string, T] => {
    const [text = ''] = quoted(cells[key] ?? '');
    return [text, value(cells)];
  });
  return new Lookup(name, entries);
}

/** A table of ABI.md as a map from names. Looking up a name that the table lacks is an error. */
class Lookup<T> extends Map<string, T> {
  readonly #table: string;

  constructor(table: string, entries: readonly [string, T][]) {
    super(entries);
    this.#table = table;
  }

  /** Returns the value of a name. @throws Error if the table does not have the name */
  find(name: string): T {
    return must(this.get(name), `${name} among the ${this.#table} of ABI.md`);
  }
}

export const commands = table(
  'commands',
  ([opcode, , fields = '']) => ({ opcode: Number(opcode), fields: fieldsOf(fields) }),
  1,
);
export const records = table('records', ([, words, fields = '']) => ({
  words: Number(words),
  fields: fieldsOf(fields),
}));
export const enums = table('enums', ([, values = '']) => quoted(values));
export const flags = table(
  'flags',
  ([, cell = '']) => new Map([...cell.matchAll(/`(\w+)` (\d+)/g)].map(([, name = '', bit]) => [name, Number(bit)])),
);
export const constants = table('constants', ([, value]) => Number(value));

/** Combines flags of a set into one number. @param names names of the flags, joined by spaces */
export function bits(set: string, names: string): number {
  return names.split(' ').reduce((all, name) => all | must(flags.find(set).get(name), `flag ${name}`), 0);
}

/** Encodes a field of a command's fixed part as words. A field that is not given is 0, or the first value of an enum. */
function fixed(field: Field, value: Value | undefined): number[] {
  switch (field.type) {
    case 'f32':
      float[0] = Number(value ?? 0);
      return [...floatBits];
    case 'f64': {
      return [...new Uint32Array(Float64Array.of(Number(value ?? 0)).buffer)];
    }
    case 'u32?':
      return [value === undefined ? 0 : Number(value) + 1];
    case 'u64': {
      const wide = BigInt(Number(value ?? 0));
      return [Number(wide & 0xffffffffn), Number(wide >> 32n)];
    }
    case 'enum':
    case 'enum?': {
      if (value === undefined) return [field.type === 'enum' ? 1 : 0];
      const index = enums.find(field.of).indexOf(String(value));
      if (index < 0) throw new Error(`${field.name}: ${field.of} has no ${value}`);
      return [index + 1];
    }
    case 'string':
      return [Buffer.byteLength(String(value ?? ''))];
    case 'list':
    case 'words':
      return [((value ?? []) as readonly unknown[]).length];
    default:
      return [Number(value ?? 0) >>> 0];
  }
}

function stringWords(value: Value | undefined): number[] {
  const bytes = Buffer.from(String(value ?? ''));
  const padded = Buffer.alloc(Math.ceil(bytes.length / 4) * 4);
  bytes.copy(padded);
  return Array.from({ length: padded.length / 4 }, (_, word) => padded.readUInt32LE(word * 4));
}

function recordWords(name: string, values: Values): number[] {
  const { fields, words } = records.find(name);
  checkNames(name, fields, values);
  const all = fields.flatMap((field) => fixed(field, values[field.name]));
  if (all.length !== words) throw new Error(`${name} has ${all.length} words, ABI.md says ${words}`);
  return all;
}

/** @throws Error if a value has a name that is not one of the command's or record's fields */
function checkNames(name: string, fields: Field[], values: Values): void {
  for (const key of Object.keys(values))
    if (!fields.some((field) => field.name === key)) throw new Error(`${name} has no field ${key}`);
}

/** A command stream as the host gets it: references to linear memory have become offsets in `data`. */
export class Stream {
  readonly words: number[] = [];
  /** Index in `words` at which each command begins. */
  readonly starts: number[] = [];
  #data: number[] = [];

  /** Adds a command. */
  command(name: string, values: Values = {}): this {
    const entry = commands.find(name);
    checkNames(name, entry.fields, values);
    const head: number[] = [];
    const strings: number[] = [];
    const lists: number[] = [];
    for (const field of entry.fields) {
      const value = values[field.name];
      if (field.type === 'bytes') head.push(...this.#reference((value ?? new Uint8Array()) as Uint8Array));
      else head.push(...fixed(field, value));
      if (field.type === 'string') strings.push(...stringWords(value));
      if (field.type === 'words') lists.push(...((value ?? []) as readonly number[]));
      if (field.type === 'list')
        for (const record of (value ?? []) as Values[]) lists.push(...recordWords(field.of, record));
    }
    const length = 1 + head.length + strings.length + lists.length;
    this.starts.push(this.words.length);
    this.words.push(((length << 16) | entry.opcode) >>> 0, ...head, ...strings, ...lists);
    return this;
  }

  /** Adds 32-bit words to the stream, which need not be a valid command. */
  raw(...words: number[]): this {
    this.starts.push(this.words.length);
    this.words.push(...words);
    return this;
  }

  get submission(): { commands: Uint32Array; data: Uint8Array } {
    return { commands: Uint32Array.from(this.words), data: Uint8Array.from(this.#data) };
  }

  #reference(bytes: Uint8Array): number[] {
    while (this.#data.length % 4 !== 0) this.#data.push(0);
    const start = this.#data.length;
    for (const byte of bytes) this.#data.push(byte);
    return [start, bytes.length];
  }
}
