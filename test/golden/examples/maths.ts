import { must } from '../../../host/base/assert.ts';

/** Rounds to f32. Modules calculate with f32, so rounding after every step here gives the same bits. */
export const f = Math.fround;
export const sin = (x: number): number => f(Math.sin(x));
export const cos = (x: number): number => f(Math.cos(x));
export const sqrt = (x: number): number => f(Math.sqrt(x));

/** A 4x4 matrix, column after column, like WGSL's mat4x4f. */
export type Mat4 = Float32Array;
type Vec3 = readonly [number, number, number];

/** Returns an element of a matrix or a list. */
const item = (values: ArrayLike<number>, index: number): number => must(values[index], `element ${index}`);

export const identity = (): Mat4 => new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);

/** Returns the product of two matrices, which applies `b` first. */
export function multiply(a: Mat4, b: Mat4): Mat4 {
  const out = new Float32Array(16);
  for (let column = 0; column < 16; column += 4) {
    for (let row = 0; row < 4; row++) {
      let sum = f(item(a, row) * item(b, column));
      for (let k = 1; k < 4; k++) sum = f(sum + f(item(a, k * 4 + row) * item(b, column + k)));
      out[column + row] = sum;
    }
  }
  return out;
}

export function translation(x: number, y: number, z: number): Mat4 {
  const out = identity();
  out.set([x, y, z], 12);
  return out;
}

export function scaling(x: number, y: number, z: number): Mat4 {
  return new Float32Array([x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1]);
}

export function rotationX(radians: number): Mat4 {
  const [c, s] = [cos(radians), sin(radians)];
  return new Float32Array([1, 0, 0, 0, 0, c, s, 0, 0, -s, c, 0, 0, 0, 0, 1]);
}

export function rotationY(radians: number): Mat4 {
  const [c, s] = [cos(radians), sin(radians)];
  return new Float32Array([c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1]);
}

export function rotationZ(radians: number): Mat4 {
  const [c, s] = [cos(radians), sin(radians)];
  return new Float32Array([c, s, 0, 0, -s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
}

/** Returns a perspective projection with depth from 0 at `near` to 1 at `far`. */
export function perspective(fovY: number, aspect: number, near: number, far: number): Mat4 {
  const scale = f(1 / f(Math.tan(f(f(fovY) * 0.5))));
  const out = new Float32Array(16);
  out[0] = f(scale / f(aspect));
  out[5] = scale;
  out[10] = f(f(far) / f(f(near) - f(far)));
  out[11] = -1;
  out[14] = f(f(f(near) * f(far)) / f(f(near) - f(far)));
  return out;
}

export function orthographic(size: number, near: number, far: number): Mat4 {
  const out = identity();
  out[0] = f(2 / f(f(size) + f(size)));
  out[5] = out[0];
  out[10] = f(1 / f(f(near) - f(far)));
  out[14] = f(f(near) / f(f(near) - f(far)));
  out[12] = f(0 / f(f(-size) - f(size)));
  out[13] = f(0 / f(f(-size) - f(size)));
  return out;
}

export function normalize(v: Vec3): Vec3 {
  const s = f(1 / sqrt(dot(v, v)));
  return [f(v[0] * s), f(v[1] * s), f(v[2] * s)];
}

export function dot(a: Vec3, b: Vec3): number {
  return f(f(f(a[0] * b[0]) + f(a[1] * b[1])) + f(a[2] * b[2]));
}

export function cross(a: Vec3, b: Vec3): Vec3 {
  const minus = (p: number, q: number, r: number, s: number) => f(f(p * q) - f(r * s));
  return [minus(a[1], b[2], a[2], b[1]), minus(a[2], b[0], a[0], b[2]), minus(a[0], b[1], a[1], b[0])];
}

/** Returns the view matrix of a camera that looks from a point towards `at`, with y up. */
export function lookAt(eyeAt: Vec3, at: Vec3): Mat4 {
  const eye: Vec3 = [f(eyeAt[0]), f(eyeAt[1]), f(eyeAt[2])];
  const z = normalize([f(eye[0] - f(at[0])), f(eye[1] - f(at[1])), f(eye[2] - f(at[2]))]);
  const x = normalize(cross([0, 1, 0], z));
  const y = cross(z, x);
  const out = identity();
  out.set([x[0], y[0], z[0]], 0);
  out.set([x[1], y[1], z[1]], 4);
  out.set([x[2], y[2], z[2]], 8);
  out.set([-dot(x, eye), -dot(y, eye), -dot(z, eye)], 12);
  return out;
}

/** Returns the inverse of a matrix, which must have one. */
export function invert(a: Mat4): Mat4 {
  const minor = (at: number, i: number, k: number) =>
    f(f(item(a, at + i) * item(a, at + 4 + k)) - f(item(a, at + 4 + i) * item(a, at + k)));
  const pairs = [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 2],
    [1, 3],
    [2, 3],
  ] as const;
  const s = pairs.map(([i, k]) => minor(0, i, k));
  const c = pairs.map(([i, k]) => minor(8, i, k));
  // Signs and order of the terms of the determinant's Laplace expansion by pairs of columns.
  let determinant = f(item(s, 0) * item(c, 5));
  for (const [sign, i] of [
    [-1, 1],
    [1, 2],
    [1, 3],
    [-1, 4],
    [1, 5],
  ] as const)
    determinant = f(determinant + sign * f(item(s, i) * item(c, 5 - i)));
  const d = f(1 / determinant);
  const m = Array.from(a, (value) => f(value * d));
  const sum = (p: number, q: number, r: number, u: number, v: number, w: number) =>
    f(f(f(p * q) - f(r * u)) + f(v * w));
  const out = new Float32Array(16);
  const expansions = [
    { rows: [1, 2, 3], minors: [5, 4, 3] },
    { rows: [0, 2, 3], minors: [5, 2, 1] },
    { rows: [0, 1, 3], minors: [4, 2, 0] },
    { rows: [0, 1, 2], minors: [3, 1, 0] },
  ] as const;
  for (const [
    k,
    {
      rows: [x, y, z],
      minors: [p, q, r],
    },
  ] of expansions.entries()) {
    for (let column = 0; column < 4; column++) {
      // A column of the adjugate matrix combines the 2x2 minors of the matrix's opposite half with the column beside it.
      const row = item([4, 0, 12, 8], column);
      const half = column < 2 ? c : s;
      const plain = sum(
        item(m, row + x),
        item(half, p),
        item(m, row + y),
        item(half, q),
        item(m, row + z),
        item(half, r),
      );
      const flipped = (column + k) % 2 === 1;
      out[k * 4 + column] = flipped
        ? f(
            f(f(item(m, row + y) * item(half, q)) - f(item(m, row + x) * item(half, p))) -
              f(item(m, row + z) * item(half, r)),
          )
        : plain;
    }
  }
  return out;
}
