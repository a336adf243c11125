/**
 * Parses the fields of commands and records, which commands.ts and records.ts describe in strings such as "size: u64", and
 * counts the 32-bit words that they take.
 */
import type { Command } from './commands.ts';
import { CONSTANTS } from './constants.ts';
import { RECORDS } from './records.ts';

/** A field of a command or of a record, parsed. */
export interface Field {
  readonly name: string;
  readonly type: string;
  /** The enum, set of flags, kind or record that the type refers to; '' for none. */
  readonly of: string;
}

/** Types of fields that take two 32-bit words; all others take one. */
const WIDE = ['u64', 'f64', 'bytes'];

const FIELD = /^(\w+): (\S+)(?: (\w+))?$/;

/** Parses the text of a field, "name: type". @throws Error if the text has another form */
export function parseField(text: string): Field {
  const [, name, type, of = ''] = FIELD.exec(text) ?? [];
  if (name === undefined || type === undefined) throw new Error(`"${text}" is not a field: it needs "name: type"`);
  return { name, type, of };
}

/** Whether a field holds only a count of elements, which follow after the fixed words of the command. */
export function isList({ type }: Field): boolean {
  return type === 'list' || type === 'words';
}

/** Number of 32-bit words of one element, for a field of a command that is a list. */
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

/** Number of 32-bit words that fields take in a command, without the contents of its strings and lists. */
export function wordsOf(fields: readonly Field[]): number {
  return fields.reduce((words, { type }) => words + (WIDE.includes(type) ? 2 : 1), 0);
}

/** The opcode of a command as it stands in the stream: with REFERENCE_BIT if the command refers to linear memory. */
export function opcodeOf(command: Command): number {
  const refers = fieldsOf(command).some(({ type }) => type === 'bytes');
  return refers ? command.opcode | CONSTANTS.REFERENCE_BIT[0] : command.opcode;
}
