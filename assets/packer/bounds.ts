import { must } from '../../host/base/assert.ts';
import { f32, f64, u32 } from '../element.ts';
import { fail } from '../fault.ts';
import type { Primitive } from '../gltf/meshes.ts';
import type { Model } from '../gltf/model.ts';
import { Box } from './box.ts';
import { localMatrix, type Matrix, multiply, transformed } from './matrix.ts';
import { influences } from './vertices.ts';

/**
 * Number of vertices that are transformed one by one to find a model's bounds. After them, only the corners of a primitive's
 * box are.
 */
const VERTICES_MAX = 16 * 2 ** 20;
/**
 * Greatest coordinate of a model in metres. Its square, and sums of such squares, can still be represented by a 32-bit float.
 */
const REACH_MAX = 1e15;
const IDENTITY = Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);

/**
 * Computes a box around the scene of a model: without animation, and with each morph target fully applied on its own.
 * @throws NearlightError NL_MODEL if the scene extends further than a game can compute with
 */
export function sceneBounds({ nodes, meshes, skins }: Model): Box {
  const box = new Box();
  const worlds: Matrix[] = [];
  for (const node of nodes) {
    const parent = worlds[node.parent];
    worlds.push(parent ? multiply(parent, localMatrix(node)) : localMatrix(node));
  }
  const worldOf = (node: number) => must(worlds[node], 'transform of a node');
  let left = VERTICES_MAX;
  for (const [index, { mesh, skin }] of nodes.entries()) {
    const { primitives } = meshes[mesh] ?? { primitives: [] };
    const { joints = [], inverses = new Float32Array() } = skins[skin] ?? {};
    const matrices = joints.map((joint, k) =>
      multiply(worldOf(joint), Float64Array.from(inverses.subarray(k * 16, k * 16 + 16))),
    );
    for (const primitive of primitives) {
      left -= primitive.count * (1 + primitive.targets.length);
      // A skinned primitive moves with its joints alone; the transform of its node does not count (glTF 2.0, 3.7.3.3).
      const isSkinned = matrices.length > 0 && primitive.joints.length > 0;
      const include = (positions: Float32Array): void => {
        if (isSkinned) includeSkinned(box, { ...primitive, positions }, matrices);
        else includeAll(box, positions, worldOf(index));
      };
      if (left < 0) {
        for (const matrix of isSkinned ? matrices : [worldOf(index)]) includeAll(box, corners(primitive), matrix);
        continue;
      }
      include(primitive.positions);
      for (const { positions } of primitive.targets) if (positions) include(sum(primitive.positions, positions));
    }
  }
  if ([...box.min, ...box.max].some((value) => !(Math.abs(value) < REACH_MAX)))
    fail('the model', `extends further than ${REACH_MAX} m from its origin`);
  return box;
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + f32(b, i));
}

function includeAll(box: Box, positions: Float32Array, world: Matrix): void {
  for (let vertex = 0; vertex * 3 < positions.length; vertex++) include(box, world, positions, vertex);
}

function include(box: Box, world: Matrix, positions: Float32Array, vertex: number): void {
  box.include(
    transformed(world, positions, vertex, 0),
    transformed(world, positions, vertex, 1),
    transformed(world, positions, vertex, 2),
  );
}

function includeSkinned(box: Box, primitive: Primitive, matrices: readonly Matrix[]): void {
  const blended = new Float64Array(16);
  for (let vertex = 0; vertex < primitive.count; vertex++) {
    const { joints, weights } = influences(primitive, vertex);
    const total = f64(weights, 0) + f64(weights, 1) + f64(weights, 2) + f64(weights, 3) || 1;
    blended.fill(0);
    for (let i = 0; i < 4; i++) {
      const matrix = must(matrices[u32(joints, i)], 'joint');
      const weight = f64(weights, i) / total;
      for (let k = 0; k < 16; k++) blended[k] = f64(blended, k) + weight * f64(matrix, k);
    }
    include(box, blended, primitive.positions, vertex);
  }
}

/** Returns the corners of a box around a primitive's vertices, before any transform. */
function corners({ positions }: Primitive): Float32Array {
  const box = new Box();
  includeAll(box, positions, IDENTITY);
  return box.corners();
}
