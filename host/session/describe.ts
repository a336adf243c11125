import { ID_INDEX_BITS } from '../../renderer/contract/abi.ts';
import { COMMANDS, ENUMS, FLAGS, RECORDS } from '../../renderer/contract/contract.ts';
import { type Field, fieldsOf, opcodeOf, recordFields, wordsOf } from '../../renderer/contract/field.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';

/** A GPU object that a command refers to. */
export interface ObjectName {
  /** Kind of the GPU object, such as "buffer". */
  readonly object: string;
  readonly index: number;
  /** 0 for the first GPU object with this index, 1 for the one that replaced it, and so on. */
  readonly generation: number;
  /** The label that the GPU object was created with; '' if it has none. */
  readonly label: string;
}

/** A range of the bulk data that a module submits beside its commands. */
export interface DataRange {
  readonly dataOffset: number;
  readonly dataBytes: number;
}

/**
 * The value of a command's field. `null` stands for an optional field that is missing. The value of an enum is a name, and
 * that of flags is their names, joined by " | ".
 */
export type Value = number | bigint | boolean | string | null | ObjectName | DataRange | Value[] | Fields;
export interface Fields {
  readonly [name: string]: Value;
}

/** One command of a module's command stream, decoded for people to read. */
export interface Described {
  /** Number of the command in its submission, counted from 0. */
  readonly index: number;
  readonly name: string;
  /** Length of the command in the command stream, in bytes. */
  readonly bytes: number;
  /** Length of the bulk data that the command refers to, in bytes. */
  readonly dataBytes: number;
  readonly fields: Fields;
}

/** Fields of each kind of record in commands, by the record's name. */
const RECORD_FIELDS = new Map(Object.keys(RECORDS).map((name) => [name, recordFields(name)]));
/** Name and fields of each command, by the opcode as it appears in a stream. */
const COMMANDS_BY_OPCODE = new Map(
  COMMANDS.map((command) => [opcodeOf(command), { name: command.name, fields: fieldsOf(command) }] as const),
);

/** Index of the texture that a player sees, which the host creates. */
const SURFACE_INDEX = 1;

/** Decodes command streams for people to read, and remembers the labels of the objects that they create. */
export class Describer {
  readonly #labels = new Map<string, string>([
    [`texture ${SURFACE_INDEX}`, 'surface'],
    [`textureView ${SURFACE_INDEX}`, 'surface'],
  ]);
  #words = new Uint32Array();
  #view = new DataView(new ArrayBuffer(0));
  #index = 0;

  /**
   * Decodes the commands of a submission. Checks their form, but not their values.
   * @throws NearlightError NL_COMMAND if a command does not have the form that renderer/contract/ABI.md gives it
   */
  describe({ commands: words }: Submission): Described[] {
    this.#words = words as Uint32Array<ArrayBuffer>;
    this.#view = new DataView(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
    const described: Described[] = [];
    this.#index = 0;
    for (let at = 0; at < words.length; this.#index++) {
      const length = this.#word(at) >>> 16;
      if (length === 0 || at + length > words.length)
        throw this.#fault(`its length of ${length} words is zero or extends beyond the stream`);
      described.push(this.#command(at, length));
      at += length;
    }
    return described;
  }

  #command(at: number, length: number): Described {
    const opcode = this.#word(at) & 0xffff;
    const command = COMMANDS_BY_OPCODE.get(opcode);
    if (!command) throw this.#fault(`there is no command with opcode ${opcode}`);
    const { name, fields } = command;
    const end = at + length;
    const tail = at + 1 + wordsOf(fields);
    if (tail > end) throw this.#fault(`${name} is too short with ${length} words`);
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

  /**
   * Reads the strings and lists that follow the fixed fields of a command. In `values`, their contents replace their lengths,
   * which the fixed fields contain.
   */
  #readTail(fields: readonly Field[], values: Record<string, Value>, tail: number, end: number): void {
    let at = tail;
    for (const { name } of fields.filter(({ type }) => type === 'string')) {
      const bytes = values[name] as number;
      const words = Math.ceil(bytes / 4);
      if (at + words > end) throw this.#fault(`${name} of ${bytes} bytes extends beyond the command`);
      values[name] = new TextDecoder().decode(
        new Uint8Array(this.#words.buffer, this.#words.byteOffset + at * 4, bytes),
      );
      at += words;
    }
    for (const { name, type, of } of fields.filter(({ type }) => type === 'list' || type === 'words')) {
      const count = values[name] as number;
      const record = type === 'words' ? [{ name: '', type: 'u32', of: '' }] : (RECORD_FIELDS.get(of) ?? []);
      const words = wordsOf(record);
      if (at + count * words > end) throw this.#fault(`${name} of ${count} records extends beyond the command`);
      values[name] = Array.from({ length: count }, (_, n) => this.#record(record, at + n * words));
      at += count * words;
    }
    if (at !== end) throw this.#fault(`${end - at} words follow its last field`);
  }

  #record(fields: readonly Field[], start: number): Value {
    if (fields[0]?.name === '') return this.#word(start);
    const values: Record<string, Value> = {};
    let at = start;
    for (const field of fields) {
      values[field.name] = this.#value(field, at, values);
      at += wordsOf([field]);
    }
    return values;
  }

  #value({ type, of }: Field, at: number, before: Fields): Value {
    const word = this.#word(at);
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
        return word === 0 ? null : ((ENUMS as Record<string, readonly string[]>)[of]?.[word - 1] ?? word);
      case 'flags':
        return flagNames(of, word);
      case 'id':
      case 'id?':
      case 'new':
        return word === 0 ? null : this.#object(of, word);
      case 'object':
        return this.#object(String(before.kind), word);
      case 'bytes':
        return { dataOffset: word, dataBytes: this.#word(at + 1) };
      default:
        return word;
    }
  }

  #object(kind: string, id: number): ObjectName {
    const index = id & ((1 << ID_INDEX_BITS) - 1);
    return {
      object: kind,
      index,
      generation: id >>> ID_INDEX_BITS,
      label: this.#labels.get(`${kind} ${id}`) ?? '',
    };
  }

  /** Remembers the label of the GPU object that a command creates. */
  #name(fields: readonly Field[], values: Record<string, Value>): void {
    const made = fields.find(({ type }) => type === 'new');
    const object = made && (values[made.name] as ObjectName | null);
    if (!object) return;
    const label = typeof values.label === 'string' ? values.label : '';
    const id = (object.generation * 2 ** ID_INDEX_BITS + object.index) >>> 0;
    this.#labels.set(`${object.object} ${id}`, label);
    values[made.name] = { ...object, label };
  }

  #word(at: number): number {
    return must(this.#words[at], 'word of the stream');
  }

  #fault(detail: string): NearlightError {
    return new NearlightError('NL_COMMAND', `command ${this.#index}: ${detail}`);
  }
}

function flagNames(of: string, bits: number): string {
  const known = Object.entries((FLAGS as Record<string, Record<string, number>>)[of] ?? {});
  const whole = known.find(([, bit]) => bit === bits);
  if (whole) return whole[0];
  const names = known.filter(([, bit]) => (bits & bit) === bit && (bit & (bit - 1)) === 0);
  const rest = names.reduce((left, [, bit]) => left & ~bit, bits);
  return [...names.map(([name]) => name), ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join(' | ') || '0';
}
