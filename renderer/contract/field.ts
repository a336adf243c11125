/** The grammar of fields (contract.ts), for everything that reads commands as data. */
import type { Command } from './commands.ts';
import { CONSTANTS } from './constants.ts';
import { RECORDS } from './records.ts';

export interface Field {
  readonly name: string;
  readonly type: string;
  /** The enum, set of flags, kind or record that the type refers to; '' for none. */
  readonly of: string;
}

/** Types of two words. */
const WIDE = ['u64', 'f64', 'bytes'];

const FIELD = /^(\w+): (\S+)(?: (\w+))?$/;

/** Parses "name: type". @throws Error for other text */
export function parseField(text: string): Field {
  const [, name, type, of = ''] = FIELD.exec(text) ?? [];
  if (name === undefined || type === undefined) throw new Error(`"${text}" is not a field: it needs "name: type"`);
  return { name, type, of };
}

/** Whether the field holds a count, and its values follow after the fixed words of the command. */
export function isList({ type }: Field): boolean {
  return type === 'list' || type === 'words';
}

/** How many words one value of a list takes. */
export function wordsPerElement({ type, of }: Field): number {
  return type === 'words' ? 1 : wordsOf(recordFields(of));
}

export function fieldsOf({ fields }: Command): Field[] {
  return fields.map(parseField);
}

export function recordFields(name: string): Field[] {
  const fields = RECORDS[name];
  if (!fields) throw new Error(`the contract has no record ${name}`);
  return fields.map(parseField);
}

/** How many words the fields take, without strings and lists that follow. */
export function wordsOf(fields: readonly Field[]): number {
  return fields.reduce((words, { type }) => words + (WIDE.includes(type) ? 2 : 1), 0);
}

/** The opcode as it stands in the stream: with REFERENCE_BIT if the command refers to linear memory. */
export function opcodeOf(command: Command): number {
  const refers = fieldsOf(command).some(({ type }) => type === 'bytes');
  return refers ? command.opcode | CONSTANTS.REFERENCE_BIT[0] : command.opcode;
}
