/** Generates TypeScript source that reads and declares the fields of commands and records. */
import { type Field, isList } from '../field.ts';

/** Source that reads word `at` of the stream. It calls no function: V8 would not inline every call, which would cost 15 %. */
export const u32 = (at: string): string => `(w[${at}] ?? 0)`;

/** Source of an expression that reads and checks the field at word `at` of the stream. */
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

/** The TypeScript type, in generated code, of a field that is neither a list nor bytes. */
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

/** Names and types of the parameters that pass a field: two for a list or bytes, one for any other. */
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

/** Source of a member of an object literal, `name: value`, or `name` alone if both are the same. */
export const member = (name: string, value: string): string => (name === value ? name : `${name}: ${value}`);
/** Source that declares a member of an interface, or a parameter. */
export const declare = ([name, type]: [string, string]): string => `${name}: ${type}`;
