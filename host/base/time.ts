declare const UNIT: unique symbol;

/** A time or a duration in milliseconds. The compiler rejects a plain number or a Micro in its place. */
export type Milli = number & { readonly [UNIT]: 'ms' };

/** A time or a duration in microseconds. The compiler rejects a plain number or a Milli in its place. */
export type Micro = number & { readonly [UNIT]: 'us' };

/** Marks a number as milliseconds. Sums and differences are plain numbers, so they have to be marked again. */
export function milli(value: number): Milli {
  return value as Milli;
}

/** Marks a number as microseconds. */
export function micro(value: number): Micro {
  return value as Micro;
}

/** Converts milliseconds to whole microseconds. */
export function toMicro(time: Milli): Micro {
  return micro(Math.round(time * 1000));
}

/** Converts microseconds to milliseconds. */
export function toMilli(time: Micro): Milli {
  return milli(time / 1000);
}
