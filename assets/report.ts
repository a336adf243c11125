import type { PackReport } from './packer/packer.ts';

/** Formats the figures of a packed model as a table. Returns its lines. */
export function formatReport({ sourceBytes, packedBytes, sizes, counts, ms }: PackReport): string[] {
  const row = (what: string, bytes: number) => `${what.padEnd(20)} ${size(bytes).padStart(10)}`;
  return [
    `${counts.triangles} triangles, ${counts.vertices} vertices, ${counts.primitives} primitives, ${counts.nodes} nodes, ` +
      `${counts.materials} materials, ${counts.textures} textures, ${counts.joints} joints, ${counts.animations} animations`,
    row('tables', sizes.tables),
    row('vertices', sizes.vertices),
    row('indices', sizes.indices),
    row('morph targets', sizes.morphs),
    row('compressed textures', sizes.blockTextures),
    row('plain textures', sizes.plainTextures),
    row('packed', packedBytes),
    `${row('source', sourceBytes)}   (the packed model has ${(packedBytes / sourceBytes).toFixed(2)} times that size)`,
    `read in ${seconds(ms.read)}, geometry ${seconds(ms.geometry)}, textures ${seconds(ms.textures)}, ${seconds(ms.all)} in all`,
  ];
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
