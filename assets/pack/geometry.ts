import { MeshoptEncoder } from 'meshoptimizer/encoder';
import { BASE_STRIDE, EXTRA_STRIDE, SKIN_STRIDE } from '../../renderer/contract/pack.ts';
import type { Slot } from '../gltf/materials.ts';
import type { Primitive } from '../gltf/meshes.ts';
import { makeFrames } from './frames.ts';
import { layOut, type Records } from './vertices.ts';

/** A primitive as it is written: streams, indices and deltas. */
export interface Geometry {
  vertexCount: number;
  base: Uint8Array;
  extra: Uint8Array | undefined;
  skin: Uint8Array | undefined;
  indices: Uint16Array | Uint32Array;
  morph: Morph | undefined;
  min: number[];
  max: number[];
}

export interface Morph {
  targetCount: number;
  positionScale: number;
  normalScale: number;
  /** MORPH_WORDS * 2 halves for each vertex of each target. */
  deltas: Uint16Array;
}

/** Merges equal vertices, orders them for the GPU's caches, and lays them out as format.ts says. */
export function buildGeometry(primitive: Primitive, normalMap: Slot | undefined): Geometry {
  const frames = makeFrames(primitive, normalMap);
  const { indices: own, count } = primitive;
  const source = frames.perCorner ? own : Uint32Array.from({ length: count }, (_, i) => i);
  const records = layOut(primitive, frames, source);
  const corners = frames.perCorner ? Uint32Array.from(own, (_, i) => i) : own;
  const { indices, unique } = weld(records, corners);
  const [remap, vertexCount] = MeshoptEncoder.reorderMesh(indices, true, false);
  const order = new Uint32Array(vertexCount);
  for (let i = 0; i < unique.length; i++) if (remap[i]! < vertexCount) order[remap[i]!] = unique[i]!;
  const bytes = new Uint8Array(records.words.buffer);
  const stream = (at: number, size: number) => gather(bytes, records.stride * 4, order, at, size);
  const sources = primitive.targets.length > 0 ? new Uint32Array(stream(records.sourceAt, 4).buffer) : undefined;
  return {
    vertexCount,
    base: stream(0, BASE_STRIDE),
    extra: records.skinAt > records.extraAt ? stream(records.extraAt, EXTRA_STRIDE) : undefined,
    skin: records.sourceAt > records.skinAt ? stream(records.skinAt, SKIN_STRIDE) : undefined,
    indices: vertexCount <= 0xffff ? Uint16Array.from(indices) : indices,
    morph: sources && buildMorph(primitive, sources),
    ...bounds(primitive),
  };
}

/** Gives the records that are not the same as an earlier one, and indices into these. */
function weld({ words, stride }: Records, corners: Uint32Array): { indices: Uint32Array; unique: Uint32Array } {
  const bits = Math.max(4, 33 - Math.clz32(corners.length));
  const mask = (1 << bits) - 1;
  const table = new Int32Array(1 << bits).fill(-1);
  const unique: number[] = [];
  const indices = new Uint32Array(corners.length);
  const known = new Map<number, number>();
  for (let i = 0; i < corners.length; i++) {
    const record = corners[i]!;
    let place = known.get(record);
    if (place === undefined) {
      let slot = hash(words, record * stride, stride) & mask;
      while (table[slot]! >= 0 && !same(words, unique[table[slot]!]! * stride, record * stride, stride))
        slot = (slot + 1) & mask;
      if (table[slot]! < 0) table[slot] = unique.push(record) - 1;
      place = table[slot]!;
      known.set(record, place);
    }
    indices[i] = place;
  }
  return { indices, unique: Uint32Array.from(unique) };
}

/** FNV-1a over words, mixed once more. */
function hash(words: Uint32Array, at: number, count: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < count; i++) h = Math.imul(h ^ words[at + i]!, 0x01000193) ^ (h >>> 15);
  return h ^ (h >>> 13);
}

function same(words: Uint32Array, a: number, b: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (words[a + i] !== words[b + i]) return false;
  return true;
}

function gather(bytes: Uint8Array, stride: number, order: Uint32Array, at: number, size: number): Uint8Array {
  const out = new Uint8Array(order.length * size);
  for (let i = 0; i < order.length; i++) {
    const from = order[i]! * stride + at;
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
        deltas[at + k] = positions ? toHalf(positions[vertex * 3 + k]! / positionScale) : 0;
        deltas[at + 3 + k] = normals ? toHalf(normals[vertex * 3 + k]! / normalScale) : 0;
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

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** A number of at most 1 as IEEE 754 binary16, rounded; what is below its normal numbers becomes 0. */
export function toHalf(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const rest = (bits & 0x7fffffff) + 0x1000 - 0x38000000;
  return rest < 0x00800000 ? sign : sign | (rest >>> 13);
}

/** Of the vertices as they are, and with each morph target alone. */
function bounds({ positions, indices, targets }: Primitive): { min: number[]; max: number[] } {
  const min = [Infinity, Infinity, Infinity];
  const max = [-Infinity, -Infinity, -Infinity];
  for (const deltas of [undefined, ...targets.map((target) => target.positions)]) {
    for (const index of indices) {
      for (let k = 0; k < 3; k++) {
        const value = positions[index * 3 + k]! + (deltas?.[index * 3 + k] ?? 0);
        if (value < min[k]!) min[k] = value;
        if (value > max[k]!) max[k] = value;
      }
    }
  }
  return { min, max };
}
