import { f32, f64 } from '../element.ts';
import type { Node } from '../gltf/nodes.ts';

/** A 4x4 matrix, column by column. */
export type Matrix = Float64Array;

/** Returns the matrix of a node relative to its parent: translation x rotation x scale. */
export function localMatrix({ translation, rotation, scale }: Node): Matrix {
  const [x, y, z, w] = rotation;
  const [sx, sy, sz] = scale;
  return Float64Array.of(
    sx * (1 - 2 * (y * y + z * z)),
    sx * 2 * (x * y + z * w),
    sx * 2 * (x * z - y * w),
    0,
    sy * 2 * (x * y - z * w),
    sy * (1 - 2 * (x * x + z * z)),
    sy * 2 * (y * z + x * w),
    0,
    sz * 2 * (x * z + y * w),
    sz * 2 * (y * z - x * w),
    sz * (1 - 2 * (x * x + y * y)),
    0,
    ...translation,
    1,
  );
}

/** Returns the product a x b of two matrices. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const out = new Float64Array(16);
  for (let column = 0; column < 16; column += 4) {
    for (let row = 0; row < 4; row++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += f64(a, k * 4 + row) * f64(b, column + k);
      out[column + row] = sum;
    }
  }
  return out;
}

/**
 * Transforms a vertex by a matrix and returns one component: 0 for x, 1 for y, 2 for z.
 * @param positions three floats per vertex
 */
export function transformed(m: Matrix, positions: Float32Array, vertex: number, row: number): number {
  const at = vertex * 3;
  return (
    f64(m, row) * f32(positions, at) +
    f64(m, 4 + row) * f32(positions, at + 1) +
    f64(m, 8 + row) * f32(positions, at + 2) +
    f64(m, 12 + row)
  );
}
