import { Mesh, packNormal } from './mesh';

const SEGMENTS = 14;

/** Outline of a fighter's round body from bottom to top: radius, height, glow. Two rows in one place make a sharp edge. */
const outline: StaticArray<f32> = [
  0.02, 0.18, 1, 0.17, 0.24, 1, 0.17, 0.24, 0, 0.27, 0.42, 0, 0.36, 0.86, 0, 0.4, 1.16, 0, 0.4, 1.16, 1, 0.4, 1.22, 1,
  0.4, 1.22, 0, 0.31, 1.34, 0, 0.15, 1.38, 0, 0.15, 1.42, 0, 0.24, 1.47, 0, 0.265, 1.6, 0, 0.23, 1.75, 0, 0.13, 1.84, 0,
  0.0, 1.86, 0,
];

/** Makes the mesh of a fighter: a hovering sentinel that looks along -z, with a visor and a gun at its right. */
export function buildBody(mesh: Mesh): void {
  const rows = outline.length / 3;
  const first = mesh.vertexCount;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i <= SEGMENTS; i++) {
      const angle = (<f32>i / <f32>SEGMENTS) * 6.2831853;
      const radius = outline[row * 3];
      mesh.vertex(
        Mathf.sin(angle) * radius,
        outline[row * 3 + 1],
        Mathf.cos(angle) * radius,
        outlineNormal(row, rows, angle),
      );
    }
  }
  const stride = SEGMENTS + 1;
  for (let row = 0; row + 1 < rows; row++) {
    for (let i = 0; i < SEGMENTS; i++) {
      const a = first + row * stride + i;
      mesh.quad(a, a + 1, a + stride + 1, a + stride);
    }
  }
  visor(mesh);
  box(mesh, 0.38, 1.0, -0.12, 0.52, 1.16, 0.2, 0);
  box(mesh, 0.41, 1.05, -0.72, 0.49, 1.13, -0.12, 0);
  box(mesh, 0.43, 1.13, -0.66, 0.47, 1.15, 0.1, 1);
  box(mesh, -0.52, 0.98, -0.16, -0.38, 1.2, 0.18, 0);
}

/** Computes a normal of the body from the slope between neighboring rows with the same glow, so that edges stay sharp. */
function outlineNormal(row: i32, rows: i32, angle: f32): u32 {
  const glow = outline[row * 3 + 2];
  const below = row > 0 && outline[row * 3 - 1] === glow ? row - 1 : row;
  const above = row + 1 < rows && outline[row * 3 + 5] === glow ? row + 1 : row;
  const dr = outline[above * 3] - outline[below * 3];
  const dy = outline[above * 3 + 1] - outline[below * 3 + 1];
  const size = Mathf.sqrt(dr * dr + dy * dy) + 1e-6;
  const out = dy / size;
  return packNormal(Mathf.sin(angle) * out, -dr / size, Mathf.cos(angle) * out, glow);
}

function visor(mesh: Mesh): void {
  const first = mesh.vertexCount;
  for (let i = 0; i <= 8; i++) {
    const angle: f32 = Mathf.PI + (<f32>i / 8 - 0.5) * 2.1;
    const x = Mathf.sin(angle);
    const z = Mathf.cos(angle);
    const normal = packNormal(x, 0, z, 1);
    mesh.vertex(x * 0.272, 1.56, z * 0.272, normal);
    mesh.vertex(x * 0.268, 1.66, z * 0.268, normal);
  }
  for (let i = 0; i < 8; i++) {
    const a = first + i * 2;
    mesh.quad(a, a + 2, a + 3, a + 1);
  }
}

/** Makes the mesh of the gun that a player sees in the player's own hands, in metres before the eye. */
export function buildGun(mesh: Mesh): void {
  box(mesh, 0.15, -0.185, -0.6, 0.2, -0.135, -0.3, 0);
  box(mesh, 0.138, -0.215, -0.46, 0.212, -0.145, -0.22, 0);
  box(mesh, 0.16, -0.172, -0.7, 0.19, -0.146, -0.6, 0);
  box(mesh, 0.17, -0.136, -0.57, 0.18, -0.13, -0.28, 1);
  box(mesh, 0.134, -0.19, -0.43, 0.138, -0.178, -0.26, 1);
  box(mesh, 0.155, -0.3, -0.32, 0.195, -0.2, -0.25, 0);
}

function box(mesh: Mesh, x0: f32, y0: f32, z0: f32, x1: f32, y1: f32, z1: f32, glow: f32): void {
  side(mesh, x1, y0, z1, 0, 0, z0 - z1, 0, y1 - y0, 0, packNormal(1, 0, 0, glow));
  side(mesh, x0, y0, z0, 0, 0, z1 - z0, 0, y1 - y0, 0, packNormal(-1, 0, 0, glow));
  side(mesh, x0, y0, z1, x1 - x0, 0, 0, 0, y1 - y0, 0, packNormal(0, 0, 1, glow));
  side(mesh, x1, y0, z0, x0 - x1, 0, 0, 0, y1 - y0, 0, packNormal(0, 0, -1, glow));
  side(mesh, x0, y1, z1, x1 - x0, 0, 0, 0, 0, z0 - z1, packNormal(0, 1, 0, glow));
  side(mesh, x0, y0, z0, x1 - x0, 0, 0, 0, 0, z1 - z0, packNormal(0, -1, 0, glow));
}

function side(
  mesh: Mesh,
  x: f32,
  y: f32,
  z: f32,
  ux: f32,
  uy: f32,
  uz: f32,
  vx: f32,
  vy: f32,
  vz: f32,
  packed: u32,
): void {
  const a = mesh.vertex(x, y, z, packed);
  mesh.vertex(x + ux, y + uy, z + uz, packed);
  mesh.vertex(x + ux + vx, y + uy + vy, z + uz + vz, packed);
  mesh.vertex(x + vx, y + vy, z + vz, packed);
  mesh.quad(a, a + 1, a + 2, a + 3);
}
