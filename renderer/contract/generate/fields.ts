/** Source that reads and declares the fields of commands and records. */
import { type Field, isList } from '../field.ts';

/** An expression for word `at`. V8 inlines only so much into one function, and calls of a function here would cost 15 %. */
export const u32 = (at: string): string => `(w[${at}] ?? 0)`;

/** An expression that reads a field at word `at`, and checks it. */
export function read({ name, type, of }: Field, at: string): string {
  const word = u32(at);
  switch (type) {
    case 'f32':
      return `finite('${name}', f[${at}] ?? 0)`;
    case 'i32':
      return `${word} | 0`;
    case 'u64':
      return `${word} + ${u32(`${at} + 1`)} * 4294967296`;
    case 'f64':
      return `r.double('${name}', ${at})`;
    case 'u32?':
      return `optional(${word})`;
    case 'bool':
      return `bool('${name}', ${word})`;
    case 'enum':
      return `oneOf(ENUMS.${of}, '${name}', ${word})`;
    case 'enum?':
      return `oneOfOrNone(ENUMS.${of}, '${name}', ${word})`;
    case 'flags':
      return `bits(MASKS.${of}, '${name}', ${word})`;
    case 'id':
      return `t.${of}.get(${word})`;
    case 'id?':
      return `t.${of}.getOrNone(${word})`;
    default:
      return word;
  }
}

/** The type of a field that is neither a list nor bytes. */
export function typeOf({ type, of }: Field): string {
  switch (type) {
    case 'bool':
      return 'boolean';
    case 'string':
      return 'string';
    case 'enum':
      return `GPU${of}Name`;
    case 'enum?':
      return `GPU${of}Name | undefined`;
    case 'id':
      return `Handles['${of}']`;
    case 'id?':
      return `Handles['${of}'] | undefined`;
    case 'u32?':
      return 'number | undefined';
    default:
      return 'number';
  }
}

/** Names and types of the parameters for a field, unless it is a list that comes as an array. */
export function parametersOf(field: Field): [name: string, type: string][] {
  const { name, type } = field;
  if (isList(field))
    return [
      [name, 'number'],
      [`${name}Count`, 'number'],
    ];
  if (type === 'bytes')
    return [
      ['dataOffset', 'number'],
      ['dataLength', 'number'],
    ];
  return [[name, typeOf(field)]];
}

/** A member of an object literal. */
export const member = (name: string, value: string): string => (name === value ? name : `${name}: ${value}`);
/** A member of an interface, or a parameter. */
export const declare = ([name, type]: [string, string]): string => `${name}: ${type}`;
