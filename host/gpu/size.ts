import { Fault } from './reader.ts';

export interface TextureSize {
  width: number;
  height: number;
  depthOrArrayLayers: number;
  mipLevelCount: number;
  sampleCount: number;
  dimension: GPUTextureDimension;
  format: GPUTextureFormat;
}

/** The most mip levels. A texture with more would be over 2^31 texels wide, which WebGPU refuses. */
const MIP_LEVELS_MAX = 32;

/** Estimates the bytes of a texture: all mip levels, layers and samples, without any padding that the driver adds. */
export function textureBytes(size: TextureSize): number {
  if (size.mipLevelCount > MIP_LEVELS_MAX)
    throw new Fault(`mipLevelCount: ${size.mipLevelCount} is more than any texture has`);
  const bytes = blockBytes(size.format);
  const [blockWidth, blockHeight] = blockSize(size.format);
  let total = 0;
  for (let level = 0; level < size.mipLevelCount; level++) {
    const depth = size.dimension === '3d' ? Math.max(1, size.depthOrArrayLayers >>> level) : size.depthOrArrayLayers;
    total += blocks(size.width, level, blockWidth) * blocks(size.height, level, blockHeight) * depth * bytes;
  }
  return total * Math.max(1, size.sampleCount);
}

/** Number of a format's blocks along one edge of a mip level. @param texels length of the edge at mip level 0 */
function blocks(texels: number, level: number, blockEdge: number): number {
  return Math.ceil(Math.max(1, texels >>> level) / blockEdge);
}

const PACKED_BYTES: Record<string, number> = {
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

/** Width and height of a compressed format's blocks in texels; 1 x 1 for other formats. */
function blockSize(format: string): [width: number, height: number] {
  const [, width, height] = /^astc-(\d+)x(\d+)-/.exec(format) ?? [];
  if (width && height) return [Number(width), Number(height)];
  return /^(bc|etc2|eac)/.test(format) ? [4, 4] : [1, 1];
}

/** Bytes of a texel, or of a compressed format's block (WebGPU, "Texture Format Capabilities"). */
function blockBytes(format: string): number {
  const packed = PACKED_BYTES[format];
  if (packed !== undefined) return packed;
  if (format.startsWith('bc')) return /^bc[14]/.test(format) ? 8 : 16;
  if (format.startsWith('astc')) return 16;
  if (/^(etc2|eac)/.test(format)) return /^(etc2-rgb8|eac-r11)/.test(format) ? 8 : 16;
  const [, channels, bits] = /^([rgba]+)(\d+)/.exec(format) ?? [];
  if (channels === undefined) throw new Error(`bug: the size of texture format ${format} is not known`);
  return (channels.length * Number(bits)) / 8;
}
