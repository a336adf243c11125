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
import type { Primitive } from '../gltf/meshes.ts';

/** Normals and tangents, one for each vertex, or one for each index where they had to be made. */
export interface Frames {
  normals: Float32Array;
  tangents: Float32Array | undefined;
  perCorner: boolean;
}

/** The streams of a primitive in one record for each vertex: base, then extra and skin where there are any. */
export interface Records {
  words: Uint32Array;
  /** Words of a record; the last is the vertex's number in the file where morph targets depend on it. */
  stride: number;
  extraAt: number;
  skinAt: number;
  sourceAt: number;
}

/** Lays the vertices of a primitive out; `source` gives the vertex of each record. */
export function layOut(primitive: Primitive, frames: Frames, source: Uint32Array): Records {
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
    const vertex = source[i]!;
    writeBase(view, at, primitive, vertex, frames, frames.perCorner ? i : vertex);
    if (hasExtra) writeExtra(view, at + extraAt, primitive, vertex);
    if (hasSkin) writeSkin(view, at + skinAt, primitive, vertex);
    if (hasTargets) view.setUint32(at + sourceAt, vertex, true);
  }
  return { words: new Uint32Array(view.buffer), stride: bytes / 4, extraAt, skinAt, sourceAt };
}

function writeBase(view: DataView, at: number, p: Primitive, vertex: number, frames: Frames, frame: number): void {
  for (let k = 0; k < 3; k++) view.setFloat32(at + k * 4, p.positions[vertex * 3 + k]!, true);
  const { normals, tangents } = frames;
  const [u, v] = octahedral(normals[frame * 3]!, normals[frame * 3 + 1]!, normals[frame * 3 + 2]!);
  view.setInt16(at + BASE_NORMAL, snorm16(u), true);
  view.setInt16(at + BASE_NORMAL + 2, snorm16(v), true);
  view.setUint32(at + BASE_TANGENT, tangents ? packTangent(tangents, frame * 4) : 0, true);
  const uv = p.uvs[0];
  if (!uv) return;
  view.setFloat32(at + BASE_UV, uv[vertex * 2]!, true);
  view.setFloat32(at + BASE_UV + 4, uv[vertex * 2 + 1]!, true);
}

function writeExtra(view: DataView, at: number, p: Primitive, vertex: number): void {
  const uv = p.uvs[1];
  view.setFloat32(at, uv ? uv[vertex * 2]! : 0, true);
  view.setFloat32(at + 4, uv ? uv[vertex * 2 + 1]! : 0, true);
  for (let k = 0; k < 4; k++)
    view.setUint8(at + EXTRA_COLOR + k, p.colors ? unorm(p.colors[vertex * 4 + k]!, 255) : 255);
}

/** The four greatest weights, their sum 1. */
function writeSkin(view: DataView, at: number, p: Primitive, vertex: number): void {
  const { joints, weights } = influences(p, vertex);
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += weights[k]!;
  for (let k = 0; k < 4; k++) {
    view.setUint16(at + k * 2, joints[k]!, true);
    view.setUint16(at + SKIN_WEIGHTS + k * 2, sum > 0 ? unorm(weights[k]! / sum, 65_535) : k === 0 ? 65_535 : 0, true);
  }
}

const topJoints = [0, 0, 0, 0];
const topWeights = [0, 0, 0, 0];

/** The four joints that a vertex follows most, the first first; the same arrays each time. */
export function influences(p: Primitive, vertex: number): { joints: number[]; weights: number[] } {
  topJoints.fill(0);
  topWeights.fill(0);
  for (let set = 0; set < p.joints.length; set++) {
    for (let k = 0; k < 4; k++) {
      const weight = p.weights[set]![vertex * 4 + k]!;
      let place = 4;
      while (place > 0 && weight > topWeights[place - 1]!) place--;
      if (place === 4 || weight <= 0) continue;
      for (let i = 3; i > place; i--) {
        topWeights[i] = topWeights[i - 1]!;
        topJoints[i] = topJoints[i - 1]!;
      }
      topWeights[place] = weight;
      topJoints[place] = p.joints[set]![vertex * 4 + k]!;
    }
  }
  return { joints: topJoints, weights: topWeights };
}

/** A direction as a point of the square that an octahedron unfolds to (Cigolle et al. 2014, section 2.2). */
function octahedral(x: number, y: number, z: number): [number, number] {
  const sum = Math.abs(x) + Math.abs(y) + Math.abs(z);
  if (sum === 0) return [0, 0];
  const [u, v] = [x / sum, y / sum];
  if (z >= 0) return [u, v];
  return [(1 - Math.abs(v)) * (u >= 0 ? 1 : -1), (1 - Math.abs(u)) * (v >= 0 ? 1 : -1)];
}

function packTangent(tangents: Float32Array, at: number): number {
  const component = (k: number) => unorm(tangents[at + k]! * 0.5 + 0.5, 1023);
  const sign = tangents[at + 3]! < 0 ? 0 : 3;
  return (component(0) | (component(1) << 10) | (component(2) << 20) | (sign << 30)) >>> 0;
}

function snorm16(value: number): number {
  return Math.round(Math.min(Math.max(value, -1), 1) * 32_767);
}

function unorm(value: number, max: number): number {
  return Math.round(Math.min(Math.max(value, 0), 1) * max);
}
