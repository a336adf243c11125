import { fail } from '../fault.ts';
import type { Mesh } from '../gltf/meshes.ts';
import type { Model } from '../gltf/model.ts';
import { influences } from './vertices.ts';
import type { Joint } from './writer.ts';

/**
 * The joints of each skin, with the bounds of the vertices that follow each most.
 * @throws NearlightError NL_MODEL where a vertex names a joint that its skin does not have
 */
export function buildJoints({ skins, nodes, meshes }: Model): Joint[][] {
  const built = skins.map(({ joints, inverses }) =>
    joints.map((node, index): Joint => {
      const inverse = inverses.subarray(index * 16, index * 16 + 16);
      return { node, inverse, min: [1, 1, 1], max: [-1, -1, -1] };
    }),
  );
  const done = new Set<string>();
  for (const { mesh, skin } of nodes) {
    const key = `${mesh} ${skin}`;
    if (mesh < 0 || skin < 0 || done.has(key)) continue;
    done.add(key);
    extend(built[skin]!, meshes[mesh]!);
  }
  return built;
}

function extend(joints: Joint[], { primitives }: Mesh): void {
  for (const primitive of primitives) {
    if (primitive.joints.length === 0) continue;
    for (let vertex = 0; vertex < primitive.count; vertex++) {
      const { joints: top } = influences(primitive, vertex);
      const outside = top.find((joint) => joint >= joints.length);
      if (outside !== undefined)
        fail(`${primitive.place}.attributes`, `vertex ${vertex} follows joint ${outside} of ${joints.length}`);
      include(joints[top[0]!]!, primitive.positions, vertex * 3);
    }
  }
}

function include(joint: Joint, positions: Float32Array, at: number): void {
  const { inverse: m, min, max } = joint;
  const isEmpty = min[0]! > max[0]!;
  for (let k = 0; k < 3; k++) {
    const value = m[k]! * positions[at]! + m[4 + k]! * positions[at + 1]! + m[8 + k]! * positions[at + 2]! + m[12 + k]!;
    min[k] = isEmpty ? value : Math.min(min[k]!, value);
    max[k] = isEmpty ? value : Math.max(max[k]!, value);
  }
}
