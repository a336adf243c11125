import sharp from 'sharp';
import { blockLevel, type Image, type Level, makeLevels, plainLevel, type Role } from './levels.ts';

/** A texture to make: an image file for a role. */
export interface TextureJob {
  /** PNG, JPEG or WebP. */
  file: Uint8Array;
  role: Role;
  /** The size to make it; multiples of 4. */
  width: number;
  height: number;
}

/** A texture as it is written. */
export interface EncodedTexture {
  width: number;
  height: number;
  blocks: Level[];
  plain: Level[];
}

/**
 * Where there is no block compression, texels take four times the room: textures above the first size have half the side
 * then, and none is above the second.
 */
const PLAIN_SIDE_WHOLE = 128;
const PLAIN_SIDE_MAX = 512;

/** Decodes an image and makes its levels. @throws Error of the decoder */
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
  // What a picture's file says of its colour space is to be ignored (glTF 2.0, 3.8.3).
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
    data: info.channels === 4 ? new Uint8Array(data) : spread(data, info.channels),
  };
}

/** Grey, or grey and alpha, as RGBA. */
function spread(data: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array((data.length / channels) * 4).fill(255);
  for (let i = 0, to = 0; i < data.length; i += channels, to += 4) {
    out.fill(data[i]!, to, to + 3);
    if (channels === 2) out[to + 3] = data[i + 1]!;
  }
  return out;
}
