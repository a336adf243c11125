import { fail } from '../fault.ts';
import { LIMITS } from '../limits.ts';

/**
 * A value in the JSON of a model, and its place there. Each method checks that the value has the type that the method returns.
 */
export class Value {
  readonly raw: unknown;
  /** Path of the value from the root, such as `nodes[2].mesh`; empty for the root itself. */
  readonly place: string;

  constructor(raw: unknown, place: string) {
    this.raw = raw;
    this.place = place;
  }

  get exists(): boolean {
    return this.raw !== undefined;
  }

  /** Refuses the model because of this value. @throws NearlightError NL_MODEL, always */
  fail(why: string): never {
    return fail(this.place || 'the model', why);
  }

  /** Returns a property of a JSON object. If the property is missing, `exists` of the result is false. */
  get(key: string): Value {
    const object = this.exists ? this.object() : {};
    const place = this.place === '' ? key : `${this.place}.${key}`;
    return new Value(Object.hasOwn(object, key) ? object[key] : undefined, place);
  }

  /** Returns the JSON object of a glTF extension. */
  extension(name: string): Value {
    return this.get('extensions').get(name);
  }

  object(): Record<string, unknown> {
    const { raw } = this;
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return this.fail('is not an object');
    return raw as Record<string, unknown>;
  }

  keys(): string[] {
    return this.exists ? Object.keys(this.object()) : [];
  }

  /** Returns the elements of a JSON list; none if the list is missing. */
  list(max: number = LIMITS.listLength): Value[] {
    const { raw } = this;
    if (raw === undefined) return [];
    if (!Array.isArray(raw)) return this.fail('is not a list');
    if (raw.length > max) return this.fail(`has ${raw.length} elements, more than the ${max} allowed`);
    return raw.map((element, index) => new Value(element, `${this.place}[${index}]`));
  }

  number(otherwise?: number): number {
    if (!this.exists && otherwise !== undefined) return otherwise;
    const { raw } = this;
    if (typeof raw !== 'number' || !Number.isFinite(raw)) return this.fail('is not a finite number');
    return raw;
  }

  /**
   * Returns as many numbers as `otherwise` has, each within the range of a 32-bit float. Returns `otherwise` if the value is
   * missing.
   */
  vector<const T extends readonly number[]>(otherwise: T): { -readonly [K in keyof T]: number } {
    const list = this.exists ? this.list() : undefined;
    if (list && list.length !== otherwise.length)
      return this.fail(`has ${list.length} numbers instead of ${otherwise.length}`);
    return map(otherwise, (value, index) => list?.[index]?.float() ?? value);
  }

  /** Returns a number, rounded to a 32-bit float. */
  float(): number {
    const value = Math.fround(this.number());
    return Number.isFinite(value) ? value : this.fail('exceeds the range of a 32-bit float');
  }

  integer({ min = 0, max, otherwise }: { min?: number; max: number; otherwise?: number }): number {
    if (!this.exists && otherwise !== undefined) return otherwise;
    const { raw } = this;
    if (typeof raw !== 'number' || !Number.isInteger(raw)) return this.fail('is not a whole number');
    if (raw < min || raw > max) return this.fail(`is ${raw}, outside the range ${min} to ${max}`);
    return raw;
  }

  /** Returns the value as an index into a list of `length` elements. @param what the elements are, for the error message */
  index(length: number, what: string): number {
    const { raw } = this;
    if (typeof raw !== 'number' || !Number.isInteger(raw)) return this.fail('is not a whole number');
    if (raw < 0 || raw >= length) return this.fail(`there is no ${what} ${raw}; the model has ${length}`);
    return raw;
  }

  /** Returns the value as an index into a list of `length` elements, or -1 if the value is missing. */
  optionalIndex(length: number, what: string): number {
    return this.exists ? this.index(length, what) : -1;
  }

  text(otherwise?: string): string {
    if (!this.exists && otherwise !== undefined) return otherwise;
    return typeof this.raw === 'string' ? this.raw : this.fail('is not a text');
  }

  flag(): boolean {
    if (!this.exists) return false;
    return typeof this.raw === 'boolean' ? this.raw : this.fail('is neither true nor false');
  }

  /** Returns the value, which must be one of the given texts. */
  choice<T extends string>(choices: readonly T[], otherwise?: T): T {
    if (!this.exists && otherwise !== undefined) return otherwise;
    const found = choices.find((choice) => choice === this.raw);
    return found ?? this.fail(`is none of ${choices.join(', ')}`);
  }
}

/** Maps a tuple to a tuple of the same length. */
function map<const T extends readonly number[]>(values: T, convert: (value: number, index: number) => number) {
  return values.map(convert) as { -readonly [K in keyof T]: number };
}
