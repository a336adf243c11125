import {
  BASE_NORMAL,
  BASE_STRIDE,
  BASE_TANGENT,
  BASE_UV,
  EXTRA_COLOR,
  EXTRA_STRIDE,
  SKIN_STRIDE,
  SKIN_WEIGHTS,
} from '../../renderer/contract/pack.ts';
import { f32, f64, u32 } from '../element.ts';
import type { Primitive } from '../gltf/meshes.ts';

/** Normals and tangents of a primitive. */
export interface TangentFrames {
  normals: Float32Array;
  tangents: Float32Array | undefined;
  /**
   * True if there is one normal and tangent for each index, because they were generated; false if there is one for each vertex.
   */
  perCorner: boolean;
}

/**
 * The vertices of a primitive as records. Each record has the base stream's attributes, then those of the extra and skin
 * streams if there are any.
 */
export interface VertexRecords {
  words: Uint32Array;
  /** Number of 32-bit words in a vertex record. */
  stride: number;
  /**
   * Byte offsets in a vertex record: of the extra stream, of the skin stream and, for morph targets, of the vertex's number in
   * the model.
   */
  extraAt: number;
  skinAt: number;
  sourceAt: number;
}

/** Writes the vertices of a primitive as records. @param source the vertex that each record is made from */
export function layOutVertices(primitive: Primitive, frames: TangentFrames, source: Uint32Array): VertexRecords {
  const hasExtra = primitive.colors !== undefined || primitive.uvs[1] !== undefined;
  const hasSkin = primitive.joints.length > 0;
  const hasTargets = primitive.targets.length > 0;
  const extraAt = BASE_STRIDE;
  const skinAt = extraAt + (hasExtra ? EXTRA_STRIDE : 0);
  const sourceAt = skinAt + (hasSkin ? SKIN_STRIDE : 0);
  const bytes = sourceAt + (hasTargets ? 4 : 0);
  const view = new DataView(new ArrayBuffer(source.length * bytes));
  for (let i = 0; i < source.length; i++) {
    const at = i * bytes;
    const vertex = u32(source, i);
    writeBase(view, at, { primitive, vertex, frames, frame: frames.perCorner ? i : vertex });
    if (hasExtra) writeExtra(view, at + extraAt, primitive, vertex);
    if (hasSkin) writeSkin(view, at + skinAt, primitive, vertex);
    if (hasTargets) view.setUint32(at + sourceAt, vertex, true);
  }
  return { words: new Uint32Array(view.buffer), stride: bytes / 4, extraAt, skinAt, sourceAt };
}

interface BaseVertex {
  primitive: Primitive;
  vertex: number;
  frames: TangentFrames;
  /** Index of the vertex's normal and tangent in `frames`. */
  frame: number;
}

function writeBase(view: DataView, at: number, { primitive, vertex, frames, frame }: BaseVertex): void {
  for (let k = 0; k < 3; k++) view.setFloat32(at + k * 4, f32(primitive.positions, vertex * 3 + k), true);
  const { normals, tangents } = frames;
  const [u, v] = octahedral(f32(normals, frame * 3), f32(normals, frame * 3 + 1), f32(normals, frame * 3 + 2));
  view.setInt16(at + BASE_NORMAL, snorm16(u), true);
  view.setInt16(at + BASE_NORMAL + 2, snorm16(v), true);
  view.setUint32(at + BASE_TANGENT, tangents ? packTangent(tangents, frame * 4) : 0, true);
  const [uv] = primitive.uvs;
  if (!uv) return;
  view.setFloat32(at + BASE_UV, f32(uv, vertex * 2), true);
  view.setFloat32(at + BASE_UV + 4, f32(uv, vertex * 2 + 1), true);
}

function writeExtra(view: DataView, at: number, { uvs: [, uv], colors }: Primitive, vertex: number): void {
  view.setFloat32(at, uv ? f32(uv, vertex * 2) : 0, true);
  view.setFloat32(at + 4, uv ? f32(uv, vertex * 2 + 1) : 0, true);
  for (let k = 0; k < 4; k++)
    view.setUint8(at + EXTRA_COLOR + k, colors ? unorm(f32(colors, vertex * 4 + k), 255) : 255);
}

/** Writes the four greatest joint weights of a vertex, scaled so that their sum is 1, and the joints that have them. */
function writeSkin(view: DataView, at: number, primitive: Primitive, vertex: number): void {
  const { joints, weights } = influences(primitive, vertex);
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += f64(weights, k);
  for (let k = 0; k < 4; k++) {
    const weight = sum > 0 ? f64(weights, k) / sum : k === 0 ? 1 : 0;
    view.setUint16(at + k * 2, u32(joints, k), true);
    view.setUint16(at + SKIN_WEIGHTS + k * 2, unorm(weight, 65_535), true);
  }
}

const TOP = { joints: new Uint32Array(4), weights: new Float64Array(4) };

/**
 * Returns the four joints with the greatest weights for a vertex, the greatest first, and those weights. The next call reuses
 * both arrays.
 */
export function influences(primitive: Primitive, vertex: number): { joints: Uint32Array; weights: Float64Array } {
  const { joints, weights } = TOP;
  joints.fill(0);
  weights.fill(0);
  for (const { joints: setJoints, weights: setWeights } of primitive.joints) {
    for (let k = 0; k < 4; k++) {
      const weight = f32(setWeights, vertex * 4 + k);
      let place = 4;
      while (place > 0 && weight > f64(weights, place - 1)) place--;
      if (place === 4 || weight <= 0) continue;
      weights.copyWithin(place + 1, place, 3);
      joints.copyWithin(place + 1, place, 3);
      weights[place] = weight;
      joints[place] = u32(setJoints, vertex * 4 + k);
    }
  }
  return TOP;
}

/** Maps a direction to a point of the square that an octahedron unfolds to (Cigolle et al. 2014, section 2.2). */
function octahedral(x: number, y: number, z: number): [number, number] {
  const sum = Math.abs(x) + Math.abs(y) + Math.abs(z);
  if (sum === 0) return [0, 0];
  const [u, v] = [x / sum, y / sum];
  if (z >= 0) return [u, v];
  return [(1 - Math.abs(v)) * (u >= 0 ? 1 : -1), (1 - Math.abs(u)) * (v >= 0 ? 1 : -1)];
}

/** Packs a tangent into three components of 10 bits and the sign of its bitangent. */
function packTangent(tangents: Float32Array, at: number): number {
  const component = (k: number) => unorm(f32(tangents, at + k) * 0.5 + 0.5, 1023);
  const sign = f32(tangents, at + 3) < 0 ? 0 : 3;
  return (component(0) | (component(1) << 10) | (component(2) << 20) | (sign << 30)) >>> 0;
}

/** Converts a number from -1 to 1 to a signed integer of 16 bits. */
function snorm16(value: number): number {
  return Math.round(Math.min(Math.max(value, -1), 1) * 32_767);
}

/** Converts a number from 0 to 1 to an integer from 0 to `max`. */
function unorm(value: number, max: number): number {
  return Math.round(Math.min(Math.max(value, 0), 1) * max);
}
