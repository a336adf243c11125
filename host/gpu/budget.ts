import { Fault } from './reader.ts';

/** Bytes of GPU memory that a room holds, against its bound. */
export class Budget {
  readonly max: number;
  used = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** @throws Fault where fewer than `bytes` are left */
  take(bytes: number): void {
    if (bytes > this.max - this.used)
      throw new Fault(`its ${bytes} bytes exceed what is left of ${this.max} (GPU_BYTES_MAX): ${this.max - this.used}`);
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}

export interface TextureSize {
  width: number;
  height: number;
  depthOrArrayLayers: number;
  mipLevelCount: number;
  sampleCount: number;
  dimension: GPUTextureDimension;
  format: GPUTextureFormat;
}

/** Levels that a texture of 2^31 texels a side has; more are no texture at all. */
const MIP_LEVELS_MAX = 32;

/** About what a texture takes: all its levels, layers and samples, without the driver's own padding. */
export function textureBytes(size: TextureSize): number {
  if (size.mipLevelCount > MIP_LEVELS_MAX)
    throw new Fault(`mipLevelCount: ${size.mipLevelCount} is more than a texture has`);
  const bytes = blockBytes(size.format);
  const edge = size.format.startsWith('bc') ? 4 : 1;
  let total = 0;
  for (let level = 0; level < size.mipLevelCount; level++) {
    const depth = size.dimension === '3d' ? Math.max(1, size.depthOrArrayLayers >>> level) : size.depthOrArrayLayers;
    total += blocks(size.width, level, edge) * blocks(size.height, level, edge) * depth * bytes;
  }
  return total * Math.max(1, size.sampleCount);
}

function blocks(texels: number, level: number, edge: number): number {
  return Math.ceil(Math.max(1, texels >>> level) / edge);
}

const PACKED: Record<string, number> = {
  rgb9e5ufloat: 4,
  rgb10a2uint: 4,
  rgb10a2unorm: 4,
  rg11b10ufloat: 4,
  stencil8: 1,
  depth16unorm: 2,
  depth24plus: 4,
  'depth24plus-stencil8': 8,
  depth32float: 4,
  'depth32float-stencil8': 8,
};

/** Bytes of a texel, or of a block of 4 x 4 texels (WebGPU, "Texture Format Capabilities"). */
function blockBytes(format: string): number {
  const packed = PACKED[format];
  if (packed !== undefined) return packed;
  if (format.startsWith('bc')) return /^bc[14]/.test(format) ? 8 : 16;
  const plain = /^([rgba]+)(\d+)/.exec(format);
  if (plain === null) throw new Error(`no size is known for texture format ${format}`);
  return (plain[1]!.length * Number(plain[2])) / 8;
}
