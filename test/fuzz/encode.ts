/** Encodes commands from the tables of renderer/contract, so that a command that is added there is encoded, too. */
import { must } from '../../host/base/assert.ts';
import { COMMANDS, ENUMS, FLAGS, type Kind, RECORDS } from '../../renderer/contract/contract.ts';
import { type Field, fieldsOf, opcodeOf, recordFields } from '../../renderer/contract/field.ts';

export type Value = number | string | readonly Value[] | Values;
/** Values of the fields of a command, by name. A field that is not given is 0, or the first value of an enum. */
export interface Values {
  readonly [field: string]: Value;
}

/**
 * A command as its fields, or as 32-bit words that need not form a command. Enums are given as names, or as numbers that may
 * be invalid.
 */
export type Item = { readonly command: string; readonly values: Values } | { readonly words: readonly number[] };

/** The commands that one call of a module submits. */
export interface Call {
  /** Whether the call is a render, which has a picture to draw into. */
  readonly render: boolean;
  readonly items: readonly Item[];
}

/** The opcode and the fields of every command, by name. */
export const table = new Map(
  COMMANDS.map((command) => [command.name, { opcode: opcodeOf(command), fields: fieldsOf(command) }]),
);
/** The fields of each kind of record that a list in a command may contain, parsed only once. */
const records = new Map(Object.keys(RECORDS).map((name) => [name, recordFields(name)]));
export const kinds = ENUMS.ObjectKind as readonly Kind[];

const values: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map(
  Object.entries(ENUMS).map(([name, list]) => [name, new Map(list.map((value, index) => [value, index + 1]))]),
);

/** Returns the bits of flags in a set of FLAGS. @param names of the flags, joined by spaces */
export function bits(set: keyof typeof FLAGS, names: string): number {
  return names
    .split(' ')
    .reduce((all, name) => all | must((FLAGS[set] as Record<string, number>)[name], `flag ${name}`), 0);
}

const WORDS_MAX = 2 ** 20;
const words = new Uint32Array(WORDS_MAX);
const floats = new Float32Array(words.buffer);
const half = new Uint32Array(2);
const double = new Float64Array(half.buffer);
let at = 0;

/** Cache of the UTF-8 bytes of texts, because the same few texts are encoded again and again. */
const texts = new Map<string, Uint8Array>();
const TEXTS_MAX = 256;

function bytesOf(text: string): Uint8Array {
  let bytes = texts.get(text);
  if (bytes === undefined) {
    bytes = new TextEncoder().encode(text);
    if (texts.size < TEXTS_MAX) texts.set(text, bytes);
  }
  return bytes;
}

/** Encodes commands as the 32-bit words of a command stream. */
export function encode(items: readonly Item[]): Uint32Array {
  at = 0;
  for (const item of items) {
    if ('words' in item) for (const word of item.words) words[at++] = word;
    else command(item.command, item.values);
    if (at > WORDS_MAX / 2) break;
  }
  return words.slice(0, at);
}

function command(name: string, given: Values): void {
  const { opcode, fields } = must(table.get(name), `command ${name}`);
  const start = at++;
  for (const field of fields) fixed(field, given[field.name]);
  for (const { name: key, type } of fields) if (type === 'string') string(String(given[key] ?? ''));
  for (const { name: key, type, of } of fields) {
    if (type === 'words') for (const word of list(given[key])) words[at++] = Number(word);
    if (type === 'list')
      for (const record of list(given[key]))
        for (const field of must(records.get(of), `record ${of}`)) fixed(field, (record as Values)[field.name]);
  }
  words[start] = ((at - start) << 16) | opcode;
}

function fixed({ type, of }: Field, value: Value | undefined): void {
  switch (type) {
    case 'f32':
      floats[at++] = Number(value ?? 0);
      break;
    case 'f64':
      double[0] = Number(value ?? 0);
      words.set(half, at);
      at += half.length;
      break;
    case 'u64':
      words[at++] = Number(value ?? 0);
      words[at++] = Math.floor(Number(value ?? 0) / 2 ** 32);
      break;
    case 'u32?':
      words[at++] = value === undefined ? 0 : Number(value) + 1;
      break;
    case 'enum':
    case 'enum?':
    case 'flags':
      words[at++] =
        typeof value === 'string' ? (values.get(of)?.get(value) ?? 0) : Number(value ?? (type === 'enum' ? 1 : 0));
      break;
    case 'string':
      words[at++] = bytesOf(String(value ?? '')).length;
      break;
    case 'list':
    case 'words':
      words[at++] = list(value).length;
      break;
    case 'bytes':
      words[at++] = Number(list(value)[0] ?? 0);
      words[at++] = Number(list(value)[1] ?? 0);
      break;
    default:
      words[at++] = typeof value === 'string' ? 0 : Number(value ?? 0);
  }
}

const list = (value: Value | undefined): readonly Value[] => (Array.isArray(value) ? value : []);

function string(text: string): void {
  const bytes = bytesOf(text);
  const count = Math.ceil(bytes.length / 4);
  words.fill(0, at, at + count);
  new Uint8Array(words.buffer, at * 4, bytes.length).set(bytes);
  at += count;
}
