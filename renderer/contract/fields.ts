/** Reads the field grammar of contract.ts ("name: type of"), for everything that encodes, decodes or describes commands. */
import { type Command, commands, referenceBit, structs } from './contract.ts';

/** One field of a command or of a struct. */
export interface Field {
  readonly name: string;
  /** A type of contract.ts, such as `u32` or `id?`. */
  readonly type: string;
  /** The enum, flag set, kind of object or struct that the type refers to; '' for types that refer to none. */
  readonly of: string;
}

/** A command with its fields parsed. */
export interface CommandLayout {
  readonly name: string;
  /** The opcode as a stream has it: with REFERENCE_BIT where the command refers to linear memory. */
  readonly opcode: number;
  readonly about: string;
  readonly fields: readonly Field[];
}

const FIELD = /^(\w+): (\S+)(?: (\w+))?$/;
const TWO_WORDS = ['u64', 'f64', 'bytes'];

/** @throws Error for text that is not a field */
export function parseField(text: string): Field {
  const [, name, type, of = ''] = FIELD.exec(text) ?? [];
  if (name === undefined || type === undefined) throw new Error(`"${text}" is not a field: it needs "name: type"`);
  return { name, type, of };
}

/** Words that fields take up in the fixed part of a command, or in a record. */
export function wordsOf(fields: readonly Field[]): number {
  return fields.reduce((words, { type }) => words + (TWO_WORDS.includes(type) ? 2 : 1), 0);
}

/** Whether the field holds a count and its values follow after the fixed part of the command. */
export function isList({ type }: Field): boolean {
  return type === 'list' || type === 'words';
}

function layout({ name, opcode, about, fields: texts }: Command): CommandLayout {
  const fields = texts.map(parseField);
  const refers = fields.some(({ type }) => type === 'bytes');
  return { name, opcode: refers ? opcode | referenceBit : opcode, about, fields };
}

/** Every command, in the order of contract.ts. */
export const LAYOUTS: readonly CommandLayout[] = commands.map(layout);

const records = new Map(Object.entries(structs).map(([name, fields]) => [name, fields.map(parseField)]));

/** The fields of a struct. @throws Error where contract.ts has no such struct */
export function fieldsOfStruct(name: string): readonly Field[] {
  const fields = records.get(name);
  if (!fields) throw new Error(`contract.ts has no struct ${name}`);
  return fields;
}

/** Words from one element of a list to the next. */
export function wordsPerElement({ type, of }: Field): number {
  return type === 'words' ? 1 : wordsOf(fieldsOfStruct(of));
}
