import { enums, flags, idIndexBits } from '../../renderer/contract/contract.ts';
import { type Field, fieldsOfStruct, isList, LAYOUTS, wordsOf } from '../../renderer/contract/fields.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';

/** An object of the GPU, as a command names it. */
export interface ObjectName {
  readonly object: string;
  readonly index: number;
  /** 0 of the first object at this index. */
  readonly generation: number;
  /** What it was made with; '' without. */
  readonly label: string;
}

/** Bytes of the submission's data. */
export interface DataRange {
  readonly dataOffset: number;
  readonly dataBytes: number;
}

/** `null` is an optional field that is not given; an enum's value is its name, that of flags all their names. */
export type Value = number | bigint | boolean | string | null | ObjectName | DataRange | Value[] | Fields;
export interface Fields {
  readonly [name: string]: Value;
}

/** One command of a stream in words. */
export interface Described {
  /** Its place in the submission, from 0. */
  readonly index: number;
  readonly name: string;
  /** Of the command itself. */
  readonly bytes: number;
  /** What it takes from the submission's data. */
  readonly dataBytes: number;
  readonly fields: Fields;
}

const BY_OPCODE = new Map(LAYOUTS.map((layout) => [layout.opcode, layout]));

const SURFACE_INDEX = 1;

/** Puts command streams into words (renderer/contract/contract.ts), and remembers by which labels their objects are known. */
export class Describer {
  readonly #labels = new Map<string, string>([
    [`texture ${SURFACE_INDEX}`, 'surface'],
    [`textureView ${SURFACE_INDEX}`, 'surface'],
  ]);
  #words = new Uint32Array();
  #view = new DataView(new ArrayBuffer(0));
  #index = 0;

  /**
   * The commands of a submission, in order.
   * @throws NearlightError NL_COMMAND where it is not made as ABI.md has it; its values are not checked
   */
  describe({ commands: words }: Submission): Described[] {
    this.#words = words as Uint32Array<ArrayBuffer>;
    this.#view = new DataView(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
    const described: Described[] = [];
    this.#index = 0;
    for (let at = 0; at < words.length; this.#index++) {
      const length = words[at]! >>> 16;
      if (length === 0 || at + length > words.length) throw this.#fault(`a length of ${length} words`);
      described.push(this.#command(at, length));
      at += length;
    }
    return described;
  }

  #command(at: number, length: number): Described {
    const opcode = this.#words[at]! & 0xffff;
    const command = BY_OPCODE.get(opcode);
    if (!command) throw this.#fault(`there is no opcode ${opcode}`);
    const { name, fields } = command;
    const end = at + length;
    const tail = at + 1 + wordsOf(fields);
    if (tail > end) throw this.#fault(`${name} of ${length} words`);
    const values: Record<string, Value> = {};
    let word = at + 1;
    for (const field of fields) {
      values[field.name] = this.#value(field, word, values);
      word += wordsOf([field]);
    }
    this.#readTail(fields, values, tail, end);
    this.#name(fields, values);
    const data = fields.find(({ type }) => type === 'bytes');
    const dataBytes = data ? (values[data.name] as DataRange).dataBytes : 0;
    return { index: this.#index, name, bytes: length * 4, dataBytes, fields: values };
  }

  /** Replaces the sizes of strings and lists, which the fixed fields hold, by what the tail holds. */
  #readTail(fields: readonly Field[], values: Record<string, Value>, tail: number, end: number): void {
    let at = tail;
    for (const { name } of fields.filter(({ type }) => type === 'string')) {
      const bytes = values[name] as number;
      const words = Math.ceil(bytes / 4);
      if (at + words > end) throw this.#fault(`${name} of ${bytes} bytes`);
      values[name] = new TextDecoder().decode(
        new Uint8Array(this.#words.buffer, this.#words.byteOffset + at * 4, bytes),
      );
      at += words;
    }
    for (const { name, type, of } of fields.filter(isList)) {
      const count = values[name] as number;
      const record = type === 'words' ? [{ name: '', type: 'u32', of: '' }] : fieldsOfStruct(of);
      const words = wordsOf(record);
      if (at + count * words > end) throw this.#fault(`${name} of ${count} records`);
      values[name] = Array.from({ length: count }, (_, n) => this.#record(record, at + n * words));
      at += count * words;
    }
    if (at !== end) throw this.#fault(`${end - at} words too many`);
  }

  #record(fields: readonly Field[], start: number): Value {
    if (fields[0]?.name === '') return this.#words[start]!;
    const values: Record<string, Value> = {};
    let at = start;
    for (const field of fields) {
      values[field.name] = this.#value(field, at, values);
      at += wordsOf([field]);
    }
    return values;
  }

  #value({ type, of }: Field, at: number, before: Fields): Value {
    const word = this.#words[at]!;
    switch (type) {
      case 'i32':
        return word | 0;
      case 'f32':
        return Number(this.#view.getFloat32(at * 4, true).toPrecision(7));
      case 'f64':
        return this.#view.getFloat64(at * 4, true);
      case 'u64':
        return this.#view.getBigUint64(at * 4, true);
      case 'u32?':
        return word === 0 ? null : word - 1;
      case 'bool':
        return word !== 0;
      case 'enum':
      case 'enum?':
        return word === 0 ? null : ((enums as Record<string, readonly string[]>)[of]?.[word - 1] ?? word);
      case 'flags':
        return flagNames(of, word);
      case 'id':
      case 'id?':
      case 'new':
        return word === 0 ? null : this.#object(of, word);
      case 'object':
        return this.#object(String(before.kind), word);
      case 'bytes':
        return { dataOffset: word, dataBytes: this.#words[at + 1]! };
      default:
        return word;
    }
  }

  #object(kind: string, id: number): ObjectName {
    const index = id & ((1 << idIndexBits) - 1);
    return {
      object: kind,
      index,
      generation: id >>> idIndexBits,
      label: this.#labels.get(`${kind} ${id}`) ?? '',
    };
  }

  /** Remembers the label of what a command makes. */
  #name(fields: readonly Field[], values: Record<string, Value>): void {
    const made = fields.find(({ type }) => type === 'new');
    const object = made && (values[made.name] as ObjectName | null);
    if (!object) return;
    const label = typeof values.label === 'string' ? values.label : '';
    const id = (object.generation * 2 ** idIndexBits + object.index) >>> 0;
    this.#labels.set(`${object.object} ${id}`, label);
    values[made.name] = { ...object, label };
  }

  #fault(detail: string): NearlightError {
    return new NearlightError('NL_COMMAND', `command ${this.#index}: ${detail}`);
  }
}

function flagNames(of: string, bits: number): string {
  const known = Object.entries((flags as Record<string, Record<string, number>>)[of] ?? {});
  const whole = known.find(([, bit]) => bit === bits);
  if (whole) return whole[0];
  const names = known.filter(([, bit]) => (bits & bit) === bit && (bit & (bit - 1)) === 0);
  const rest = names.reduce((left, [, bit]) => left & ~bit, bits);
  return [...names.map(([name]) => name), ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join(' | ') || '0';
}
