/** A rotation as a quaternion of four numbers: x, y, z, w. */
export type Quat = StaticArray<f32>;

/** Makes the identity quaternion, which rotates nothing. */
export function create(): Quat {
  const q = new StaticArray<f32>(4);
  set(0, 0, 0, 1, q);
  return q;
}

/** Sets the four numbers of a quaternion. */
export function set(x: f32, y: f32, z: f32, w: f32, out: Quat): void {
  unchecked((out[0] = x));
  unchecked((out[1] = y));
  unchecked((out[2] = z));
  unchecked((out[3] = w));
}

/** Makes a rotation by radians around an axis of length 1, counterclockwise as seen from the axis's tip. */
export function fromAxisAngle(axis: StaticArray<f32>, radians: f32, out: Quat): void {
  const s = Mathf.sin(radians * 0.5);
  set(unchecked(axis[0]) * s, unchecked(axis[1]) * s, unchecked(axis[2]) * s, Mathf.cos(radians * 0.5), out);
}

/** Multiplies quaternion a by b: the result rotates by b first, then by a. */
export function multiply(a: Quat, b: Quat, out: Quat): void {
  const x = unchecked(a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1]);
  const y = unchecked(a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0]);
  const z = unchecked(a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3]);
  const w = unchecked(a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2]);
  set(x, y, z, w, out);
}

/** Makes the reverse of rotation a, a quaternion that must have length 1. */
export function conjugate(a: Quat, out: Quat): void {
  set(-unchecked(a[0]), -unchecked(a[1]), -unchecked(a[2]), unchecked(a[3]), out);
}

/** Scales quaternion a to length 1. */
export function normalize(a: Quat, out: Quat): void {
  const size = Mathf.sqrt(unchecked(a[0] * a[0] + a[1] * a[1] + a[2] * a[2] + a[3] * a[3]));
  const s: f32 = size > 0 ? 1 / size : 0;
  set(unchecked(a[0]) * s, unchecked(a[1]) * s, unchecked(a[2]) * s, unchecked(a[3]) * s, out);
}

/** Interpolates rotations: turns the shorter way from a at t = 0 to b at t = 1, at an even speed. */
export function slerp(a: Quat, b: Quat, t: f32, out: Quat): void {
  let cos = unchecked(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]);
  const sign: f32 = cos < 0 ? -1 : 1;
  cos *= sign;
  let from: f32 = 1 - t;
  let to = t;
  // Two rotations that are nearly equal define no plane to turn in, so a straight line takes the place of the arc.
  if (cos < 0.9995) {
    const angle = Mathf.acos(cos);
    const s: f32 = 1 / Mathf.sin(angle);
    from = Mathf.sin(from * angle) * s;
    to = Mathf.sin(to * angle) * s;
  }
  to *= sign;
  const x = unchecked(a[0] * from + b[0] * to);
  const y = unchecked(a[1] * from + b[1] * to);
  const z = unchecked(a[2] * from + b[2] * to);
  set(x, y, z, unchecked(a[3] * from + b[3] * to), out);
  normalize(out, out);
}

/** Rotates vector v by quaternion q, which must have length 1. */
export function rotate(q: Quat, v: StaticArray<f32>, out: StaticArray<f32>): void {
  const qx = unchecked(q[0]);
  const qy = unchecked(q[1]);
  const qz = unchecked(q[2]);
  const qw = unchecked(q[3]);
  const x = unchecked(v[0]);
  const y = unchecked(v[1]);
  const z = unchecked(v[2]);
  const tx: f32 = 2 * (qy * z - qz * y);
  const ty: f32 = 2 * (qz * x - qx * z);
  const tz: f32 = 2 * (qx * y - qy * x);
  unchecked((out[0] = x + qw * tx + qy * tz - qz * ty));
  unchecked((out[1] = y + qw * ty + qz * tx - qx * tz));
  unchecked((out[2] = z + qw * tz + qx * ty - qy * tx));
}
