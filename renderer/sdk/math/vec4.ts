/** A vector of four numbers: x, y, z, w. */
export type Vec4 = StaticArray<f32>;

/** Makes a vector of four numbers. */
export function create(x: f32 = 0, y: f32 = 0, z: f32 = 0, w: f32 = 0): Vec4 {
  const v = new StaticArray<f32>(4);
  set(x, y, z, w, v);
  return v;
}

/** Sets the four numbers of a vector. */
export function set(x: f32, y: f32, z: f32, w: f32, out: Vec4): void {
  unchecked((out[0] = x));
  unchecked((out[1] = y));
  unchecked((out[2] = z));
  unchecked((out[3] = w));
}

/** Adds vectors a and b. */
export function add(a: Vec4, b: Vec4, out: Vec4): void {
  put(f32x4.add(get(a), get(b)), out);
}

/** Subtracts vector b from a. */
export function subtract(a: Vec4, b: Vec4, out: Vec4): void {
  put(f32x4.sub(get(a), get(b)), out);
}

/** Multiplies vector a by a number. */
export function scale(a: Vec4, factor: f32, out: Vec4): void {
  put(f32x4.mul(get(a), f32x4.splat(factor)), out);
}

/** Interpolates linearly between vectors, from a at t = 0 to b at t = 1. */
export function lerp(a: Vec4, b: Vec4, t: f32, out: Vec4): void {
  const from = get(a);
  put(f32x4.add(from, f32x4.mul(f32x4.sub(get(b), from), f32x4.splat(t))), out);
}

/** Returns the dot product of vectors a and b. */
export function dot(a: Vec4, b: Vec4): f32 {
  return unchecked(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]);
}

/** Transforms vector a by a 4x4 matrix. */
export function transform(a: Vec4, matrix: StaticArray<f32>, out: Vec4): void {
  const m = changetype<usize>(matrix);
  let sum = f32x4.mul(v128.load(m), f32x4.splat(unchecked(a[0])));
  sum = f32x4.add(sum, f32x4.mul(v128.load(m, 16), f32x4.splat(unchecked(a[1]))));
  sum = f32x4.add(sum, f32x4.mul(v128.load(m, 32), f32x4.splat(unchecked(a[2]))));
  put(f32x4.add(sum, f32x4.mul(v128.load(m, 48), f32x4.splat(unchecked(a[3])))), out);
}

function get(a: Vec4): v128 {
  return v128.load(changetype<usize>(a));
}

function put(value: v128, out: Vec4): void {
  v128.store(changetype<usize>(out), value);
}
