import { fail } from '../fault.ts';
import { limits } from '../limits.ts';

/** A value of a model's JSON with the place where it stands; every reader checks what it gives. */
export class Value {
  readonly raw: unknown;
  readonly place: string;

  constructor(raw: unknown, place: string) {
    this.raw = raw;
    this.place = place;
  }

  get exists(): boolean {
    return this.raw !== undefined;
  }

  /** @throws NL_MODEL */
  fail(why: string): never {
    return fail(this.place || 'the model', why);
  }

  /** A property; one that is missing does not exist. */
  get(key: string): Value {
    const object = this.exists ? this.object() : {};
    const place = this.place === '' ? key : `${this.place}.${key}`;
    return new Value(Object.hasOwn(object, key) ? object[key] : undefined, place);
  }

  /** An extension's object. */
  extension(name: string): Value {
    return this.get('extensions').get(name);
  }

  object(): Record<string, unknown> {
    const { raw } = this;
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return this.fail('is no object');
    return raw as Record<string, unknown>;
  }

  keys(): string[] {
    return this.exists ? Object.keys(this.object()) : [];
  }

  /** The elements of a list; none where it is missing. */
  list(max: number = limits.listLength): Value[] {
    const { raw } = this;
    if (raw === undefined) return [];
    if (!Array.isArray(raw)) return this.fail('is no list');
    if (raw.length > max) return this.fail(`has ${raw.length} elements, more than ${max}`);
    return raw.map((element, index) => new Value(element, `${this.place}[${index}]`));
  }

  number(otherwise?: number): number {
    if (!this.exists && otherwise !== undefined) return otherwise;
    const { raw } = this;
    if (typeof raw !== 'number' || !Number.isFinite(raw)) return this.fail('is no finite number');
    return raw;
  }

  /** Exactly `count` numbers, each of a size that a 32-bit float holds. */
  numbers(count: number, otherwise: readonly number[]): number[] {
    if (!this.exists) return [...otherwise];
    const list = this.list();
    if (list.length !== count) return this.fail(`has ${list.length} numbers instead of ${count}`);
    return list.map((element) => {
      const value = Math.fround(element.number());
      return Number.isFinite(value) ? value : element.fail('is beyond what a 32-bit float holds');
    });
  }

  integer({ min = 0, max, otherwise }: { min?: number; max: number; otherwise?: number }): number {
    if (!this.exists && otherwise !== undefined) return otherwise;
    const { raw } = this;
    if (typeof raw !== 'number' || !Number.isInteger(raw)) return this.fail('is no whole number');
    if (raw < min || raw > max) return this.fail(`is ${raw}, outside ${min} to ${max}`);
    return raw;
  }

  /** A place in a list of `length`; what the list holds is named for the message. */
  index(length: number, what: string): number {
    const { raw } = this;
    if (typeof raw !== 'number' || !Number.isInteger(raw)) return this.fail('is no whole number');
    if (raw < 0 || raw >= length) return this.fail(`there is no ${what} ${raw}: there are ${length}`);
    return raw;
  }

  /** The same, or -1 where it is missing. */
  optionalIndex(length: number, what: string): number {
    return this.exists ? this.index(length, what) : -1;
  }

  text(otherwise?: string): string {
    if (!this.exists && otherwise !== undefined) return otherwise;
    return typeof this.raw === 'string' ? this.raw : this.fail('is no text');
  }

  flag(): boolean {
    if (!this.exists) return false;
    return typeof this.raw === 'boolean' ? this.raw : this.fail('is neither true nor false');
  }

  /** One of some texts. */
  choice<T extends string>(choices: readonly T[], otherwise?: T): T {
    if (!this.exists && otherwise !== undefined) return otherwise;
    const found = choices.find((choice) => choice === this.raw);
    return found ?? this.fail(`is none of ${choices.join(', ')}`);
  }
}
