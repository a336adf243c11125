/** A vector of two numbers: x, y. */
export type Vec2 = StaticArray<f32>;

/** Makes a vector of two numbers. */
export function create(x: f32 = 0, y: f32 = 0): Vec2 {
  const v = new StaticArray<f32>(2);
  set(x, y, v);
  return v;
}

/** Sets the two numbers of a vector. */
export function set(x: f32, y: f32, out: Vec2): void {
  unchecked((out[0] = x));
  unchecked((out[1] = y));
}

/** Adds vectors a and b. */
export function add(a: Vec2, b: Vec2, out: Vec2): void {
  set(unchecked(a[0] + b[0]), unchecked(a[1] + b[1]), out);
}

/** Subtracts vector b from a. */
export function subtract(a: Vec2, b: Vec2, out: Vec2): void {
  set(unchecked(a[0] - b[0]), unchecked(a[1] - b[1]), out);
}

/** Multiplies vector a by a number. */
export function scale(a: Vec2, factor: f32, out: Vec2): void {
  set(unchecked(a[0]) * factor, unchecked(a[1]) * factor, out);
}

/** Interpolates linearly between vectors, from a at t = 0 to b at t = 1. */
export function lerp(a: Vec2, b: Vec2, t: f32, out: Vec2): void {
  set(unchecked(a[0] + (b[0] - a[0]) * t), unchecked(a[1] + (b[1] - a[1]) * t), out);
}

/** Returns the dot product of vectors a and b. */
export function dot(a: Vec2, b: Vec2): f32 {
  return unchecked(a[0] * b[0] + a[1] * b[1]);
}

/** Returns the length of vector a. */
export function length(a: Vec2): f32 {
  return Mathf.sqrt(dot(a, a));
}

/** Scales vector a to length 1. A zero vector stays zero. */
export function normalize(a: Vec2, out: Vec2): void {
  const size = length(a);
  scale(a, size > 0 ? 1 / size : 0, out);
}
