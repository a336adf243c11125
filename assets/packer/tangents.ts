import { MeshoptTangents } from 'meshoptimizer/tangents';
import { f32, u32 } from '../element.ts';
import type { Slot } from '../gltf/materials.ts';
import type { Primitive } from '../gltf/meshes.ts';
import type { TangentFrames } from './vertices.ts';

/** Angle between two faces below which the normals generated for a model without normals are smoothed across their edge. */
const CREASE_RADIANS = Math.PI / 6;

/**
 * Returns the normals and tangents of a primitive, and generates those that it lacks. Generated normals are smoothed across
 * edges. Tangents are generated, like MikkTSpace does, only if the material has a normal map, since nothing else needs them.
 */
export function makeTangentFrames(primitive: Primitive, normalMap: Slot | undefined): TangentFrames {
  const { positions, indices, normals: own, tangents } = primitive;
  const uv = normalMap && primitive.uvs[normalMap.texCoord];
  const isComplete = uv === undefined || tangents !== undefined;
  if (own && isComplete) return { normals: own, tangents, perCorner: false };
  const normals = own ?? MeshoptTangents.generateNormals(indices, positions, 3, CREASE_RADIANS);
  if (!normalMap || !uv) return { normals, tangents: undefined, perCorner: true };
  const generated = MeshoptTangents.generateTangents(
    null,
    unindex(positions, indices, 3),
    3,
    own ? unindex(own, indices, 3) : normals,
    3,
    unindex(transform(uv, normalMap.transform), indices, 2),
    2,
    ['Compatible'],
  );
  // In glTF, the texture coordinate v grows downwards in the image; in MikkTSpace, upwards.
  for (let i = 3; i < generated.length; i += 4) generated[i] = -f32(generated, i);
  return { normals: own ? unindex(own, indices, 3) : normals, tangents: generated, perCorner: true };
}

/** Copies vertex values so that there is one for each index, instead of one for each vertex. @param size floats per vertex */
function unindex(values: Float32Array, indices: Uint32Array, size: number): Float32Array {
  const out = new Float32Array(indices.length * size);
  for (let i = 0; i < indices.length; i++)
    for (let k = 0; k < size; k++) out[i * size + k] = f32(values, u32(indices, i) * size + k);
  return out;
}

/** Applies a texture transform to texture coordinates, without its offset, which does not affect tangents. */
function transform(uv: Float32Array, [a, b, c, d]: Slot['transform']): Float32Array {
  const out = new Float32Array(uv.length);
  for (let i = 0; i < uv.length; i += 2) {
    const [u, v] = [f32(uv, i), f32(uv, i + 1)];
    out[i] = a * u + b * v;
    out[i + 1] = c * u + d * v;
  }
  return out;
}
