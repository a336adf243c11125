/**
 * Multiplies two matrices of 16 f32 at the addresses `a` and `b`: the result transforms by b first, then by a. `out` must be
 * neither.
 */
export function multiplyAt(a: usize, b: usize, out: usize): void {
  const a0 = v128.load(a);
  const a1 = v128.load(a, 16);
  const a2 = v128.load(a, 32);
  const a3 = v128.load(a, 48);
  for (let column: usize = 0; column < 64; column += 16) {
    const q = b + column;
    let sum = f32x4.mul(a0, v128.load32_splat(q));
    sum = f32x4.add(sum, f32x4.mul(a1, v128.load32_splat(q, 4)));
    sum = f32x4.add(sum, f32x4.mul(a2, v128.load32_splat(q, 8)));
    sum = f32x4.add(sum, f32x4.mul(a3, v128.load32_splat(q, 12)));
    v128.store(out + column, sum);
  }
}

/** Makes a 4x4 matrix of ten f32 at an address: a translation, a rotation as a quaternion, and a scale. */
export function composeAt(trs: usize, out: usize): void {
  const qx = load<f32>(trs, 12);
  const qy = load<f32>(trs, 16);
  const qz = load<f32>(trs, 20);
  const qw = load<f32>(trs, 24);
  const sx = load<f32>(trs, 28);
  const sy = load<f32>(trs, 32);
  const sz = load<f32>(trs, 36);
  store<f32>(out, sx * (1 - 2 * (qy * qy + qz * qz)));
  store<f32>(out, sx * (2 * (qx * qy + qz * qw)), 4);
  store<f32>(out, sx * (2 * (qx * qz - qy * qw)), 8);
  store<f32>(out, 0, 12);
  store<f32>(out, sy * (2 * (qx * qy - qz * qw)), 16);
  store<f32>(out, sy * (1 - 2 * (qx * qx + qz * qz)), 20);
  store<f32>(out, sy * (2 * (qy * qz + qx * qw)), 24);
  store<f32>(out, 0, 28);
  store<f32>(out, sz * (2 * (qx * qz + qy * qw)), 32);
  store<f32>(out, sz * (2 * (qy * qz - qx * qw)), 36);
  store<f32>(out, sz * (1 - 2 * (qx * qx + qy * qy)), 40);
  store<f32>(out, 0, 44);
  store<f32>(out, load<f32>(trs), 48);
  store<f32>(out, load<f32>(trs, 4), 52);
  store<f32>(out, load<f32>(trs, 8), 56);
  store<f32>(out, 1, 60);
}

/** Returns the determinant of the upper left 3x3 of a matrix. It is negative if the matrix mirrors. */
export function determinantAt(m: usize): f32 {
  const x = load<f32>(m, 20) * load<f32>(m, 40) - load<f32>(m, 24) * load<f32>(m, 36);
  const y = load<f32>(m, 24) * load<f32>(m, 32) - load<f32>(m, 16) * load<f32>(m, 40);
  const z = load<f32>(m, 16) * load<f32>(m, 36) - load<f32>(m, 20) * load<f32>(m, 32);
  return load<f32>(m) * x + load<f32>(m, 4) * y + load<f32>(m, 8) * z;
}

/** An axis-aligned box that grows to include points and other boxes. */
export class Bounds {
  /** Least x: the left side of the box. */
  minX: f32 = Infinity;
  /** Least y: the bottom of the box. */
  minY: f32 = Infinity;
  /** Least z: the far side of the box. */
  minZ: f32 = Infinity;
  /** Greatest x: the right side of the box. */
  maxX: f32 = -Infinity;
  /** Greatest y: the top of the box. */
  maxY: f32 = -Infinity;
  /** Greatest z: the near side of the box. */
  maxZ: f32 = -Infinity;

  /** Includes a box, given by the addresses of two corners of 3 f32 each, transformed by the matrix at another address. */
  include(matrix: usize, low: usize, high: usize): void {
    for (let corner: usize = 0; corner < 8; corner++) {
      const x = load<f32>((corner & 1) !== 0 ? high : low);
      const y = load<f32>((corner & 2) !== 0 ? high : low, 4);
      const z = load<f32>((corner & 4) !== 0 ? high : low, 8);
      this.point(
        load<f32>(matrix) * x + load<f32>(matrix, 16) * y + load<f32>(matrix, 32) * z + load<f32>(matrix, 48),
        load<f32>(matrix, 4) * x + load<f32>(matrix, 20) * y + load<f32>(matrix, 36) * z + load<f32>(matrix, 52),
        load<f32>(matrix, 8) * x + load<f32>(matrix, 24) * y + load<f32>(matrix, 40) * z + load<f32>(matrix, 56),
      );
    }
  }

  /** Moves each side of this box outwards by as much as the box `to` reaches beyond the box `from`. */
  grow(from: Bounds, to: Bounds): void {
    this.minX -= max<f32>(from.minX - to.minX, 0);
    this.minY -= max<f32>(from.minY - to.minY, 0);
    this.minZ -= max<f32>(from.minZ - to.minZ, 0);
    this.maxX += max<f32>(to.maxX - from.maxX, 0);
    this.maxY += max<f32>(to.maxY - from.maxY, 0);
    this.maxZ += max<f32>(to.maxZ - from.maxZ, 0);
  }

  private point(x: f32, y: f32, z: f32): void {
    this.minX = min(this.minX, x);
    this.minY = min(this.minY, y);
    this.minZ = min(this.minZ, z);
    this.maxX = max(this.maxX, x);
    this.maxY = max(this.maxY, y);
    this.maxZ = max(this.maxZ, z);
  }
}
