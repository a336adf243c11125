/**
 * A 4x4 matrix: sixteen numbers, column by column, as WGSL's mat4x4f. A destination may be a longer array, such as a whole
 * uniform block; functions write its first sixteen numbers.
 */
export type Mat4 = StaticArray<f32>;

/** Makes an identity matrix. */
export function create(): Mat4 {
  const m = new StaticArray<f32>(16);
  identity(m);
  return m;
}

/** Sets `out` to the identity matrix. */
export function identity(out: Mat4): void {
  scaling(1, 1, 1, out);
}

/** Copies matrix a. */
export function copy(a: Mat4, out: Mat4): void {
  memory.copy(changetype<usize>(out), changetype<usize>(a), 64);
}

/** Multiplies matrix a by b: the result transforms by b first, then by a. */
export function multiply(a: Mat4, b: Mat4, out: Mat4): void {
  const p = changetype<usize>(a);
  const a0 = v128.load(p);
  const a1 = v128.load(p, 16);
  const a2 = v128.load(p, 32);
  const a3 = v128.load(p, 48);
  for (let column: usize = 0; column < 64; column += 16) {
    const q = changetype<usize>(b) + column;
    let sum = f32x4.mul(a0, v128.load32_splat(q));
    sum = f32x4.add(sum, f32x4.mul(a1, v128.load32_splat(q, 4)));
    sum = f32x4.add(sum, f32x4.mul(a2, v128.load32_splat(q, 8)));
    sum = f32x4.add(sum, f32x4.mul(a3, v128.load32_splat(q, 12)));
    v128.store(changetype<usize>(out) + column, sum);
  }
}

/** Makes a matrix that moves by x, y and z. */
export function translation(x: f32, y: f32, z: f32, out: Mat4): void {
  identity(out);
  unchecked((out[12] = x));
  unchecked((out[13] = y));
  unchecked((out[14] = z));
}

/** Makes a matrix that stretches by x, y and z. */
export function scaling(x: f32, y: f32, z: f32, out: Mat4): void {
  memory.fill(changetype<usize>(out), 0, 64);
  unchecked((out[0] = x));
  unchecked((out[5] = y));
  unchecked((out[10] = z));
  unchecked((out[15] = 1));
}

/** Makes a matrix that rotates by radians around the x axis. */
export function rotationX(radians: f32, out: Mat4): void {
  const c = Mathf.cos(radians);
  const s = Mathf.sin(radians);
  identity(out);
  unchecked((out[5] = c));
  unchecked((out[6] = s));
  unchecked((out[9] = -s));
  unchecked((out[10] = c));
}

/** Makes a matrix that rotates by radians around the y axis. */
export function rotationY(radians: f32, out: Mat4): void {
  const c = Mathf.cos(radians);
  const s = Mathf.sin(radians);
  identity(out);
  unchecked((out[0] = c));
  unchecked((out[2] = -s));
  unchecked((out[8] = s));
  unchecked((out[10] = c));
}

/** Makes a matrix that rotates by radians around the z axis. */
export function rotationZ(radians: f32, out: Mat4): void {
  const c = Mathf.cos(radians);
  const s = Mathf.sin(radians);
  identity(out);
  unchecked((out[0] = c));
  unchecked((out[1] = s));
  unchecked((out[4] = -s));
  unchecked((out[5] = c));
}

/** Makes a matrix that rotates by a quaternion of length 1, then moves by x, y and z. */
export function rotationTranslation(q: StaticArray<f32>, x: f32, y: f32, z: f32, out: Mat4): void {
  const qx = unchecked(q[0]);
  const qy = unchecked(q[1]);
  const qz = unchecked(q[2]);
  const qw = unchecked(q[3]);
  translation(x, y, z, out);
  unchecked((out[0] = 1 - 2 * (qy * qy + qz * qz)));
  unchecked((out[1] = 2 * (qx * qy + qz * qw)));
  unchecked((out[2] = 2 * (qx * qz - qy * qw)));
  unchecked((out[4] = 2 * (qx * qy - qz * qw)));
  unchecked((out[5] = 1 - 2 * (qx * qx + qz * qz)));
  unchecked((out[6] = 2 * (qy * qz + qx * qw)));
  unchecked((out[8] = 2 * (qx * qz + qy * qw)));
  unchecked((out[9] = 2 * (qy * qz - qx * qw)));
  unchecked((out[10] = 1 - 2 * (qx * qx + qy * qy)));
}

/**
 * Makes a perspective projection with depth from 0 at `near` to 1 at `far`. `fovY` is in radians; the view is right-
 * handed and looks along -z.
 */
export function perspective(fovY: f32, aspect: f32, near: f32, far: f32, out: Mat4): void {
  const f: f32 = 1 / Mathf.tan(fovY * 0.5);
  scaling(f / aspect, f, far / (near - far), out);
  unchecked((out[11] = -1));
  unchecked((out[14] = (near * far) / (near - far)));
  unchecked((out[15] = 0));
}

/** Makes an orthographic projection, with depth from 0 at `near` to 1 at `far`. */
export function orthographic(left: f32, right: f32, bottom: f32, top: f32, near: f32, far: f32, out: Mat4): void {
  scaling(2 / (right - left), 2 / (top - bottom), 1 / (near - far), out);
  unchecked((out[12] = (left + right) / (left - right)));
  unchecked((out[13] = (bottom + top) / (bottom - top)));
  unchecked((out[14] = near / (near - far)));
}

/**
 * Makes a view matrix that looks from `eye` at `target`, which must differ. `up` must not lie along the line of sight.
 */
export function lookAt(eye: StaticArray<f32>, target: StaticArray<f32>, up: StaticArray<f32>, out: Mat4): void {
  const ex = unchecked(eye[0]);
  const ey = unchecked(eye[1]);
  const ez = unchecked(eye[2]);
  let zx = ex - unchecked(target[0]);
  let zy = ey - unchecked(target[1]);
  let zz = ez - unchecked(target[2]);
  const zs: f32 = 1 / Mathf.sqrt(zx * zx + zy * zy + zz * zz);
  zx *= zs;
  zy *= zs;
  zz *= zs;
  let xx = unchecked(up[1] * zz - up[2] * zy);
  let xy = unchecked(up[2] * zx - up[0] * zz);
  let xz = unchecked(up[0] * zy - up[1] * zx);
  const xs: f32 = 1 / Mathf.sqrt(xx * xx + xy * xy + xz * xz);
  xx *= xs;
  xy *= xs;
  xz *= xs;
  const yx = zy * xz - zz * xy;
  const yy = zz * xx - zx * xz;
  const yz = zx * xy - zy * xx;
  column(0, xx, yx, zx, 0, out);
  column(1, xy, yy, zy, 0, out);
  column(2, xz, yz, zz, 0, out);
  column(3, -(xx * ex + xy * ey + xz * ez), -(yx * ex + yy * ey + yz * ez), -(zx * ex + zy * ey + zz * ez), 1, out);
}

/** Inverts matrix a. Returns false, and leaves `out` as it is, if a has no inverse. */
export function invert(a: Mat4, out: Mat4): bool {
  const s0 = minor(a, 0, 0, 1);
  const s1 = minor(a, 0, 0, 2);
  const s2 = minor(a, 0, 0, 3);
  const s3 = minor(a, 0, 1, 2);
  const s4 = minor(a, 0, 1, 3);
  const s5 = minor(a, 0, 2, 3);
  const c0 = minor(a, 8, 0, 1);
  const c1 = minor(a, 8, 0, 2);
  const c2 = minor(a, 8, 0, 3);
  const c3 = minor(a, 8, 1, 2);
  const c4 = minor(a, 8, 1, 3);
  const c5 = minor(a, 8, 2, 3);
  const determinant = s0 * c5 - s1 * c4 + s2 * c3 + s3 * c2 - s4 * c1 + s5 * c0;
  if (determinant === 0) return false;
  const d: f32 = 1 / determinant;
  const a00 = unchecked(a[0]) * d;
  const a01 = unchecked(a[1]) * d;
  const a02 = unchecked(a[2]) * d;
  const a03 = unchecked(a[3]) * d;
  const a10 = unchecked(a[4]) * d;
  const a11 = unchecked(a[5]) * d;
  const a12 = unchecked(a[6]) * d;
  const a13 = unchecked(a[7]) * d;
  const a20 = unchecked(a[8]) * d;
  const a21 = unchecked(a[9]) * d;
  const a22 = unchecked(a[10]) * d;
  const a23 = unchecked(a[11]) * d;
  const a30 = unchecked(a[12]) * d;
  const a31 = unchecked(a[13]) * d;
  const a32 = unchecked(a[14]) * d;
  const a33 = unchecked(a[15]) * d;
  column(
    0,
    a11 * c5 - a12 * c4 + a13 * c3,
    a02 * c4 - a01 * c5 - a03 * c3,
    a31 * s5 - a32 * s4 + a33 * s3,
    a22 * s4 - a21 * s5 - a23 * s3,
    out,
  );
  column(
    1,
    a12 * c2 - a10 * c5 - a13 * c1,
    a00 * c5 - a02 * c2 + a03 * c1,
    a32 * s2 - a30 * s5 - a33 * s1,
    a20 * s5 - a22 * s2 + a23 * s1,
    out,
  );
  column(
    2,
    a10 * c4 - a11 * c2 + a13 * c0,
    a01 * c2 - a00 * c4 - a03 * c0,
    a30 * s4 - a31 * s2 + a33 * s0,
    a21 * s2 - a20 * s4 - a23 * s0,
    out,
  );
  column(
    3,
    a11 * c1 - a10 * c3 - a12 * c0,
    a00 * c3 - a01 * c1 + a02 * c0,
    a31 * s1 - a30 * s3 - a32 * s0,
    a20 * s3 - a21 * s1 + a22 * s0,
    out,
  );
  return true;
}

/** Transposes matrix a: swaps its rows and columns. */
export function transpose(a: Mat4, out: Mat4): void {
  for (let i = 0; i < 4; i++) {
    for (let k = i; k < 4; k++) {
      const upper = unchecked(a[i * 4 + k]);
      unchecked((out[i * 4 + k] = a[k * 4 + i]));
      unchecked((out[k * 4 + i] = upper));
    }
  }
}

/** Returns the 2x2 determinant of rows i and k of a matrix in the two columns from element `at` on. */
function minor(m: Mat4, at: i32, i: i32, k: i32): f32 {
  return unchecked(m[at + i] * m[at + 4 + k] - m[at + 4 + i] * m[at + k]);
}

function column(index: i32, x: f32, y: f32, z: f32, w: f32, out: Mat4): void {
  const at = index * 4;
  unchecked((out[at] = x));
  unchecked((out[at + 1] = y));
  unchecked((out[at + 2] = z));
  unchecked((out[at + 3] = w));
}
