/** The guest's arithmetic is that of f32: what is rounded after every step here comes out the same to the bit. */
export const f = Math.fround;
export const sin = (x: number): number => f(Math.sin(x));
export const cos = (x: number): number => f(Math.cos(x));
export const sqrt = (x: number): number => f(Math.sqrt(x));

/** Column by column, as WGSL's mat4x4f. */
export type Mat4 = Float32Array;
type Vec3 = readonly [number, number, number];

export const identity = (): Mat4 => new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);

/** First b, then a. */
export function multiply(a: Mat4, b: Mat4): Mat4 {
  const out = new Float32Array(16);
  for (let column = 0; column < 16; column += 4) {
    for (let row = 0; row < 4; row++) {
      let sum = f(a[row]! * b[column]!);
      for (let k = 1; k < 4; k++) sum = f(sum + f(a[k * 4 + row]! * b[column + k]!));
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

/** Depth from 0 at `near` to 1 at `far`. */
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
  out[13] = out[12]!;
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

/** Looks from `eye` at `at`, y up. */
export function lookAt(eyeAt: Vec3, at: Vec3): Mat4 {
  const eye: Vec3 = [f(eyeAt[0]), f(eyeAt[1]), f(eyeAt[2])];
  const z = normalize([f(eye[0] - f(at[0])), f(eye[1] - f(at[1])), f(eye[2] - f(at[2]))]);
  const x = normalize(cross([0, 1, 0], z));
  const y = cross(z, x);
  const out = identity();
  for (let i = 0; i < 3; i++) out.set([x[i]!, y[i]!, z[i]!], i * 4);
  out.set([-dot(x, eye), -dot(y, eye), -dot(z, eye)], 12);
  return out;
}

/** Inverts what has an inverse. */
export function invert(a: Mat4): Mat4 {
  const minor = (at: number, i: number, k: number) =>
    f(f(a[at + i]! * a[at + 4 + k]!) - f(a[at + 4 + i]! * a[at + k]!));
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
  // Signs and order of Laplace's expansion by pairs of columns.
  let determinant = f(s[0]! * c[5]!);
  for (const [sign, i] of [
    [-1, 1],
    [1, 2],
    [1, 3],
    [-1, 4],
    [1, 5],
  ] as const)
    determinant = f(determinant + sign * f(s[i]! * c[5 - i]!));
  const d = f(1 / determinant);
  const m = Array.from(a, (value) => f(value * d));
  const sum = (p: number, q: number, r: number, u: number, v: number, w: number) =>
    f(f(f(p * q) - f(r * u)) + f(v * w));
  const out = new Float32Array(16);
  const others = [
    [1, 2, 3],
    [0, 2, 3],
    [0, 1, 3],
    [0, 1, 2],
  ] as const;
  const table = [
    [5, 4, 3],
    [5, 2, 1],
    [4, 2, 0],
    [3, 1, 0],
  ] as const;
  for (let k = 0; k < 4; k++) {
    const [x, y, z] = others[k]!;
    const [p, q, r] = table[k]!;
    for (let column = 0; column < 4; column++) {
      // Columns of the adjugate take minors of the other half, from rows that swap with each step.
      const row = [4, 0, 12, 8][column]!;
      const half = column < 2 ? c : s;
      const plain = sum(m[row + x]!, half[p]!, m[row + y]!, half[q]!, m[row + z]!, half[r]!);
      const flipped = (column + k) % 2 === 1;
      out[k * 4 + column] = flipped
        ? f(f(f(m[row + y]! * half[q]!) - f(m[row + x]! * half[p]!)) - f(m[row + z]! * half[r]!))
        : plain;
    }
  }
  return out;
}
