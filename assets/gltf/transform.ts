type Vec3 = [number, number, number];
type Vec4 = [number, number, number, number];

/** Position, rotation and scale of a node relative to its parent. */
export interface Transform {
  translation: Vec3;
  /** A unit quaternion: x, y, z, w. */
  rotation: Vec4;
  scale: Vec3;
}

/** The 4x4 identity matrix, column by column. */
export const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] as const;
type Numbers<T> = { readonly [K in keyof T]: number };
type Matrix = Numbers<typeof IDENTITY>;

/** Splits a matrix without shear into translation, rotation and scale (glTF 2.0, 3.5.3). */
export function decompose([m0, m1, m2, , m4, m5, m6, , m8, m9, m10, , m12, m13, m14]: Matrix): Transform {
  const [x, y, z]: [Vec3, Vec3, Vec3] = [
    [m0, m1, m2],
    [m4, m5, m6],
    [m8, m9, m10],
  ];
  const scale: Vec3 = [Math.hypot(...x), Math.hypot(...y), Math.hypot(...z)];
  // A negative determinant means that the matrix mirrors.
  if (x[0] * (y[1] * z[2] - y[2] * z[1]) - y[0] * (x[1] * z[2] - x[2] * z[1]) + z[0] * (x[1] * y[2] - x[2] * y[1]) < 0)
    scale[0] = -scale[0];
  const rotation = toQuaternion([divide(x, scale[0]), divide(y, scale[1]), divide(z, scale[2])]);
  return { translation: [m12, m13, m14], rotation, scale };
}

function divide([x, y, z]: Vec3, length: number): Vec3 {
  return length === 0 ? [0, 0, 0] : [x / length, y / length, z / length];
}

/** Converts a rotation, given as the three columns of its matrix, to a quaternion (Shepperd's method). */
function toQuaternion([x, y, z]: [Vec3, Vec3, Vec3]): Vec4 {
  const [xx, yy, zz] = [x[0], y[1], z[2]];
  let q: Vec4;
  if (xx + yy + zz > 0) q = [y[2] - z[1], z[0] - x[2], x[1] - y[0], 1 + xx + yy + zz];
  else if (xx > yy && xx > zz) q = [1 + xx - yy - zz, y[0] + x[1], z[0] + x[2], y[2] - z[1]];
  else if (yy > zz) q = [y[0] + x[1], 1 + yy - xx - zz, z[1] + y[2], z[0] - x[2]];
  else q = [z[0] + x[2], z[1] + y[2], 1 + zz - xx - yy, x[1] - y[0]];
  const length = Math.hypot(...q);
  const [a, b, c, d] = q;
  return length > 0 ? [a / length, b / length, c / length, d / length] : [0, 0, 0, 1];
}
