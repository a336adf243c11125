import { must } from '../../host/base/assert.ts';
import { u32 } from '../element.ts';
import { fail } from '../fault.ts';
import type { Mesh } from '../gltf/meshes.ts';
import type { Model } from '../gltf/model.ts';
import { Box, type Vec3 } from './box.ts';
import { type Matrix, transformed } from './matrix.ts';
import { influences } from './vertices.ts';
import type { Joint } from './writer.ts';

/** The box of a joint that is not the strongest joint of any vertex. Its minimum exceeds its maximum. */
const EMPTY: { min: Vec3; max: Vec3 } = { min: [1, 1, 1], max: [-1, -1, -1] };

/** A joint's inverse bind matrix, and a box in the joint's own space around the vertices that it moves most. */
interface Reach {
  inverse: Matrix;
  box: Box;
}

/**
 * Returns the joints of each skin. Each has a box around the vertices that it moves more than other joints do.
 * @throws NearlightError NL_MODEL if a vertex follows a joint that its skin does not have
 */
export function buildJoints({ skins, nodes, meshes }: Model): Joint[][] {
  const reaches = skins.map(({ joints, inverses }) =>
    joints.map((_, index): Reach => {
      const inverse = Float64Array.from(inverses.subarray(index * 16, index * 16 + 16));
      return { inverse, box: new Box() };
    }),
  );
  const done = new Set<string>();
  for (const { mesh, skin } of nodes) {
    const key = `${mesh} ${skin}`;
    if (mesh < 0 || skin < 0 || done.has(key)) continue;
    done.add(key);
    extend(must(reaches[skin], 'skin'), must(meshes[mesh], 'mesh'));
  }
  return skins.map(({ joints, inverses }, skin) =>
    joints.map((node, index): Joint => {
      const { box } = must(reaches[skin]?.[index], 'joint');
      const { min, max } = box.isEmpty ? EMPTY : box;
      return { node, inverse: inverses.subarray(index * 16, index * 16 + 16), min, max };
    }),
  );
}

/** Extends the box of each joint by those vertices of a mesh that it moves most. */
function extend(reaches: readonly Reach[], { primitives }: Mesh): void {
  for (const primitive of primitives) {
    if (primitive.joints.length === 0) continue;
    for (let vertex = 0; vertex < primitive.count; vertex++) {
      const { joints } = influences(primitive, vertex);
      const outside = joints.find((joint) => joint >= reaches.length);
      if (outside !== undefined)
        fail(
          `${primitive.place}.attributes`,
          `vertex ${vertex} follows joint ${outside}, but its skin has ${reaches.length} joints`,
        );
      const { inverse, box } = must(reaches[u32(joints, 0)], 'joint');
      const { positions } = primitive;
      box.include(
        transformed(inverse, positions, vertex, 0),
        transformed(inverse, positions, vertex, 1),
        transformed(inverse, positions, vertex, 2),
      );
    }
  }
}
