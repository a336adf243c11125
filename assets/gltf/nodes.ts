import { must } from '../../host/base/assert.ts';
import { i32, u8 } from '../element.ts';
import { LIMITS } from '../limits.ts';
import type { Accessors } from './accessors.ts';
import type { Mesh } from './meshes.ts';
import { decompose, IDENTITY, type Transform } from './transform.ts';
import type { Value } from './value.ts';

export interface Node extends Transform {
  /** Index of the parent in the list of nodes, always lower than the node's own; -1 for a root. */
  parent: number;
  /** Index of the mesh; -1 if the node has none, or is not part of the scene. */
  mesh: number;
  /** Index of the skin; -1 if the node has none. */
  skin: number;
  /** A weight for each morph target of the mesh. */
  weights: number[];
}

export interface Skin {
  /** Indices of the nodes that are the joints of the skin. */
  joints: number[];
  /** The inverse bind matrix of each joint: sixteen floats, column by column. */
  inverses: Float32Array;
}

export interface Tree {
  /** The nodes of a model, sorted so that parents come before their children. */
  nodes: Node[];
  /** For each node of the file, its index in the sorted list `nodes`. */
  order: Int32Array;
}

/**
 * Reads and sorts the nodes of a model, and hides those outside the scene.
 * @throws NearlightError NL_MODEL if they are not a tree
 */
export function readNodes(root: Value, meshes: Mesh[], skins: number): Tree {
  const values = root.get('nodes').list();
  const parents = readParents(values);
  const sorted = sortNodes(values, parents);
  const visible = readScene(root, { values, parents, sorted });
  const order = new Int32Array(values.length);
  for (const [place, index] of sorted.entries()) order[index] = place;
  const nodes = sorted.map((index): Node => {
    const value = must(values[index], 'node');
    const parent = i32(parents, index);
    const mesh = value.get('mesh').optionalIndex(meshes.length, 'mesh');
    const weights = value.get('weights').list(LIMITS.targets);
    const ownWeights = weights.length > 0 ? weights.map((weight) => weight.number()) : meshes[mesh]?.weights;
    return {
      parent: parent < 0 ? -1 : i32(order, parent),
      mesh: u8(visible, index) ? mesh : -1,
      skin: value.get('skin').optionalIndex(skins, 'skin'),
      ...readTransform(value),
      weights: fitWeights(ownWeights, meshes[mesh]),
    };
  });
  return { nodes, order };
}

/** Returns a weight for each morph target of a mesh; 0 for those that the file does not give. */
function fitWeights(weights: number[] = [], mesh: Mesh | undefined): number[] {
  return Array.from({ length: targetCount(mesh) }, (_, i) => {
    const weight = Math.fround(weights[i] ?? 0);
    return Number.isFinite(weight) ? weight : 0;
  });
}

/** Number of morph targets of a mesh: the most that one of its primitives has. */
export function targetCount(mesh: Mesh | undefined): number {
  return mesh?.primitives.reduce((most, { targets }) => Math.max(most, targets.length), 0) ?? 0;
}

/** Returns the index of the parent of each node; -1 for roots. */
function readParents(values: Value[]): Int32Array {
  const parents = new Int32Array(values.length).fill(-1);
  for (const [index, value] of values.entries()) {
    for (const child of value.get('children').list()) {
      const at = child.index(values.length, 'node');
      const parent = i32(parents, at);
      if (parent >= 0) child.fail(`node ${at} is already a child of node ${parent}`);
      parents[at] = index;
    }
  }
  return parents;
}

/**
 * Returns the indices of nodes, sorted by depth in the tree.
 * @throws NearlightError NL_MODEL if a node is its own ancestor or lies too deep
 */
function sortNodes(values: Value[], parents: Int32Array): number[] {
  const depths = new Int32Array(values.length).fill(-1);
  for (const [index, value] of values.entries()) {
    // Follows the ancestors up to a root, or to a node whose depth is already known.
    const path: number[] = [];
    let at = index;
    for (; at >= 0 && i32(depths, at) < 0; at = i32(parents, at)) {
      path.push(at);
      if (path.length > LIMITS.depth) value.fail(hasCycle(parents, index) ? 'is its own ancestor' : 'lies too deep');
    }
    let depth = at < 0 ? 0 : i32(depths, at) + 1;
    for (const node of path.reverse()) depths[node] = depth++;
    if (depth > LIMITS.depth + 1) value.fail(`lies deeper than ${LIMITS.depth} nodes`);
  }
  return Array.from(depths.keys()).sort((a, b) => i32(depths, a) - i32(depths, b) || a - b);
}

function hasCycle(parents: Int32Array, from: number): boolean {
  let at = from;
  for (let steps = 0; at >= 0; steps++, at = i32(parents, at)) if (steps > parents.length) return true;
  return false;
}

interface NodeOrder {
  values: Value[];
  parents: Int32Array;
  /** Indices of nodes, parents before their children. */
  sorted: number[];
}

/** Returns 1 for each node that is part of the scene and 0 for others. Without a scene, all nodes are part of it. */
function readScene(root: Value, { values, parents, sorted }: NodeOrder): Uint8Array {
  const visible = new Uint8Array(values.length);
  const scenes = root.get('scenes').list();
  const scene = scenes[Math.max(0, root.get('scene').optionalIndex(scenes.length, 'scene'))];
  if (!scene) return visible.fill(1);
  for (const node of scene.get('nodes').list()) visible[node.index(values.length, 'node')] = 1;
  for (const index of sorted) {
    const parent = i32(parents, index);
    if (parent >= 0 && u8(visible, parent)) visible[index] = 1;
  }
  return visible;
}

function readTransform(node: Value): Transform {
  const matrix = node.get('matrix');
  if (matrix.exists) return decompose(matrix.vector(IDENTITY));
  const rotation = node.get('rotation').vector([0, 0, 0, 1]);
  const length = Math.hypot(...rotation);
  const [x, y, z, w] = rotation;
  return {
    translation: node.get('translation').vector([0, 0, 0]),
    rotation: length > 0 ? [x / length, y / length, z / length, w / length] : [0, 0, 0, 1],
    scale: node.get('scale').vector([1, 1, 1]),
  };
}

/**
 * Reads the skins of a model.
 * @param order for each node of the file, its index in the sorted list
 * @throws NearlightError NL_MODEL
 */
export function readSkins(root: Value, accessors: Accessors, order: Int32Array): Skin[] {
  return root
    .get('skins')
    .list()
    .map((skin) => {
      const joints = skin.get('joints').list(LIMITS.joints);
      if (joints.length === 0) skin.get('joints').fail('is empty');
      const at = skin.get('inverseBindMatrices');
      const index = at.optionalIndex(accessors.length, 'accessor');
      let inverses = new Float32Array(joints.flatMap(() => IDENTITY));
      if (index >= 0) {
        const head = accessors.head(index);
        if (head.type !== 'MAT4' || head.count < joints.length)
          at.fail(`its accessor does not have a MAT4 for each of ${joints.length} joints`);
        inverses = accessors.floats(index).slice(0, joints.length * 16);
      }
      return { joints: joints.map((joint) => i32(order, joint.index(order.length, 'node'))), inverses };
    });
}
