/** A vector of three numbers: x, y, z. */
export type Vec3 = StaticArray<f32>;

/** Makes a vector of three numbers. */
export function create(x: f32 = 0, y: f32 = 0, z: f32 = 0): Vec3 {
  const v = new StaticArray<f32>(3);
  set(x, y, z, v);
  return v;
}

/** Sets the three numbers of a vector. */
export function set(x: f32, y: f32, z: f32, out: Vec3): void {
  unchecked((out[0] = x));
  unchecked((out[1] = y));
  unchecked((out[2] = z));
}

/** Copies vector a. */
export function copy(a: Vec3, out: Vec3): void {
  set(unchecked(a[0]), unchecked(a[1]), unchecked(a[2]), out);
}

/** Adds vectors a and b. */
export function add(a: Vec3, b: Vec3, out: Vec3): void {
  set(unchecked(a[0] + b[0]), unchecked(a[1] + b[1]), unchecked(a[2] + b[2]), out);
}

/** Subtracts vector b from a. */
export function subtract(a: Vec3, b: Vec3, out: Vec3): void {
  set(unchecked(a[0] - b[0]), unchecked(a[1] - b[1]), unchecked(a[2] - b[2]), out);
}

/** Multiplies vector a by a number. */
export function scale(a: Vec3, factor: f32, out: Vec3): void {
  set(unchecked(a[0]) * factor, unchecked(a[1]) * factor, unchecked(a[2]) * factor, out);
}

/** Adds vector b times a number to vector a. */
export function addScaled(a: Vec3, b: Vec3, factor: f32, out: Vec3): void {
  const x = unchecked(a[0] + b[0] * factor);
  const y = unchecked(a[1] + b[1] * factor);
  const z = unchecked(a[2] + b[2] * factor);
  set(x, y, z, out);
}

/** Interpolates linearly between vectors, from a at t = 0 to b at t = 1. */
export function lerp(a: Vec3, b: Vec3, t: f32, out: Vec3): void {
  const x = unchecked(a[0] + (b[0] - a[0]) * t);
  const y = unchecked(a[1] + (b[1] - a[1]) * t);
  const z = unchecked(a[2] + (b[2] - a[2]) * t);
  set(x, y, z, out);
}

/** Returns the dot product of vectors a and b. */
export function dot(a: Vec3, b: Vec3): f32 {
  return unchecked(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
}

/** Computes the cross product of vectors a and b. */
export function cross(a: Vec3, b: Vec3, out: Vec3): void {
  const x = unchecked(a[1] * b[2] - a[2] * b[1]);
  const y = unchecked(a[2] * b[0] - a[0] * b[2]);
  const z = unchecked(a[0] * b[1] - a[1] * b[0]);
  set(x, y, z, out);
}

/** Returns the length of vector a. */
export function length(a: Vec3): f32 {
  return Mathf.sqrt(dot(a, a));
}

/** Scales vector a to length 1. A zero vector stays zero. */
export function normalize(a: Vec3, out: Vec3): void {
  const size = length(a);
  scale(a, size > 0 ? 1 / size : 0, out);
}

/** Transforms a point by a 4x4 matrix and divides by w. */
export function transform(a: Vec3, matrix: StaticArray<f32>, out: Vec3): void {
  const m = matrix;
  const x = unchecked(a[0]);
  const y = unchecked(a[1]);
  const z = unchecked(a[2]);
  const w: f32 = 1 / unchecked(m[3] * x + m[7] * y + m[11] * z + m[15]);
  unchecked((out[0] = (m[0] * x + m[4] * y + m[8] * z + m[12]) * w));
  unchecked((out[1] = (m[1] * x + m[5] * y + m[9] * z + m[13]) * w));
  unchecked((out[2] = (m[2] * x + m[6] * y + m[10] * z + m[14]) * w));
}
