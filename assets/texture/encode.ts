import sharp from 'sharp';
import { u8 } from '../element.ts';
import { blockLevel, type Image, type Level, makeLevels, plainLevel, type Role } from './levels.ts';

/** A texture to encode. */
export interface TextureJob {
  /** The image: a PNG, JPEG or WebP file. */
  file: Uint8Array;
  role: Role;
  /** Size of the texture in pixels; multiples of 4. The image is scaled to it. */
  width: number;
  height: number;
}

/** A texture with all its mip levels, both compressed and not, since not every GPU supports compression. */
export interface EncodedTexture {
  width: number;
  height: number;
  /** Block-compressed mip levels. */
  blocks: Level[];
  /** Uncompressed mip levels. The largest ones are left out if they take too much memory. */
  plain: Level[];
}

// Uncompressed textures take four times the memory of compressed ones, so most of them are made smaller.
/** Largest side of an uncompressed texture, in pixels. */
const PLAIN_SIDE_MAX = 512;
/** Longest side, in pixels, with which an uncompressed texture keeps its full size. A larger one is halved. */
const PLAIN_SIDE_WHOLE = 128;

/** Decodes an image and makes its mip levels. @throws the error of the decoder */
export async function encodeTexture(job: TextureJob): Promise<EncodedTexture> {
  const { role, width, height } = job;
  const levels = makeLevels(await decode(job), role);
  const fits = levels.findIndex((level) => Math.max(level.width, level.height) <= PLAIN_SIDE_MAX);
  const first = Math.max(fits, Math.max(width, height) > PLAIN_SIDE_WHOLE ? 1 : 0);
  return {
    width,
    height,
    blocks: levels.map((level) => blockLevel(level, role)),
    plain: levels.slice(first).map((level) => plainLevel(level, role)),
  };
}

async function decode({ file, role, width, height }: TextureJob): Promise<Image> {
  // glTF 2.0, 3.8.3 requires that colour profiles in image files are ignored.
  let image = sharp(file, { failOn: 'error', ignoreIcc: true, limitInputPixels: false }).toColourspace('srgb');
  if (role !== 'color') image = image.removeAlpha();
  const { data, info } = await image
    .resize({ width, height, fit: 'fill' })
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    data: info.channels === 4 ? new Uint8Array(data) : toRgba(data, info.channels),
  };
}

/** Converts grey texels, or grey and alpha, to RGBA. */
function toRgba(data: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array((data.length / channels) * 4).fill(255);
  for (let i = 0, to = 0; i < data.length; i += channels, to += 4) {
    out.fill(u8(data, i), to, to + 3);
    if (channels === 2) out[to + 3] = u8(data, i + 1);
  }
  return out;
}
