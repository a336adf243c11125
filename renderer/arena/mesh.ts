import { Cells } from './cells';
import { bounds, boxCount, HALF_SIZE, Material, materials } from './level';
import { aim, Face, gather, lightAt, reflectance, spreadRays } from './light';
import { byte, Rgb, SUN_X, SUN_Y, SUN_Z, sky } from './palette';

/** A growing mesh of 16-byte vertices, each a position and one packed word of light, colour or normal. */
export class Mesh {
  vertices: StaticArray<u32>;
  indices: StaticArray<u16>;
  vertexCount: i32 = 0;
  indexCount: i32 = 0;

  constructor(verticesMax: i32, indicesMax: i32) {
    this.vertices = new StaticArray<u32>(verticesMax * 4);
    this.indices = new StaticArray<u16>(indicesMax);
  }

  /** Adds a vertex and returns its index. */
  vertex(x: f32, y: f32, z: f32, packed: u32): i32 {
    const at = this.vertexCount * 4;
    this.vertices[at] = reinterpret<u32>(x);
    this.vertices[at + 1] = reinterpret<u32>(y);
    this.vertices[at + 2] = reinterpret<u32>(z);
    this.vertices[at + 3] = packed;
    return this.vertexCount++;
  }

  /** Returns eight bits of a vertex's packed word, shifted right by `shift`. */
  channel(index: i32, shift: i32): i32 {
    return <i32>((this.vertices[index * 4 + 3] >> shift) & 255);
  }

  /** Adds a quad whose corners are counterclockwise from outside. */
  quad(a: i32, b: i32, c: i32, d: i32): void {
    const at = this.indexCount;
    this.indices[at] = <u16>a;
    this.indices[at + 1] = <u16>b;
    this.indices[at + 2] = <u16>c;
    this.indices[at + 3] = <u16>a;
    this.indices[at + 4] = <u16>c;
    this.indices[at + 5] = <u16>d;
    this.indexCount += 6;
  }
}

/** Side, in metres, of the floor's panels and of the largest cells into which other faces are divided. */
const CELL: f32 = 4;
/**
 * A cell of a face is halved up to four times, to 16 parts per side, while the light on it differs by more than ROUGH of 255.
 */
const LATTICE = 16;
const ROUGH = 26;
const SPLIT_MIN: f32 = 1.05;

const face = new Face();
/** Vertices of the current cell on its finest lattice, each as its index + 1; 0 if it is not made yet. */
const lattice = new StaticArray<i32>((LATTICE + 1) * (LATTICE + 1));
let cellU: f32 = 0;
let cellV: f32 = 0;
let cellWidth: f32 = 0;
let cellHeight: f32 = 0;
let cellMaterial = 0;
let cellAlbedo: f32 = 0;
let latticeMin = LATTICE;

/**
 * Makes the level's mesh, and adds each cell of it to `cells`. The packed word of a vertex is its baked light; the mesh is finest where
 * the light changes.
 */
export function buildWorld(mesh: Mesh, cells: Cells): void {
  spreadRays();
  for (let i = 0; i < boxCount; i++) {
    const at = i * 6;
    const x0 = bounds[at];
    const y0 = bounds[at + 1];
    const z0 = bounds[at + 2];
    const x1 = bounds[at + 3];
    const y1 = bounds[at + 4];
    const z1 = bounds[at + 5];
    const material = materials[i];
    if (material !== Material.floor) {
      side(mesh, cells, material, x1, y0, z1, 0, 0, z0 - z1, 0, y1 - y0, 0, 1, 0, 0);
      side(mesh, cells, material, x0, y0, z0, 0, 0, z1 - z0, 0, y1 - y0, 0, -1, 0, 0);
      side(mesh, cells, material, x0, y0, z1, x1 - x0, 0, 0, 0, y1 - y0, 0, 0, 0, 1);
      side(mesh, cells, material, x1, y0, z0, x0 - x1, 0, 0, 0, y1 - y0, 0, 0, 0, -1);
    }
    side(mesh, cells, material, x0, y1, z1, x1 - x0, 0, 0, 0, 0, z0 - z1, 0, 1, 0);
    // No one sees an underside that stands on the ground.
    if (y0 > 0.01) side(mesh, cells, material, x0, y0, z0, x1 - x0, 0, 0, 0, 0, z1 - z0, 0, -1, 0);
  }
  cells.finish(mesh.indexCount);
}

function side(
  mesh: Mesh,
  cells: Cells,
  material: i32,
  x: f32,
  y: f32,
  z: f32,
  ux: f32,
  uy: f32,
  uz: f32,
  vx: f32,
  vy: f32,
  vz: f32,
  nx: f32,
  ny: f32,
  nz: f32,
): void {
  face.x = x;
  face.y = y;
  face.z = z;
  face.ux = ux;
  face.uy = uy;
  face.uz = uz;
  face.vx = vx;
  face.vy = vy;
  face.vz = vz;
  face.nx = nx;
  face.ny = ny;
  face.nz = nz;
  // No one sees faces that look away from the arena.
  if (material < Material.far && max(x * nx, z * nz) > HALF_SIZE) return;
  const width = abs(ux) + abs(uy) + abs(uz);
  const height = abs(vx) + abs(vy) + abs(vz);
  const whole = material >= Material.far;
  const columns = whole ? 1 : <i32>Mathf.ceil(width / CELL);
  const rows = whole ? 1 : <i32>Mathf.ceil(height / CELL);
  if (material < Material.cyan) aim(face);
  cellMaterial = material;
  cellWidth = 1 / <f32>columns;
  cellHeight = 1 / <f32>rows;
  latticeMin = LATTICE;
  if (material < Material.far) {
    let edge = max(width * cellWidth, height * cellHeight);
    for (; edge > SPLIT_MIN && latticeMin > 1; edge *= 0.5) latticeMin >>= 1;
  }
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      cellU = <f32>column * cellWidth;
      cellV = <f32>row * cellHeight;
      cells.add(
        mesh.indexCount,
        x + ux * cellU + vx * cellV,
        y + uy * cellU + vy * cellV,
        z + uz * cellU + vz * cellV,
        ux * cellWidth + vx * cellHeight,
        uy * cellWidth + vy * cellHeight,
        uz * cellWidth + vz * cellHeight,
        nx,
        ny,
        nz,
      );
      cellAlbedo = reflectance(material, row * 5 + column * 3 + ((row * column) >> 1));
      gather(face, cellU, cellV, cellWidth, cellHeight, material);
      lattice.fill(0);
      split(mesh, 0, 0, LATTICE);
    }
  }
}

function split(mesh: Mesh, column: i32, row: i32, size: i32): void {
  const a = corner(mesh, column, row);
  const b = corner(mesh, column + size, row);
  const c = corner(mesh, column + size, row + size);
  const d = corner(mesh, column, row + size);
  if (size > latticeMin) {
    const half = size >> 1;
    const middle = corner(mesh, column + half, row + half);
    // Cells of the floor are always halved once: a shadow may lie between the corners of a whole cell.
    if ((size === LATTICE && cellMaterial === Material.floor) || differ(mesh, a, b, c, d, middle)) {
      split(mesh, column, row, half);
      split(mesh, column + half, row, half);
      split(mesh, column, row + half, half);
      split(mesh, column + half, row + half, half);
      return;
    }
  }
  mesh.quad(a, b, c, d);
}

function corner(mesh: Mesh, column: i32, row: i32): i32 {
  const at = row * (LATTICE + 1) + column;
  if (lattice[at] > 0) return lattice[at] - 1;
  const u = cellU + (cellWidth * <f32>column) / <f32>LATTICE;
  const v = cellV + (cellHeight * <f32>row) / <f32>LATTICE;
  const index = mesh.vertex(
    face.x + face.ux * u + face.vx * v,
    face.y + face.uy * u + face.vy * v,
    face.z + face.uz * u + face.vz * v,
    lightAt(face, u, v, cellMaterial, cellAlbedo),
  );
  lattice[at] = index + 1;
  return index;
}

function differ(mesh: Mesh, a: i32, b: i32, c: i32, d: i32, middle: i32): bool {
  for (let shift = 0; shift < 24; shift += 8) {
    const p = mesh.channel(a, shift);
    const q = mesh.channel(b, shift);
    const r = mesh.channel(c, shift);
    const s = mesh.channel(d, shift);
    const m = mesh.channel(middle, shift);
    if (max(max(max(p, q), max(r, s)), m) - min(min(min(p, q), min(r, s)), m) > ROUGH) return true;
  }
  return false;
}

const COLUMNS = 36;
const ROWS = 12;

/** Makes the dome of the sky. The packed word of a vertex is its colour. Clouds are long bands, lit from below. */
export function buildSky(mesh: Mesh): void {
  const color = new Rgb();
  for (let row = 0; row <= ROWS; row++) {
    const rise = <f32>row / <f32>ROWS;
    const elevation: f32 = -0.12 + 1.69 * rise * (0.35 + 0.65 * rise);
    for (let column = 0; column <= COLUMNS; column++) {
      const angle = (<f32>(column % COLUMNS) / <f32>COLUMNS) * 6.2831853;
      const x = Mathf.sin(angle) * Mathf.cos(elevation);
      const y = Mathf.sin(elevation);
      const z = -Mathf.cos(angle) * Mathf.cos(elevation);
      sky(x, y, z, color);
      clouds(x, y, z, color);
      const packed = byte(color.r) | (byte(color.g) << 8) | (byte(color.b) << 16) | 0xff000000;
      const index = mesh.vertex(x, y, z, packed);
      if (row < ROWS && column < COLUMNS) {
        mesh.quad(index, index + COLUMNS + 1, index + COLUMNS + 2, index + 1);
      }
    }
  }
}

function clouds(x: f32, y: f32, z: f32, color: Rgb): void {
  if (y < 0.02) return;
  const u = x / (y + 0.22);
  const v = z / (y + 0.22);
  const bands = Mathf.sin(u * 1.7 + v * 2.9 + 1.3 * Mathf.sin(v * 1.1)) + 0.6 * Mathf.sin(u * 3.1 - v * 4.3 + 2);
  const cover = min(max((bands - 0.25) * 0.6, <f32>0), <f32>1) * min(y * 6, <f32>1) * (1 - y) * 0.55;
  const sunward = max(x * SUN_X + y * SUN_Y + z * SUN_Z, <f32>0);
  const warm = sunward * sunward;
  color.add(0.42 + 0.7 * warm - color.r, 0.2 + 0.3 * warm - color.g, 0.3 + 0.05 * warm - color.b, cover);
}

/** Packs a normal and the strength of the glow as snorm8x4. */
export function packNormal(x: f32, y: f32, z: f32, glow: f32): u32 {
  return snorm(x) | (snorm(y) << 8) | (snorm(z) << 16) | (snorm(glow) << 24);
}

function snorm(value: f32): u32 {
  return <u32>(<i32>(value * 127)) & 255;
}
