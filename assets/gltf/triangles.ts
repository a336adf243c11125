import { u32 } from '../element.ts';

/** Modes of primitives (glTF 2.0, 5.24). */
const TRIANGLES = 4;
const STRIP = 5;
const FAN = 6;

/** Converts the indices of a primitive to a list of triangles. Returns undefined for points and lines. */
export function toTriangles(indices: Uint32Array, mode: number): Uint32Array | undefined {
  if (mode === TRIANGLES) return indices.subarray(0, indices.length - (indices.length % 3));
  if (mode !== STRIP && mode !== FAN) return undefined;
  const out = new Uint32Array(Math.max(0, indices.length - 2) * 3);
  for (let i = 0; i + 2 < indices.length; i++) {
    // Every second triangle of a strip has the opposite winding (glTF 2.0, 3.7.2.1).
    const [a, b, c] = mode === FAN ? [i + 1, i + 2, 0] : i % 2 === 0 ? [i, i + 1, i + 2] : [i, i + 2, i + 1];
    out[i * 3] = u32(indices, a);
    out[i * 3 + 1] = u32(indices, b);
    out[i * 3 + 2] = u32(indices, c);
  }
  return out;
}
