/** An encoder of command streams that knows renderer/contract/ABI.md and nothing else of the project. */
import { readFileSync } from 'node:fs';

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

const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

const fieldsOf = (cell: string): Field[] =>
  quoted(cell).map((field) => {
    const [, name, type, of = ''] = /^(\w+): (\S+)(?: (\w+))?$/.exec(field)!;
    return { name: name!, type: type!, of };
  });

const table = <T>(name: string, value: (cells: string[]) => T, key = 0): ReadonlyMap<string, T> =>
  new Map(rows(name).map((cells) => [quoted(cells[key]!)[0]!, value(cells)]));

export const commands = table('commands', ([opcode, , fields]) => ({ opcode: +opcode!, fields: fieldsOf(fields!) }), 1);
export const records = table('records', ([, words, fields]) => ({ words: +words!, fields: fieldsOf(fields!) }));
export const enums = table('enums', ([, values]) => quoted(values!));
export const flags = table(
  'flags',
  ([, bits]) => new Map([...bits!.matchAll(/`(\w+)` (\d+)/g)].map((bit) => [bit[1]!, +bit[2]!])),
);
export const constants = table('constants', ([, value]) => +value!);

/** The bits of `names`, which are joined by spaces. */
export function bits(set: string, names: string): number {
  return names.split(' ').reduce((all, name) => all | flags.get(set)!.get(name)!, 0);
}

/** The words of a field itself; what is not given is 0, or the first value of an enum. */
function fixed(field: Field, value: Value | undefined): number[] {
  switch (field.type) {
    case 'f32':
      float[0] = Number(value ?? 0);
      return [floatBits[0]!];
    case 'f64': {
      const [low, high] = new Uint32Array(Float64Array.of(Number(value ?? 0)).buffer);
      return [low!, high!];
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
      const index = enums.get(field.of)!.indexOf(String(value));
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
  const { fields, words } = records.get(name)!;
  unknown(name, fields, values);
  const all = fields.flatMap((field) => fixed(field, values[field.name]));
  if (all.length !== words) throw new Error(`${name} has ${all.length} words, ABI.md says ${words}`);
  return all;
}

function unknown(name: string, fields: Field[], values: Values): void {
  for (const key of Object.keys(values))
    if (!fields.some((field) => field.name === key)) throw new Error(`${name} has no field ${key}`);
}

/** A submission as a host sees it: references already point into `data`. */
export class Stream {
  readonly words: number[] = [];
  /** Where each command begins. */
  readonly starts: number[] = [];
  #data: number[] = [];

  command(name: string, values: Values = {}): this {
    const entry = commands.get(name);
    if (!entry) throw new Error(`ABI.md has no command ${name}`);
    unknown(name, entry.fields, values);
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
