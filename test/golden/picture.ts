import sharp from 'sharp';
import type { Image } from './compare.ts';

/** Decodes a PNG, or another format that sharp reads, from its bytes or a file. @throws Error if it is not a picture */
export async function readImage(file: string | Uint8Array): Promise<Image> {
  const { data, info } = await sharp(file).ensureAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: new Uint8Array(data) };
}

/** Encodes a PNG. */
export function writeImage({ width, height, pixels }: Image): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
