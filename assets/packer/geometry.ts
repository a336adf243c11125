import { MeshoptEncoder } from 'meshoptimizer/encoder';
import { must } from '../../host/base/assert.ts';
import { BASE_STRIDE, EXTRA_STRIDE, SKIN_STRIDE } from '../../renderer/contract/pack.ts';
import { f32, i32, u32 } from '../element.ts';
import type { Slot } from '../gltf/materials.ts';
import type { Primitive } from '../gltf/meshes.ts';
import { Box, type Vec3 } from './box.ts';
import { makeTangentFrames } from './tangents.ts';
import { layOutVertices, type VertexRecords } from './vertices.ts';

/** A primitive as it is written to the packed model: vertex streams, indices and morph deltas. */
export interface Geometry {
  vertexCount: number;
  base: Uint8Array;
  extra: Uint8Array | undefined;
  skin: Uint8Array | undefined;
  indices: Uint16Array | Uint32Array;
  morph: Morph | undefined;
  min: Vec3;
  max: Vec3;
}

/** The morph targets of a primitive. Deltas of positions and of normals are stored as fractions of the two scales. */
export interface Morph {
  targetCount: number;
  positionScale: number;
  normalScale: number;
  /** Deltas of position and normal: six 16-bit floats for each vertex of each target. */
  deltas: Uint16Array;
}

/**
 * Merges equal vertices of a primitive, orders them for the GPU's caches, and writes them as renderer/contract/pack.ts
 * describes.
 */
export function buildGeometry(primitive: Primitive, normalMap: Slot | undefined): Geometry {
  const frames = makeTangentFrames(primitive, normalMap);
  const { indices: own, count } = primitive;
  const source = frames.perCorner ? own : Uint32Array.from({ length: count }, (_, i) => i);
  const records = layOutVertices(primitive, frames, source);
  const corners = frames.perCorner ? Uint32Array.from(own, (_, i) => i) : own;
  const { indices, unique } = weld(records, corners);
  const [remap, vertexCount] = MeshoptEncoder.reorderMesh(indices, true, false);
  const order = new Uint32Array(vertexCount);
  for (let i = 0; i < unique.length; i++) {
    const place = u32(remap, i);
    // meshoptimizer maps vertices that no triangle uses to a number beyond all vertices.
    if (place < vertexCount) order[place] = u32(unique, i);
  }
  const bytes = new Uint8Array(records.words.buffer);
  const stream = (at: number, size: number) => gather(bytes, records.stride * 4, order, at, size);
  const sources = primitive.targets.length > 0 ? new Uint32Array(stream(records.sourceAt, 4).buffer) : undefined;
  const { min, max } = bounds(primitive);
  return {
    vertexCount,
    base: stream(0, BASE_STRIDE),
    extra: records.skinAt > records.extraAt ? stream(records.extraAt, EXTRA_STRIDE) : undefined,
    skin: records.sourceAt > records.skinAt ? stream(records.skinAt, SKIN_STRIDE) : undefined,
    indices: vertexCount <= 0xffff ? Uint16Array.from(indices) : indices,
    morph: sources && buildMorph(primitive, sources),
    min,
    max,
  };
}

/**
 * Finds equal vertex records. Returns the numbers of the distinct records, and for each corner of a triangle an index into
 * these.
 */
function weld({ words, stride }: VertexRecords, corners: Uint32Array): { indices: Uint32Array; unique: Uint32Array } {
  const bits = Math.max(4, 33 - Math.clz32(corners.length));
  const mask = (1 << bits) - 1;
  // A hash table with linear probing; it contains places in `unique`.
  const table = new Int32Array(1 << bits).fill(-1);
  const unique: number[] = [];
  const indices = new Uint32Array(corners.length);
  const known = new Map<number, number>();
  for (let i = 0; i < corners.length; i++) {
    const record = u32(corners, i);
    let place = known.get(record);
    if (place === undefined) {
      const recordAt = (at: number) => must(unique[at], 'record') * stride;
      let slot = hash(words, record * stride, stride) & mask;
      for (place = i32(table, slot); place >= 0; place = i32(table, slot)) {
        if (same(words, recordAt(place), record * stride, stride)) break;
        slot = (slot + 1) & mask;
      }
      if (place < 0) {
        place = unique.push(record) - 1;
        table[slot] = place;
      }
      known.set(record, place);
    }
    indices[i] = place;
  }
  return { indices, unique: Uint32Array.from(unique) };
}

/** Hashes the 32-bit words of a vertex record (FNV-1a, with an additional shift). */
function hash(words: Uint32Array, at: number, count: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < count; i++) h = Math.imul(h ^ u32(words, at + i), 0x01000193) ^ (h >>> 15);
  return h ^ (h >>> 13);
}

function same(words: Uint32Array, a: number, b: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (words[a + i] !== words[b + i]) return false;
  return true;
}

/** Copies `size` bytes at offset `at` of each vertex record, in the given order. */
function gather(bytes: Uint8Array, stride: number, order: Uint32Array, at: number, size: number): Uint8Array {
  const out = new Uint8Array(order.length * size);
  for (let i = 0; i < order.length; i++) {
    const from = u32(order, i) * stride + at;
    out.set(bytes.subarray(from, from + size), i * size);
  }
  return out;
}

function buildMorph({ targets }: Primitive, sources: Uint32Array): Morph {
  const positionScale = targets.reduce((most, { positions }) => Math.max(most, greatest(positions)), 0) || 1;
  const normalScale = targets.reduce((most, { normals }) => Math.max(most, greatest(normals)), 0) || 1;
  const deltas = new Uint16Array(targets.length * sources.length * 6);
  let at = 0;
  for (const { positions, normals } of targets) {
    for (const vertex of sources) {
      for (let k = 0; k < 3; k++) {
        deltas[at + k] = positions ? toHalf(f32(positions, vertex * 3 + k) / positionScale) : 0;
        deltas[at + 3 + k] = normals ? toHalf(f32(normals, vertex * 3 + k) / normalScale) : 0;
      }
      at += 6;
    }
  }
  return { targetCount: targets.length, positionScale, normalScale, deltas };
}

function greatest(values: Float32Array | undefined): number {
  let most = 0;
  if (values) for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

const FLOAT = new DataView(new ArrayBuffer(4));

/** Converts a number from -1 to 1 to IEEE 754 binary16. Rounds it, and turns subnormal numbers into 0. */
export function toHalf(value: number): number {
  FLOAT.setFloat32(0, value);
  const bits = FLOAT.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const rest = (bits & 0x7fffffff) + 0x1000 - 0x38000000;
  return rest < 0x00800000 ? sign : sign | (rest >>> 13);
}

/** Returns a box around the vertices of a primitive: without morph targets, and with each of them fully applied on its own. */
function bounds({ positions, indices, targets }: Primitive): Box {
  const box = new Box();
  const coordinate = (deltas: Float32Array | undefined, at: number) =>
    f32(positions, at) + (deltas ? f32(deltas, at) : 0);
  for (const deltas of [undefined, ...targets.map((target) => target.positions)])
    for (const index of indices)
      box.include(coordinate(deltas, index * 3), coordinate(deltas, index * 3 + 1), coordinate(deltas, index * 3 + 2));
  return box;
}
