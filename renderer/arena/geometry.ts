import { Buffer, BufferUsage, device } from '@nearlight/sdk';
import { Cells } from './cells';
import { buildSky, buildWorld, Mesh } from './mesh';
import { buildBody, buildGun } from './model';

/**
 * All meshes of the game in one buffer of vertices. A buffer of indices has a body, a gun and the sky; another one has what a picture
 * shows of the level.
 */
export class Geometry {
  readonly vertices: Buffer;
  readonly indices: Buffer;
  readonly level: Buffer;
  readonly gunFirst: u32;
  readonly skyFirst: u32;
  readonly indexCount: u32;
  private readonly cells: Cells;
  private readonly levelIndices: StaticArray<u16>;
  private readonly shown: StaticArray<u16>;

  constructor() {
    const mesh = new Mesh(65535, 131072);
    const cells = new Cells();
    buildWorld(mesh, cells);
    this.cells = cells;
    const levelCount = mesh.indexCount;
    buildBody(mesh);
    this.gunFirst = mesh.indexCount - levelCount;
    buildGun(mesh);
    this.skyFirst = mesh.indexCount - levelCount;
    buildSky(mesh);
    const indexCount = mesh.indexCount - levelCount;
    this.indexCount = indexCount;
    this.levelIndices = mesh.indices.slice<StaticArray<u16>>(0, levelCount);
    this.shown = new StaticArray<u16>(levelCount);
    const vertexBytes = mesh.vertexCount * 16;
    const indexBytes = (indexCount * 2 + 3) & ~3;
    const vertices = makeBuffer('vertices', vertexBytes, BufferUsage.VERTEX);
    const indices = makeBuffer('indices', indexBytes, BufferUsage.INDEX);
    device.queue.writeBytes(vertices, 0, changetype<usize>(mesh.vertices), vertexBytes);
    device.queue.writeBytes(indices, 0, changetype<usize>(mesh.indices) + 2 * levelCount, indexBytes);
    this.vertices = vertices;
    this.indices = indices;
    // Every cell has whole quads, and so a multiple of 12 bytes.
    this.level = makeBuffer('level', 2 * levelCount, BufferUsage.INDEX);
  }

  /** Uploads the indices of what a picture can show of the level, and returns their number. @param view the picture's uniforms */
  show(view: StaticArray<f32>): u32 {
    const count = this.cells.collect(view, this.levelIndices, this.shown);
    if (count > 0) device.queue.writeBytes(this.level, 0, changetype<usize>(this.shown), 2 * count);
    return count;
  }
}

/** Makes a GPU buffer that queue.writeBuffer can fill. */
export function makeBuffer(label: string, size: u32, usage: u32): Buffer {
  return device.createBuffer({ label, size, usage: usage | BufferUsage.COPY_DST });
}
