import { limits } from '../limits.ts';
import type { Accessors } from './accessors.ts';
import { Budget } from './budget.ts';
import type { Buffers } from './buffers.ts';
import { Draco } from './draco.ts';
import { toTriangles } from './triangles.ts';
import type { Value } from './value.ts';

/** Triangles of one material; vertex attributes one after another, deltas of morph targets likewise. */
export interface Primitive {
  place: string;
  count: number;
  /** Three floats a vertex. */
  positions: Float32Array;
  normals: Float32Array | undefined;
  /** Four floats: the direction and its sign. */
  tangents: Float32Array | undefined;
  /** Two floats each: TEXCOORD_0 and TEXCOORD_1. */
  uvs: (Float32Array | undefined)[];
  /** Four floats, linear. */
  colors: Float32Array | undefined;
  /** Sets of four joints and weights. */
  joints: Uint32Array[];
  weights: Float32Array[];
  indices: Uint32Array;
  material: number;
  targets: { positions: Float32Array | undefined; normals: Float32Array | undefined }[];
}

export interface Mesh {
  primitives: Primitive[];
  weights: number[];
}

interface Context {
  accessors: Accessors;
  buffers: Buffers;
  materials: number;
  warn(line: string): void;
}

/**
 * Reads the meshes of a model.
 * @throws NearlightError NL_MODEL naming the accessor or the attribute
 */
export async function readMeshes(root: Value, context: Context): Promise<Mesh[]> {
  const meshes = root.get('meshes').list();
  const compressed = meshes.some((mesh) =>
    mesh
      .get('primitives')
      .list()
      .some((primitive) => primitive.extension('KHR_draco_mesh_compression').exists),
  );
  const draco = compressed ? await Draco.load() : undefined;
  const reader = new MeshReader(context, draco);
  return meshes.map((mesh) => reader.mesh(mesh));
}

class MeshReader {
  readonly #context: Context;
  readonly #draco: Draco | undefined;
  readonly #vertices = new Budget('vertices', limits.vertices);
  readonly #indices = new Budget('indices', limits.indices);
  readonly #morphs = new Budget('vertices of morph targets', limits.morphVertices);

  constructor(context: Context, draco: Draco | undefined) {
    this.#context = context;
    this.#draco = draco;
  }

  mesh(mesh: Value): Mesh {
    const primitives = mesh
      .get('primitives')
      .list()
      .flatMap((primitive) => this.#primitive(primitive) ?? []);
    const weights = mesh.get('weights').list(limits.targets);
    return { primitives, weights: weights.map((weight) => Math.fround(weight.number())) };
  }

  #primitive(primitive: Value): Primitive | undefined {
    const { accessors, buffers, materials, warn } = this.#context;
    const mode = primitive.get('mode').integer({ max: 6, otherwise: 4 });
    const attributes = primitive.get('attributes');
    if (mode < 4 || !attributes.get('POSITION').exists) {
      warn(`${primitive.place}: ${mode < 4 ? 'points and lines are' : 'a primitive without positions is'} left out`);
      return undefined;
    }
    if (primitive.extension('KHR_draco_mesh_compression').exists) {
      this.#vertices.take(primitive.place, 0);
      this.#draco!.decode(primitive, buffers, accessors);
    }
    const positionIndex = attributes.get('POSITION').index(accessors.length, 'accessor');
    const { count } = accessors.head(positionIndex);
    this.#vertices.take(primitive.place, count);
    const joints = this.#sets(attributes, 'JOINTS', count).map((at) => accessors.integers(at));
    const weights = this.#sets(attributes, 'WEIGHTS', count).map((at) => accessors.floats(at));
    if (joints.length !== weights.length) attributes.fail('has not as many sets of weights as of joints');
    const result: Primitive = {
      place: primitive.place,
      count,
      positions: this.#floats(attributes.get('POSITION'), ['VEC3'], count)!,
      normals: this.#floats(attributes.get('NORMAL'), ['VEC3'], count),
      tangents: this.#floats(attributes.get('TANGENT'), ['VEC4'], count),
      uvs: [0, 1].map((set) => this.#floats(attributes.get(`TEXCOORD_${set}`), ['VEC2'], count)),
      colors: this.#colors(attributes.get('COLOR_0'), count),
      joints,
      weights,
      indices: this.#triangles(primitive, mode, count),
      material: primitive.get('material').optionalIndex(materials, 'material'),
      targets: this.#targets(primitive, count),
    };
    if (result.indices.length > 0) return result;
    warn(`${primitive.place}: it has no triangles and is left out`);
    return undefined;
  }

  #triangles(primitive: Value, mode: number, count: number): Uint32Array {
    const { accessors } = this.#context;
    const at = primitive.get('indices');
    const index = at.optionalIndex(accessors.length, 'accessor');
    const length = index < 0 ? count : accessors.head(index).count;
    this.#indices.take(primitive.place, length * (mode === 4 ? 1 : 3));
    if (index >= 0 && accessors.head(index).components !== 1) at.fail('its accessor is not SCALAR');
    const indices = index < 0 ? Uint32Array.from({ length }, (_, i) => i) : accessors.integers(index);
    const outside = indices.findIndex((vertex) => vertex >= count);
    if (outside >= 0)
      accessors.head(index).value.fail(`element ${outside} is ${indices[outside]}, but there are ${count} vertices`);
    return toTriangles(indices, mode)!;
  }

  /** The accessors of sets such as JOINTS_0, JOINTS_1, of four components each. */
  #sets(attributes: Value, name: string, count: number): number[] {
    const { accessors } = this.#context;
    const sets: number[] = [];
    for (let set = 0; set < 4 && attributes.get(`${name}_${set}`).exists; set++) {
      const at = attributes.get(`${name}_${set}`);
      const index = at.index(accessors.length, 'accessor');
      const head = accessors.head(index);
      if (head.type !== 'VEC4' || head.count !== count) at.fail(`is no VEC4 of ${count} vertices`);
      sets.push(index);
    }
    return sets;
  }

  #floats(at: Value, types: readonly string[], count: number): Float32Array | undefined {
    const { accessors } = this.#context;
    const index = at.optionalIndex(accessors.length, 'accessor');
    if (index < 0) return undefined;
    const head = accessors.head(index);
    if (!types.includes(head.type)) at.fail(`its accessor is ${head.type} instead of ${types.join(' or ')}`);
    if (head.count !== count) at.fail(`its accessor has ${head.count} elements, POSITION ${count}`);
    return accessors.floats(index);
  }

  #colors(at: Value, count: number): Float32Array | undefined {
    const floats = this.#floats(at, ['VEC3', 'VEC4'], count);
    if (!floats || floats.length === count * 4) return floats;
    const out = new Float32Array(count * 4).fill(1);
    for (let i = 0; i < count; i++) out.set(floats.subarray(i * 3, i * 3 + 3), i * 4);
    return out;
  }

  #targets(primitive: Value, count: number): Primitive['targets'] {
    const targets = primitive.get('targets').list(limits.targets);
    this.#morphs.take(primitive.place, targets.length * count);
    return targets.map((target) => ({
      positions: this.#floats(target.get('POSITION'), ['VEC3'], count),
      normals: this.#floats(target.get('NORMAL'), ['VEC3'], count),
    }));
  }
}
