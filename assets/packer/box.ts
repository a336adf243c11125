export type Vec3 = [number, number, number];

/** A box around points, its sides parallel to the axes. It is empty until the first point is included. */
export class Box {
  readonly min: Vec3 = [Infinity, Infinity, Infinity];
  readonly max: Vec3 = [-Infinity, -Infinity, -Infinity];

  get isEmpty(): boolean {
    return this.min[0] > this.max[0];
  }

  /** Extends the box to contain a point. */
  include(x: number, y: number, z: number): void {
    const { min, max } = this;
    if (x < min[0]) min[0] = x;
    if (y < min[1]) min[1] = y;
    if (z < min[2]) min[2] = z;
    if (x > max[0]) max[0] = x;
    if (y > max[1]) max[1] = y;
    if (z > max[2]) max[2] = z;
  }

  /** Returns the eight corners of the box, three floats each. */
  corners(): Float32Array {
    const { min, max } = this;
    const corners = [];
    for (const z of [min[2], max[2]])
      for (const y of [min[1], max[1]]) for (const x of [min[0], max[0]]) corners.push(x, y, z);
    return Float32Array.from(corners);
  }
}
