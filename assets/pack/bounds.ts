import { fail } from '../fault.ts';
import type { Primitive } from '../gltf/meshes.ts';
import type { Model } from '../gltf/model.ts';
import type { Node } from '../gltf/nodes.ts';
import { influences } from './vertices.ts';

/** Vertices that are moved one by one; of what comes after, a primitive's box is. */
const VERTICES_MAX = 16 * 2 ** 20;
/** Squares of it, and sums of them, are within a 32-bit float. */
const REACH_MAX = 1e15;

export interface Box {
  min: number[];
  max: number[];
}

type Matrix = readonly number[];

/**
 * The bounds of what the scene shows, as the file has it, and with each morph target alone.
 * @throws NearlightError NL_MODEL where they are beyond what a game can reckon with
 */
export function sceneBounds({ nodes, meshes, skins }: Model): Box {
  const box: Box = { min: [Infinity, Infinity, Infinity], max: [-Infinity, -Infinity, -Infinity] };
  const worlds: Matrix[] = [];
  for (const node of nodes) worlds.push(node.parent < 0 ? local(node) : multiply(worlds[node.parent]!, local(node)));
  let left = VERTICES_MAX;
  for (const [index, { mesh, skin }] of nodes.entries()) {
    if (mesh < 0) continue;
    const joints = skins[skin]?.joints.map((joint, k) => {
      const inverse = [...skins[skin]!.inverses.subarray(k * 16, k * 16 + 16)];
      return multiply(worlds[joint]!, inverse);
    });
    for (const primitive of meshes[mesh]!.primitives) {
      left -= primitive.count * (1 + primitive.targets.length);
      const moved = left >= 0 ? primitive : corners(primitive);
      if (joints && primitive.joints.length > 0 && left >= 0) includeSkinned(box, primitive, joints);
      else includeAll(box, moved.positions, worlds[index]!);
      for (const { positions } of left >= 0 ? primitive.targets : [])
        if (positions) includeAll(box, sum(primitive.positions, positions), worlds[index]!);
    }
  }
  if ([...box.min, ...box.max].some((value) => !(Math.abs(value) < REACH_MAX)))
    fail('the model', `reaches further than ${REACH_MAX} from its origin`);
  return box;
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + b[i]!);
}

function includeAll(box: Box, positions: Float32Array, m: Matrix): void {
  for (let i = 0; i < positions.length; i += 3) include(box, m, positions[i]!, positions[i + 1]!, positions[i + 2]!);
}

function includeSkinned(box: Box, primitive: Primitive, joints: Matrix[]): void {
  const { positions } = primitive;
  const m = new Array<number>(16);
  for (let vertex = 0; vertex < primitive.count; vertex++) {
    const { joints: top, weights } = influences(primitive, vertex);
    const sum = weights[0]! + weights[1]! + weights[2]! + weights[3]! || 1;
    for (let k = 0; k < 16; k++) {
      m[k] = 0;
      for (let i = 0; i < 4; i++) m[k]! += (weights[i]! / sum) * joints[top[i]!]![k]!;
    }
    include(box, m, positions[vertex * 3]!, positions[vertex * 3 + 1]!, positions[vertex * 3 + 2]!);
  }
}

function include({ min, max }: Box, m: Matrix, x: number, y: number, z: number): void {
  for (let k = 0; k < 3; k++) {
    const value = m[k]! * x + m[4 + k]! * y + m[8 + k]! * z + m[12 + k]!;
    if (value < min[k]!) min[k] = value;
    if (value > max[k]!) max[k] = value;
  }
}

/** The corners of a primitive's box. */
function corners({ positions }: Primitive): { positions: Float32Array } {
  const box: Box = { min: [Infinity, Infinity, Infinity], max: [-Infinity, -Infinity, -Infinity] };
  includeAll(box, positions, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  const side = (corner: number, k: number) => ((corner >> k) & 1 ? box.max[k]! : box.min[k]!);
  return { positions: Float32Array.from({ length: 24 }, (_, i) => side(Math.floor(i / 3), i % 3)) };
}

function local({ translation, rotation, scale }: Node): Matrix {
  const [x, y, z, w] = rotation as [number, number, number, number];
  const [sx, sy, sz] = scale as [number, number, number];
  return [
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
    translation[0]!,
    translation[1]!,
    translation[2]!,
    1,
  ];
}

function multiply(a: Matrix, b: Matrix): Matrix {
  const out = new Array<number>(16).fill(0);
  for (let column = 0; column < 16; column += 4)
    for (let row = 0; row < 4; row++)
      for (let k = 0; k < 4; k++) out[column + row]! += a[k * 4 + row]! * b[column + k]!;
  return out;
}
