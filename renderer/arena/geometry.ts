import { Buffer, BufferUsage, device } from '@nearlight/sdk';
import { buildSky, buildWorld, Mesh } from './mesh';
import { buildBody, buildGun } from './model';

/** All meshes of the game in one pair of buffers, and the first index of each: the level, a body, a gun, the sky. */
export class Geometry {
  readonly vertices: Buffer;
  readonly indices: Buffer;
  readonly bodyFirst: u32;
  readonly gunFirst: u32;
  readonly skyFirst: u32;
  readonly indexCount: u32;

  constructor() {
    const mesh = new Mesh(65535, 131072);
    buildWorld(mesh);
    this.bodyFirst = mesh.indexCount;
    buildBody(mesh);
    this.gunFirst = mesh.indexCount;
    buildGun(mesh);
    this.skyFirst = mesh.indexCount;
    buildSky(mesh);
    this.indexCount = mesh.indexCount;
    const vertexBytes = mesh.vertexCount * 16;
    const indexBytes = (mesh.indexCount * 2 + 3) & ~3;
    const vertices = makeBuffer('vertices', vertexBytes, BufferUsage.VERTEX);
    const indices = makeBuffer('indices', indexBytes, BufferUsage.INDEX);
    device.queue.writeBytes(vertices, 0, changetype<usize>(mesh.vertices), vertexBytes);
    device.queue.writeBytes(indices, 0, changetype<usize>(mesh.indices), indexBytes);
    this.vertices = vertices;
    this.indices = indices;
  }
}

/** Makes a GPU buffer that queue.writeBuffer can fill. */
export function makeBuffer(label: string, size: u32, usage: u32): Buffer {
  return device.createBuffer({ label, size, usage: usage | BufferUsage.COPY_DST });
}
