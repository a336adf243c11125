/** Materials of the level's boxes. */
export namespace Material {
  export const concrete: i32 = 0;
  export const dark: i32 = 1;
  export const floor: i32 = 2;
  /** Material of boxes beyond the walls, which players see but never touch. */
  export const far: i32 = 3;
  /** The first of the materials that glow. */
  export const cyan: i32 = 4;
  export const coral: i32 = 5;
  export const amber: i32 = 6;
}

export const HALF_SIZE: f32 = 22;
const BOXES_MAX = 320;

/** Six numbers for each box of the level: least x, y, z, greatest x, y, z. In metres; y is up. */
export const bounds = new StaticArray<f32>(BOXES_MAX * 6);
export const materials = new StaticArray<i32>(BOXES_MAX);
/** Number of boxes that stop players and bolts and cast shadows. They come first in the list. */
export let solidCount = 0;
export let boxCount = 0;

/** Places where fighters appear, three numbers each: x, y, z of the feet, in metres. */
export const spawns: StaticArray<f32> = [
  -16, 0, 13, 16, 0, -13, -13, 0, -17, 13, 0, 17, -18.5, 2.4, 0, 18.5, 2.4, 0, 0, 0, 18, 0, 0, -18,
];
export const SPAWN_COUNT = 8;

/** Points that bots walk to: x and z of each, in metres. */
export const waypoints: StaticArray<f32> = [
  0, 8, 8, 0, 0, -8, -8, 0, 11, 11, -11, 11, 11, -11, -11, -11, 0, 17, 0, -17, 17, 14, -17, -14, 14, -17, -14, 17,
];

function box(x0: f32, y0: f32, z0: f32, x1: f32, y1: f32, z1: f32, material: i32): void {
  if (boxCount === BOXES_MAX) throw new Error('the level has more boxes than BOXES_MAX');
  const at = boxCount * 6;
  bounds[at] = x0;
  bounds[at + 1] = y0;
  bounds[at + 2] = z0;
  bounds[at + 3] = x1;
  bounds[at + 4] = y1;
  bounds[at + 5] = z1;
  materials[boxCount++] = material;
}

function block(x: f32, z: f32, hx: f32, hz: f32, y0: f32, y1: f32, material: i32): void {
  box(x - hx, y0, z - hz, x + hx, y1, z + hz, material);
}

/** Adds a block to the level four times, once in each quarter, each time turned by another 90 degrees. */
function blocks(x: f32, z: f32, hx: f32, hz: f32, y0: f32, y1: f32, material: i32): void {
  block(x, z, hx, hz, y0, y1, material);
  block(-z, x, hz, hx, y0, y1, material);
  block(-x, -z, hx, hz, y0, y1, material);
  block(z, -x, hz, hx, y0, y1, material);
}

/** Adds a block to the level twice, on opposite sides, the second one turned by 180 degrees. */
function pair(x: f32, z: f32, hx: f32, hz: f32, y0: f32, y1: f32, material: i32): void {
  block(x, z, hx, hz, y0, y1, material);
  block(-x, -z, hx, hz, y0, y1, material);
}

function middle(): void {
  block(0, 0, 0.9, 0.9, 1.2, 8.5, Material.dark);
  block(0, 0, 3.6, 3.6, 0, 1.2, Material.concrete);
  blocks(0, 4.0, 1.6, 0.4, 0, 0.8, Material.concrete);
  blocks(0, 4.8, 1.6, 0.4, 0, 0.4, Material.concrete);
}

function cover(): void {
  blocks(9.2, 6.0, 0.4, 2.2, 0, 1.9, Material.concrete);
  blocks(7.4, 8.6, 1.4, 0.4, 0, 1.1, Material.dark);
  blocks(13.5, 13.5, 0.7, 0.7, 0, 5.2, Material.concrete);
  blocks(13.5, 8.5, 0.7, 0.7, 0, 5.2, Material.concrete);
  // Lintels on the pillars make gates, and cast stripes of shadow.
  blocks(13.5, 11, 0.7, 3.2, 5.2, 6.0, Material.dark);
  blocks(17.4, 18.0, 0.9, 0.9, 0, 1.0, Material.dark);
  blocks(19.0, 17.2, 0.7, 0.7, 0, 1.7, Material.concrete);
}

function galleries(): void {
  pair(19.5, 0, 2.5, 5, 0, 2.4, Material.concrete);
  for (let step = 0; step < 5; step++) {
    const s = <f32>step;
    pair(16.7 - s * 0.6, 0, 0.3, 1.8, 0, 2.0 - s * 0.4, Material.concrete);
  }
  pair(17.2, 3.6, 0.2, 1.4, 2.4, 3.3, Material.dark);
  pair(17.2, -3.6, 0.2, 1.4, 2.4, 3.3, Material.dark);
}

function walls(): void {
  const h = HALF_SIZE;
  blocks(h + 0.5, 0, 0.5, h + 1, 0, 4.6, Material.concrete);
  blocks(h - 0.6, h - 0.6, 1.4, 1.4, 0, 9, Material.dark);
  blocks(h + 0.2, 10, 0.6, 0.8, 0, 5.6, Material.dark);
  blocks(h + 0.2, -10, 0.6, 0.8, 0, 5.6, Material.dark);
}

function glow(): void {
  const h = HALF_SIZE;
  blocks(h - 0.02, 0, 0.05, h - 2.2, 0.34, 0.44, Material.cyan);
  blocks(0, 0.91, 0.12, 0.02, 1.9, 7.8, Material.coral);
  blocks(2.6, 3.61, 0.9, 0.02, 0.95, 1.05, Material.coral);
  blocks(-2.6, 3.61, 0.9, 0.02, 0.95, 1.05, Material.coral);
  blocks(13.5, 11, 0.72, 1.72, 5.28, 5.38, Material.coral);
  blocks(9.2, 6.0, 0.42, 2.22, 1.66, 1.74, Material.cyan);
  blocks(13.5, 13.5, 0.72, 0.72, 0.5, 0.58, Material.amber);
  blocks(13.5, 8.5, 0.72, 0.72, 0.5, 0.58, Material.amber);
  pair(16.99, 0, 0.02, 4.9, 2.2, 2.28, Material.amber);
  blocks(h - 0.6, h - 0.6, 1.42, 1.42, 8.2, 8.34, Material.cyan);
}

/**
 * Adds towers on the horizon. Their places come from a small hash, because the game's random seed must not change the level.
 */
function horizon(): void {
  for (let i = 0; i < 26; i++) {
    const hash = <f32>((i * 7919 + 104729) % 1000) / 1000;
    const angle = (<f32>i + hash * 0.7) * 0.2417;
    const distance: f32 = 58 + (62 * <f32>((i * 31) % 17)) / 17;
    const x = Mathf.sin(angle) * distance;
    const z = Mathf.cos(angle) * distance;
    const half: f32 = 3 + (5 * <f32>((i * 13) % 11)) / 11;
    const top: f32 = 9 + (26 * <f32>((i * 37) % 19)) / 19;
    block(x, z, half, half * 0.8, -6, top, Material.far);
    if (i % 3 === 0)
      block(x, z, half + 0.1, half * 0.8 + 0.1, top - 2.6, top - 2.1, i % 2 === 0 ? Material.amber : Material.cyan);
  }
}

/** Builds the level; called once. Solid boxes are in the best order for drawing: those that hide much first, the floor last. */
export function buildLevel(): void {
  middle();
  cover();
  galleries();
  walls();
  block(0, 0, HALF_SIZE, HALF_SIZE, -1, 0, Material.floor);
  solidCount = boxCount;
  glow();
  horizon();
}
