import { inverse, slab } from './collision';
import { bounds, boxCount, Material, materials, solidCount } from './level';
import { byte, Rgb, SUN_X, SUN_Y, SUN_Z, sky } from './palette';

const RAYS = 20;
const SUN_RAYS = 6;
const SKY_REACH: f32 = 7;
const GLOW_REACH: f32 = 4;
const SKY_FACTOR: f32 = 1.35;
const DIM_R: f32 = 0.08;
const DIM_G: f32 = 0.055;
const DIM_B: f32 = 0.07;

const rays = new StaticArray<f32>(RAYS * 3);
/** Numbers for each ray of the face that is being baked: one over its direction, and the light that comes along it. */
const RAY_WORDS = 6;
const faceRays = new StaticArray<f32>(RAYS * RAY_WORDS);
/** Rays towards the disc of the sun, three numbers each: one over its direction. */
const sunRays = new StaticArray<f32>(SUN_RAYS * 3);
const nearby = new StaticArray<i32>(512);
const sunward = new StaticArray<i32>(512);
const glowing = new StaticArray<i32>(512);
let nearbyCount = 0;
let sunwardCount = 0;
let glowingCount = 0;
const light = new Rgb();
const sample = new Rgb();

/** A face of a box of the level: a corner and two edges, in metres, and the outward normal. */
export class Face {
  x: f32 = 0;
  y: f32 = 0;
  z: f32 = 0;
  ux: f32 = 0;
  uy: f32 = 0;
  uz: f32 = 0;
  vx: f32 = 0;
  vy: f32 = 0;
  vz: f32 = 0;
  nx: f32 = 0;
  ny: f32 = 0;
  nz: f32 = 0;
}

/**
 * Spreads rays over a half sphere, by the golden angle, and over the disc of the sun; must be called before any light is baked.
 */
export function spreadRays(): void {
  for (let i = 0; i < RAYS; i++) {
    // The square root makes the rays denser towards the normal, in proportion to the cosine.
    const height = Mathf.sqrt((<f32>i + 0.5) / <f32>RAYS);
    const radius = Mathf.sqrt(1 - height * height);
    const angle = <f32>i * 2.3999632;
    rays[i * 3] = radius * Mathf.cos(angle);
    rays[i * 3 + 1] = radius * Mathf.sin(angle);
    rays[i * 3 + 2] = height;
  }
  for (let i = 0; i < SUN_RAYS; i++) {
    const angle = <f32>i * 2.3999632;
    const radius: f32 = 0.035 * Mathf.sqrt((<f32>i + 0.5) / <f32>SUN_RAYS);
    sunRays[i * 3] = inverse(SUN_X + radius * Mathf.cos(angle) * 0.6);
    sunRays[i * 3 + 1] = inverse(SUN_Y + radius * Mathf.sin(angle));
    sunRays[i * 3 + 2] = inverse(SUN_Z + radius * Mathf.cos(angle) * 0.8);
  }
}

/** Collects the boxes that can hide the sky or the sun from a part of a face, or glow on it, so that rays test only those. */
export function gather(p: Face, u: f32, v: f32, du: f32, dv: f32, material: i32): void {
  nearbyCount = 0;
  sunwardCount = 0;
  glowingCount = 0;
  if (material >= Material.far) return;
  const mu = u + du * 0.5;
  const mv = v + dv * 0.5;
  const x = p.x + p.ux * mu + p.vx * mv;
  const y = p.y + p.uy * mu + p.vy * mv;
  const z = p.z + p.uz * mu + p.vz * mv;
  const width = du * (abs(p.ux) + abs(p.uy) + abs(p.uz));
  const height = dv * (abs(p.vx) + abs(p.vy) + abs(p.vz));
  const radius: f32 = 0.5 * Mathf.sqrt(width * width + height * height) + 0.1;
  for (let i = 0, at = 0; i < solidCount; i++, at += 6) {
    if (isNear(at, x, y, z, SKY_REACH + radius)) nearby[nearbyCount++] = i;
    if (nearSun(at, x, y, z, radius)) sunward[sunwardCount++] = i;
  }
  for (let i = solidCount, at = solidCount * 6; i < boxCount; i++, at += 6) {
    if (materials[i] >= Material.cyan && isNear(at, x, y, z, GLOW_REACH + radius)) glowing[glowingCount++] = i;
  }
}

function isNear(at: i32, x: f32, y: f32, z: f32, reach: f32): bool {
  const dx = max(max(bounds[at] - x, x - bounds[at + 3]), <f32>0);
  const dy = max(max(bounds[at + 1] - y, y - bounds[at + 4]), <f32>0);
  const dz = max(max(bounds[at + 2] - z, z - bounds[at + 5]), <f32>0);
  return dx * dx + dy * dy + dz * dz < reach * reach;
}

/** Reports whether a ray of some radius from a point towards the sun can meet a box; `grow` allows for the disc of the sun. */
function nearSun(at: i32, x: f32, y: f32, z: f32, radius: f32): bool {
  const grow = radius + 1.2;
  const ix = inverse(SUN_X);
  const iy = inverse(SUN_Y);
  const iz = inverse(SUN_Z);
  const x0 = (bounds[at] - grow - x) * ix;
  const x1 = (bounds[at + 3] + grow - x) * ix;
  const y0 = (bounds[at + 1] - grow - y) * iy;
  const y1 = (bounds[at + 4] + grow - y) * iy;
  const z0 = (bounds[at + 2] - grow - z) * iz;
  const z1 = (bounds[at + 5] + grow - z) * iz;
  const enter = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), <f32>0));
  return enter <= min(min(max(x0, x1), max(y0, y1)), max(z0, z1));
}

/**
 * Returns the light that leaves a point of a face, as shown in the picture, packed as unorm8x4. The last byte is 0 if the face
 * glows.
 */
export function lightAt(p: Face, u: f32, v: f32, material: i32, albedo: f32): u32 {
  if (material >= Material.cyan) {
    emission(material, light);
  } else {
    // The point lies a little inside the edges, because other boxes may begin there.
    const s = min(max(u, <f32>0.004), <f32>0.996);
    const t = min(max(v, <f32>0.004), <f32>0.996);
    const x = p.x + p.ux * s + p.vx * t + p.nx * 0.02;
    const y = p.y + p.uy * s + p.vy * t + p.ny * 0.02;
    const z = p.z + p.uz * s + p.vz * t + p.nz * 0.02;
    light.set(0, 0, 0);
    skylight(x, y, z);
    sunlight(x, y, z, p);
    strips(x, y, z, p);
    light.set(light.r * albedo, light.g * albedo, light.b * albedo * 1.06);
  }
  const opaque: u32 = material >= Material.cyan ? 0 : 0xff000000;
  return byte(light.r) | (byte(light.g) << 8) | (byte(light.b) << 16) | opaque;
}

/** Turns the rays of the half sphere to a face, and looks up the sky's light for each ray. */
export function aim(p: Face): void {
  // Two directions perpendicular to the normal. Faces are parallel to the axes, so exchanging the axes is enough.
  const tx: f32 = p.nx !== 0 ? 0 : 1;
  const ty: f32 = p.nx !== 0 ? 1 : 0;
  const bx = -p.nz * ty;
  const by = p.nz * tx;
  const bz = p.nx * ty - p.ny * tx;
  for (let i = 0; i < RAYS; i++) {
    const a = rays[i * 3];
    const b = rays[i * 3 + 1];
    const c = rays[i * 3 + 2];
    const dx = a * tx + b * bx + c * p.nx;
    const dy = a * ty + b * by + c * p.ny;
    const dz = b * bz + c * p.nz;
    sky(dx, dy, dz, sample);
    // Below the horizon there is ground, dim and warm.
    if (dy < -0.05) sample.set(DIM_R, DIM_G, DIM_B);
    const at = i * RAY_WORDS;
    faceRays[at] = inverse(dx);
    faceRays[at + 1] = inverse(dy);
    faceRays[at + 2] = inverse(dz);
    faceRays[at + 3] = sample.r - DIM_R;
    faceRays[at + 4] = sample.g - DIM_G;
    faceRays[at + 5] = sample.b - DIM_B;
  }
}

function skylight(x: f32, y: f32, z: f32): void {
  // A solid that hides the sky reflects a little light itself.
  light.add(DIM_R, DIM_G, DIM_B, SKY_FACTOR);
  for (let i = 0, at = 0; i < RAYS; i++, at += RAY_WORDS) {
    const ix = unchecked(faceRays[at]);
    const iy = unchecked(faceRays[at + 1]);
    const iz = unchecked(faceRays[at + 2]);
    if (hidden(x, y, z, ix, iy, iz, nearby, nearbyCount, SKY_REACH)) continue;
    const r = unchecked(faceRays[at + 3]);
    const g = unchecked(faceRays[at + 4]);
    const b = unchecked(faceRays[at + 5]);
    light.add(r, g, b, SKY_FACTOR / <f32>RAYS);
  }
}

function sunlight(x: f32, y: f32, z: f32, p: Face): void {
  const facing = p.nx * SUN_X + p.ny * SUN_Y + p.nz * SUN_Z;
  if (facing <= 0) return;
  let seen: f32 = 0;
  for (let i = 0; i < SUN_RAYS; i++) {
    const ix = unchecked(sunRays[i * 3]);
    const iy = unchecked(sunRays[i * 3 + 1]);
    const iz = unchecked(sunRays[i * 3 + 2]);
    if (!hidden(x, y, z, ix, iy, iz, sunward, sunwardCount, 200)) seen += 1 / <f32>SUN_RAYS;
  }
  light.add(2.6, 1.32, 0.62, facing * seen);
}

/** Adds the light of nearby glowing strips to a point, as if each shone from its nearest point. */
function strips(x: f32, y: f32, z: f32, p: Face): void {
  for (let i = 0; i < glowingCount; i++) {
    const box = unchecked(glowing[i]);
    const material = unchecked(materials[box]);
    const at = box * 6;
    const dx = min(max(x, bounds[at]), bounds[at + 3]) - x;
    const dy = min(max(y, bounds[at + 1]), bounds[at + 4]) - y;
    const dz = min(max(z, bounds[at + 2]), bounds[at + 5]) - z;
    const square = dx * dx + dy * dy + dz * dz;
    if (square > GLOW_REACH * GLOW_REACH) continue;
    const distance = Mathf.sqrt(square) + 0.001;
    const facing = (dx * p.nx + dy * p.ny + dz * p.nz) / distance;
    // A glowing strip also lights the face that it lies on, at a grazing angle.
    const fall: f32 = 1 - square / (GLOW_REACH * GLOW_REACH);
    const amount = max<f32>(facing, 0.12) * fall * fall;
    emission(material, sample);
    light.add(sample.r, sample.g, sample.b, (0.11 * amount) / (square + 0.12));
  }
}

function emission(material: i32, out: Rgb): void {
  if (material === Material.cyan) out.set(0.06, 1.15, 1.5);
  else if (material === Material.coral) out.set(2.3, 0.26, 0.2);
  else out.set(2.0, 0.78, 0.1);
}

/** Returns the fraction of light that a surface reflects. The floor's panels differ a little. */
export function reflectance(material: i32, panel: i32): f32 {
  if (material === Material.far) return 0.22;
  if (material === Material.dark) return 0.17;
  if (material === Material.floor) return 0.23 + 0.011 * <f32>((panel * 7) & 7);
  return 0.34;
}

function hidden(
  x: f32,
  y: f32,
  z: f32,
  ix: f32,
  iy: f32,
  iz: f32,
  list: StaticArray<i32>,
  count: i32,
  limit: f32,
): bool {
  for (let i = 0; i < count; i++) {
    if (slab(unchecked(list[i]) * 6, x, y, z, ix, iy, iz, limit) < limit) return true;
  }
  return false;
}
