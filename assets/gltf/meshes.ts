import { must } from '../../host/base/assert.ts';
import { LIMITS } from '../limits.ts';
import type { Accessors } from './accessors.ts';
import { Budget } from './budget.ts';
import type { Buffers } from './buffers.ts';
import { Draco } from './draco.ts';
import { toTriangles } from './triangles.ts';
import type { Value } from './value.ts';

/** A primitive of a mesh: triangles with one material. Attributes have one value per vertex, one after another. */
export interface Primitive {
  /** Place of the primitive in the model, such as `meshes[0].primitives[1]`. */
  place: string;
  /** Number of vertices. */
  count: number;
  /** Positions of the vertices, three floats each. */
  positions: Float32Array;
  normals: Float32Array | undefined;
  /** Tangents of the vertices, four floats each: the direction, and the sign of the bitangent. */
  tangents: Float32Array | undefined;
  /** Texture coordinates TEXCOORD_0 and TEXCOORD_1, two floats per vertex each. */
  uvs: [Float32Array | undefined, Float32Array | undefined];
  /** Colours of the vertices in linear light, four floats each. */
  colors: Float32Array | undefined;
  /** The joints of each vertex and their weights, in sets of four joints per vertex. */
  joints: { joints: Uint32Array; weights: Float32Array }[];
  /** Three indices of vertices per triangle. */
  indices: Uint32Array;
  /** Index of the material; -1 for the default one. */
  material: number;
  /** For each morph target, the numbers that it adds to positions and normals, three floats per vertex. */
  targets: { positions: Float32Array | undefined; normals: Float32Array | undefined }[];
}

export interface Mesh {
  primitives: Primitive[];
  /** Weights of the morph targets, for nodes that have no weights of their own. */
  weights: number[];
}

interface Context {
  accessors: Accessors;
  buffers: Buffers;
  materials: number;
  warn(line: string): void;
}

/** Reads the meshes of a model. @throws NearlightError NL_MODEL with the place of the accessor or attribute */
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
  readonly #vertices = new Budget('vertices', LIMITS.vertices);
  readonly #indices = new Budget('indices', LIMITS.indices);
  readonly #morphs = new Budget('vertices of morph targets', LIMITS.morphVertices);

  constructor(context: Context, draco: Draco | undefined) {
    this.#context = context;
    this.#draco = draco;
  }

  mesh(mesh: Value): Mesh {
    const primitives = mesh
      .get('primitives')
      .list()
      .flatMap((primitive) => this.#primitive(primitive) ?? []);
    const weights = mesh.get('weights').list(LIMITS.targets);
    return { primitives, weights: weights.map((weight) => Math.fround(weight.number())) };
  }

  #primitive(primitive: Value): Primitive | undefined {
    const { accessors, buffers, materials, warn } = this.#context;
    const mode = primitive.get('mode').integer({ max: 6, otherwise: 4 });
    const attributes = primitive.get('attributes');
    if (mode < 4 || !attributes.get('POSITION').exists) {
      const reason = mode < 4 ? 'points and lines are not supported' : 'it has no positions';
      warn(`${primitive.place} is left out: ${reason}`);
      return undefined;
    }
    if (primitive.extension('KHR_draco_mesh_compression').exists) {
      this.#vertices.take(primitive.place, 0);
      must(this.#draco, 'Draco decoder').decode(primitive, buffers, accessors);
    }
    const positionIndex = attributes.get('POSITION').index(accessors.length, 'accessor');
    const { count } = accessors.head(positionIndex);
    this.#vertices.take(primitive.place, count);
    const joints = this.#sets(attributes, 'JOINTS', count);
    const weights = this.#sets(attributes, 'WEIGHTS', count);
    if (joints.length !== weights.length) attributes.fail('does not have as many sets of weights as of joints');
    const result: Primitive = {
      place: primitive.place,
      count,
      positions: must(this.#floats(attributes.get('POSITION'), ['VEC3'], count), 'positions'),
      normals: this.#floats(attributes.get('NORMAL'), ['VEC3'], count),
      tangents: this.#floats(attributes.get('TANGENT'), ['VEC4'], count),
      uvs: [
        this.#floats(attributes.get('TEXCOORD_0'), ['VEC2'], count),
        this.#floats(attributes.get('TEXCOORD_1'), ['VEC2'], count),
      ],
      colors: this.#colors(attributes.get('COLOR_0'), count),
      joints: joints.map((set, index) => ({
        joints: accessors.integers(set),
        weights: accessors.floats(must(weights[index], 'set of weights')),
      })),
      indices: this.#triangles(primitive, mode, count),
      material: primitive.get('material').optionalIndex(materials, 'material'),
      targets: this.#targets(primitive, count),
    };
    if (result.indices.length > 0) return result;
    warn(`${primitive.place} is left out: it has no triangles`);
    return undefined;
  }

  #triangles(primitive: Value, mode: number, count: number): Uint32Array {
    const { accessors } = this.#context;
    const at = primitive.get('indices');
    const index = at.optionalIndex(accessors.length, 'accessor');
    const length = index < 0 ? count : accessors.head(index).count;
    this.#indices.take(primitive.place, length * (mode === 4 ? 1 : 3));
    if (index >= 0 && accessors.head(index).components !== 1) at.fail('has an accessor whose type is not SCALAR');
    const indices = index < 0 ? Uint32Array.from({ length }, (_, i) => i) : accessors.integers(index);
    const outside = indices.findIndex((vertex) => vertex >= count);
    if (outside >= 0)
      accessors.head(index).value.fail(`element ${outside} is ${indices[outside]}, but there are ${count} vertices`);
    return must(toTriangles(indices, mode), 'triangles');
  }

  /** Returns the indices of the accessors of a numbered attribute, such as JOINTS_0 and JOINTS_1. Each must be a VEC4. */
  #sets(attributes: Value, name: string, count: number): number[] {
    const { accessors } = this.#context;
    const sets: number[] = [];
    for (let set = 0; set < 4 && attributes.get(`${name}_${set}`).exists; set++) {
      const at = attributes.get(`${name}_${set}`);
      const index = at.index(accessors.length, 'accessor');
      const head = accessors.head(index);
      if (head.type !== 'VEC4' || head.count !== count)
        at.fail(`does not have an accessor with a VEC4 for each of ${count} vertices`);
      sets.push(index);
    }
    return sets;
  }

  #floats(at: Value, types: readonly string[], count: number): Float32Array | undefined {
    const { accessors } = this.#context;
    const index = at.optionalIndex(accessors.length, 'accessor');
    if (index < 0) return undefined;
    const head = accessors.head(index);
    if (!types.includes(head.type)) at.fail(`has an accessor of type ${head.type} instead of ${types.join(' or ')}`);
    if (head.count !== count) at.fail(`has ${head.count} elements, but POSITION has ${count}`);
    return accessors.floats(index);
  }

  /** Reads the colours of vertices, and makes those without alpha opaque. */
  #colors(at: Value, count: number): Float32Array | undefined {
    const floats = this.#floats(at, ['VEC3', 'VEC4'], count);
    if (!floats || floats.length === count * 4) return floats;
    const out = new Float32Array(count * 4).fill(1);
    for (let i = 0; i < count; i++) out.set(floats.subarray(i * 3, i * 3 + 3), i * 4);
    return out;
  }

  #targets(primitive: Value, count: number): Primitive['targets'] {
    const targets = primitive.get('targets').list(LIMITS.targets);
    this.#morphs.take(primitive.place, targets.length * count);
    return targets.map((target) => ({
      positions: this.#floats(target.get('POSITION'), ['VEC3'], count),
      normals: this.#floats(target.get('NORMAL'), ['VEC3'], count),
    }));
  }
}
