/**
 * Functions that read an element of a typed array and throw if the index is out of range, which would be a bug of ours. There
 * is one for each type of array, because V8 compiles an access to a single type of array into one machine instruction.
 */

export function u8(values: Uint8Array, index: number): number {
  return values[index] ?? missing(values, index);
}

export function u32(values: Uint32Array, index: number): number {
  return values[index] ?? missing(values, index);
}

export function i32(values: Int32Array, index: number): number {
  return values[index] ?? missing(values, index);
}

export function f32(values: Float32Array, index: number): number {
  return values[index] ?? missing(values, index);
}

export function f64(values: Float64Array, index: number): number {
  return values[index] ?? missing(values, index);
}

function missing(values: ArrayLike<number>, index: number): never {
  throw new RangeError(`bug: there is no element ${index} in an array of ${values.length}`);
}
