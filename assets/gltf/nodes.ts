import { limits } from '../limits.ts';
import type { Accessors } from './accessors.ts';
import type { Mesh } from './meshes.ts';
import type { Value } from './value.ts';

export interface Node {
  /** A place in the same list, before this node; -1 for a root. */
  parent: number;
  /** -1 also where the node is not part of the scene. */
  mesh: number;
  skin: number;
  translation: number[];
  rotation: number[];
  scale: number[];
  weights: number[];
}

export interface Skin {
  /** Nodes. */
  joints: number[];
  /** Sixteen floats a joint, column by column. */
  inverses: Float32Array;
}

export interface Tree {
  /** Parents before their children. */
  nodes: Node[];
  /** Where each node of the file has gone. */
  order: Int32Array;
}

const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** Reads the nodes, sorted, and which of them belong to the scene. @throws NearlightError NL_MODEL for what is no tree */
export function readNodes(root: Value, meshes: Mesh[], skins: number): Tree {
  const values = root.get('nodes').list();
  const parents = readParents(values);
  const sorted = sort(values, parents);
  const visible = readScene(root, values, parents, sorted);
  const order = new Int32Array(values.length);
  for (const [place, index] of sorted.entries()) order[index] = place;
  const nodes = sorted.map((index): Node => {
    const value = values[index]!;
    const mesh = value.get('mesh').optionalIndex(meshes.length, 'mesh');
    const weights = value.get('weights').list(limits.targets);
    return {
      parent: parents[index]! < 0 ? -1 : order[parents[index]!]!,
      mesh: visible[index] ? mesh : -1,
      skin: value.get('skin').optionalIndex(skins, 'skin'),
      ...readTransform(value),
      weights: fitWeights(weights.length > 0 ? weights.map((w) => w.number()) : meshes[mesh]?.weights, meshes[mesh]),
    };
  });
  return { nodes, order };
}

/** A weight for each morph target of a mesh; 0 where none is given. */
function fitWeights(weights: number[] = [], mesh: Mesh | undefined): number[] {
  return Array.from({ length: targetCount(mesh) }, (_, i) => {
    const weight = Math.fround(weights[i] ?? 0);
    return Number.isFinite(weight) ? weight : 0;
  });
}

/** The morph targets of a mesh, of which each primitive should have as many. */
export function targetCount(mesh: Mesh | undefined): number {
  return mesh?.primitives.reduce((most, { targets }) => Math.max(most, targets.length), 0) ?? 0;
}

function readParents(values: Value[]): Int32Array {
  const parents = new Int32Array(values.length).fill(-1);
  for (const [index, value] of values.entries()) {
    for (const child of value.get('children').list()) {
      const at = child.index(values.length, 'node');
      if (parents[at]! >= 0) child.fail(`node ${at} is a child of node ${parents[at]} already`);
      parents[at] = index;
    }
  }
  return parents;
}

/** Parents first; what is left over lies on a cycle. */
function sort(values: Value[], parents: Int32Array): number[] {
  const depths = new Int32Array(values.length).fill(-1);
  for (let index = 0; index < values.length; index++) {
    const path: number[] = [];
    let at = index;
    for (; at >= 0 && depths[at]! < 0; at = parents[at]!) {
      path.push(at);
      if (path.length > limits.depth)
        values[index]!.fail(path.includes(at, 0) && hasCycle(parents, index) ? 'is its own ancestor' : 'lies too deep');
    }
    let depth = at < 0 ? 0 : depths[at]! + 1;
    for (const node of path.reverse()) depths[node] = depth++;
    if (depth > limits.depth + 1) values[index]!.fail(`lies deeper than ${limits.depth} nodes`);
  }
  return Array.from(depths.keys()).sort((a, b) => depths[a]! - depths[b]! || a - b);
}

function hasCycle(parents: Int32Array, from: number): boolean {
  let at = from;
  for (let steps = 0; at >= 0; steps++, at = parents[at]!) if (steps > parents.length) return true;
  return false;
}

function readScene(root: Value, values: Value[], parents: Int32Array, sorted: number[]): Uint8Array {
  const visible = new Uint8Array(values.length);
  const scenes = root.get('scenes').list();
  const scene = scenes[Math.max(0, root.get('scene').optionalIndex(scenes.length, 'scene'))];
  if (!scene) return visible.fill(1);
  for (const node of scene.get('nodes').list()) visible[node.index(values.length, 'node')] = 1;
  for (const index of sorted) if (parents[index]! >= 0 && visible[parents[index]!]) visible[index] = 1;
  return visible;
}

function readTransform(node: Value): Pick<Node, 'translation' | 'rotation' | 'scale'> {
  const matrix = node.get('matrix');
  if (matrix.exists) return decompose(matrix.numbers(16, IDENTITY));
  const rotation = node.get('rotation').numbers(4, [0, 0, 0, 1]);
  const length = Math.hypot(...rotation);
  return {
    translation: node.get('translation').numbers(3, [0, 0, 0]),
    rotation: length > 0 ? rotation.map((value) => value / length) : [0, 0, 0, 1],
    scale: node.get('scale').numbers(3, [1, 1, 1]),
  };
}

/** Splits a matrix without shear (glTF 2.0, 3.5.3). */
function decompose(m: number[]): Pick<Node, 'translation' | 'rotation' | 'scale'> {
  const column = (i: number): number[] => m.slice(i * 4, i * 4 + 3);
  const scale = [0, 1, 2].map((i) => Math.hypot(...column(i)));
  const [x, y, z] = [column(0), column(1), column(2)] as const;
  const turned = x[0]! * (y[1]! * z[2]! - y[2]! * z[1]!) - y[0]! * (x[1]! * z[2]! - x[2]! * z[1]!);
  if (turned + z[0]! * (x[1]! * y[2]! - x[2]! * y[1]!) < 0) scale[0] = -scale[0]!;
  const r = [x, y, z].map((axis, i) => axis.map((value) => (scale[i] === 0 ? 0 : value / scale[i]!)));
  return { translation: m.slice(12, 15), rotation: toQuaternion(r as number[][]), scale };
}

/** From the columns of a rotation (Shepperd's method). */
function toQuaternion([x, y, z]: number[][]): number[] {
  const [xx, yy, zz] = [x![0]!, y![1]!, z![2]!];
  let q: number[];
  if (xx + yy + zz > 0) q = [y![2]! - z![1]!, z![0]! - x![2]!, x![1]! - y![0]!, 1 + xx + yy + zz];
  else if (xx > yy && xx > zz) q = [1 + xx - yy - zz, y![0]! + x![1]!, z![0]! + x![2]!, y![2]! - z![1]!];
  else if (yy > zz) q = [y![0]! + x![1]!, 1 + yy - xx - zz, z![1]! + y![2]!, z![0]! - x![2]!];
  else q = [z![0]! + x![2]!, z![1]! + y![2]!, 1 + zz - xx - yy, x![1]! - y![0]!];
  const length = Math.hypot(...q);
  return length > 0 ? q.map((value) => value / length) : [0, 0, 0, 1];
}

/** Reads skins; `order` says where nodes have gone. @throws NearlightError NL_MODEL */
export function readSkins(root: Value, accessors: Accessors, order: Int32Array): Skin[] {
  return root
    .get('skins')
    .list()
    .map((skin) => {
      const joints = skin.get('joints').list(limits.joints);
      if (joints.length === 0) skin.get('joints').fail('is empty');
      const at = skin.get('inverseBindMatrices');
      const index = at.optionalIndex(accessors.length, 'accessor');
      let inverses = new Float32Array(joints.flatMap(() => IDENTITY));
      if (index >= 0) {
        const head = accessors.head(index);
        if (head.type !== 'MAT4' || head.count < joints.length) at.fail(`is no MAT4 for ${joints.length} joints`);
        inverses = accessors.floats(index).slice(0, joints.length * 16);
      }
      return { joints: joints.map((joint) => order[joint.index(order.length, 'node')]!), inverses };
    });
}
