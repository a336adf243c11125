import { MeshoptTangents } from 'meshoptimizer/tangents';
import type { Slot } from '../gltf/materials.ts';
import type { Primitive } from '../gltf/meshes.ts';
import type { Frames } from './vertices.ts';

/** Faces that meet at less than this are smoothed where a model has no normals. */
const CREASE_RADIANS = Math.PI / 6;

/**
 * The normals and tangents of a primitive; made where it has none: normals by smoothing, tangents, which only a normal map needs,
 * as MikkTSpace does.
 */
export function makeFrames(primitive: Primitive, normalMap: Slot | undefined): Frames {
  const { positions, indices, normals: own, tangents } = primitive;
  const uv = normalMap && primitive.uvs[normalMap.texCoord];
  const isComplete = uv === undefined || tangents !== undefined;
  if (own && isComplete) return { normals: own, tangents, perCorner: false };
  const normals = own ?? MeshoptTangents.generateNormals(indices, positions, 3, CREASE_RADIANS);
  if (!normalMap || !uv) return { normals, tangents: undefined, perCorner: true };
  const made = MeshoptTangents.generateTangents(
    null,
    unindex(positions, indices, 3),
    3,
    own ? unindex(own, indices, 3) : normals,
    3,
    unindex(transform(uv, normalMap.transform), indices, 2),
    2,
    ['Compatible'],
  );
  // glTF's v goes down the picture, MikkTSpace's up.
  for (let i = 3; i < made.length; i += 4) made[i] = -made[i]!;
  return { normals: own ? unindex(own, indices, 3) : normals, tangents: made, perCorner: true };
}

function unindex(values: Float32Array, indices: Uint32Array, size: number): Float32Array {
  const out = new Float32Array(indices.length * size);
  for (let i = 0; i < indices.length; i++)
    for (let k = 0; k < size; k++) out[i * size + k] = values[indices[i]! * size + k]!;
  return out;
}

function transform(uv: Float32Array, [a, b, c, d]: number[]): Float32Array {
  const out = new Float32Array(uv.length);
  for (let i = 0; i < uv.length; i += 2) {
    out[i] = a! * uv[i]! + b! * uv[i + 1]!;
    out[i + 1] = c! * uv[i]! + d! * uv[i + 1]!;
  }
  return out;
}
