import { bounds, solidCount } from './level';

/**
 * Reports whether a standing box of half width `half` and height `height` with its feet at x, y, z touches a solid box of the
 * level.
 */
export function blocked(x: f32, y: f32, z: f32, half: f32, height: f32): bool {
  for (let i = 0, at = 0; i < solidCount; i++, at += 6) {
    if (
      x + half > unchecked(bounds[at]) &&
      x - half < unchecked(bounds[at + 3]) &&
      z + half > unchecked(bounds[at + 2]) &&
      z - half < unchecked(bounds[at + 5]) &&
      y + height > unchecked(bounds[at + 1]) &&
      y < unchecked(bounds[at + 4])
    )
      return true;
  }
  return false;
}

/** Returns the height of the highest solid of the level under a point, at most `y`; 0 if there is none. */
export function groundBelow(x: f32, y: f32, z: f32): f32 {
  let best: f32 = 0;
  for (let i = 0, at = 0; i < solidCount; i++, at += 6) {
    const top = unchecked(bounds[at + 4]);
    if (
      top <= y + 0.01 &&
      top > best &&
      x > unchecked(bounds[at]) &&
      x < unchecked(bounds[at + 3]) &&
      z > unchecked(bounds[at + 2]) &&
      z < unchecked(bounds[at + 5])
    )
      best = top;
  }
  return best;
}

/** Index of the box of the level that the last raycast hit; -1 for none. */
export let hitBox = -1;

/** Returns how far a ray goes, in units of its direction, before it hits a solid of the level; at most `limit`. */
export function raycast(x: f32, y: f32, z: f32, dx: f32, dy: f32, dz: f32, limit: f32): f32 {
  const ix = inverse(dx);
  const iy = inverse(dy);
  const iz = inverse(dz);
  let best = limit;
  hitBox = -1;
  for (let i = 0, at = 0; i < solidCount; i++, at += 6) {
    const t = slab(at, x, y, z, ix, iy, iz, best);
    if (t < best) {
      best = t;
      hitBox = i;
    }
  }
  return best;
}

/** Returns 1 / d, kept finite to avoid 0 * infinity. */
export function inverse(d: f32): f32 {
  return 1 / (abs(d) < 1e-7 ? <f32>1e-7 : d);
}

/**
 * Returns how far a ray goes before it enters the box whose bounds start at `at`: 0 from inside, `limit` if it enters no
 * earlier.
 */
export function slab(at: i32, x: f32, y: f32, z: f32, ix: f32, iy: f32, iz: f32, limit: f32): f32 {
  const x0 = (unchecked(bounds[at]) - x) * ix;
  const x1 = (unchecked(bounds[at + 3]) - x) * ix;
  const y0 = (unchecked(bounds[at + 1]) - y) * iy;
  const y1 = (unchecked(bounds[at + 4]) - y) * iy;
  const z0 = (unchecked(bounds[at + 2]) - z) * iz;
  const z1 = (unchecked(bounds[at + 5]) - z) * iz;
  const enter = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), <f32>0));
  const leave = min(min(max(x0, x1), max(y0, y1)), max(z0, z1));
  return enter <= leave && enter < limit ? enter : limit;
}
