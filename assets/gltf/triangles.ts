const TRIANGLES = 4;
const STRIP = 5;
const FAN = 6;

/** The indices of a primitive as a list of triangles; undefined for a mode that has none: points and lines. */
export function toTriangles(indices: Uint32Array, mode: number): Uint32Array | undefined {
  if (mode === TRIANGLES) return indices.subarray(0, indices.length - (indices.length % 3));
  if (mode !== STRIP && mode !== FAN) return undefined;
  const out = new Uint32Array(Math.max(0, indices.length - 2) * 3);
  for (let i = 0; i + 2 < indices.length; i++) {
    // Every second triangle of a strip turns round (glTF 2.0, 3.7.2.1).
    const [a, b, c] = mode === FAN ? [i + 1, i + 2, 0] : i % 2 === 0 ? [i, i + 1, i + 2] : [i, i + 2, i + 1];
    out[i * 3] = indices[a]!;
    out[i * 3 + 1] = indices[b]!;
    out[i * 3 + 2] = indices[c]!;
  }
  return out;
}
