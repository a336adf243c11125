import { NearlightError } from '../../base/errors.ts';

/** Size limits of what the store takes, in bytes. */
export const ID_BYTES_MAX = 256;
export const JSON_BYTES_MAX = 256 * 1024;
export const VALUE_BYTES_MAX = 1024 * 1024;
export const SAVE_BYTES_MAX = 16 * 1024 * 1024;
/** Limit on the rows that one call reads, writes or removes. */
export const ROWS_MAX = 1000;
/** Times are milliseconds since 1970; the last one is the end of the year 9999, which RFC 3339 can still write. */
export const TIME_MAX = 253_402_300_799_999;

/** Checks one field. Returns its size in bytes. */
export type Check = (name: string, value: unknown) => number;

/** Makes the check of an input from the checks of its fields. */
export function fields<I extends object>(checks: { readonly [K in keyof I]-?: Check }): (input: I) => number {
  const entries = Object.entries(checks) as [keyof I & string, Check][];
  return (input) => entries.reduce((bytes, [name, check]) => bytes + check(name, input[name]), 0);
}

/** A text that is not empty. */
export function text(bytesMax = ID_BYTES_MAX): Check {
  return (name, value) => {
    if (typeof value !== 'string' || value === '') return refuse(name, 'is not a text, or is empty');
    return withinBytes(name, Buffer.byteLength(value), bytesMax);
  };
}

/** A field that may be missing. */
export function optional(check: Check): Check {
  return (name, value) => (value === undefined ? 0 : check(name, value));
}

/** A text that may be empty. */
export const optionalText: Check = (name, value) => (value === '' ? 0 : text()(name, value));

/** The text of a JSON value. */
export function json(bytesMax = JSON_BYTES_MAX): Check {
  return (name, value) => {
    if (typeof value !== 'string') return refuse(name, 'is not a text');
    const bytes = withinBytes(name, Buffer.byteLength(value), bytesMax);
    try {
      JSON.parse(value);
    } catch {
      return refuse(name, 'is not JSON');
    }
    return bytes;
  };
}

export function bytes(bytesMax = VALUE_BYTES_MAX): Check {
  return (name, value) => {
    if (!(value instanceof Uint8Array)) return refuse(name, 'is not a Uint8Array');
    return withinBytes(name, value.byteLength, bytesMax);
  };
}

export function integer(most = Number.MAX_SAFE_INTEGER, least = 0): Check {
  return (name, value) => {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return 8;
    return refuse(name, `is not a whole number from ${least} to ${most}`);
  };
}

export function oneOf(choices: readonly string[]): Check {
  return (name, value) => {
    if (typeof value === 'string' && choices.includes(value)) return value.length;
    return refuse(name, `is none of ${choices.join(', ')}`);
  };
}

/** A list of at most ROWS_MAX entries. */
export function list(check: Check): Check {
  return (name, value) => {
    if (!Array.isArray(value) || value.length > ROWS_MAX)
      return refuse(name, `is not a list of at most ${ROWS_MAX} entries`);
    return value.reduce((sum: number, entry, index) => sum + check(`${name}[${index}]`, entry), 0);
  };
}

/** An object whose fields have checks of their own. */
export function record<I extends object>(check: (input: I) => number): Check {
  return (name, value) => {
    if (typeof value !== 'object' || value === null) return refuse(name, 'is not an object');
    return check(value as I);
  };
}

export const flag: Check = (name, value) =>
  typeof value === 'boolean' ? 1 : refuse(name, 'is neither true nor false');
export const time: Check = integer(TIME_MAX);
export const rows: Check = integer(ROWS_MAX, 1);

function withinBytes(name: string, size: number, bytesMax: number): number {
  return size <= bytesMax ? size : refuse(name, `has ${size} bytes; at most ${bytesMax} fit`);
}

function refuse(name: string, reason: string): never {
  throw new NearlightError('NL_STORE_VALUE', `${name} ${reason}`);
}
