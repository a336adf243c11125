import sharp from 'sharp';
import { LIMITS } from '../limits.ts';
import { Budget } from './budget.ts';
import type { Buffers } from './buffers.ts';
import type { Resources } from './resources.ts';
import type { Value } from './value.ts';

/** An encoded image, and the size in pixels that its header states. */
export interface ImageFile {
  /** Place of the image in the model, such as `images[0]`. */
  place: string;
  file: Uint8Array;
  width: number;
  height: number;
}

/**
 * Reads the image files that materials use. Checks their formats and sizes before a decoder sees more than their headers.
 * @param used indices of the images that materials use
 * @returns an element for each image of the model; undefined for those that are not used
 * @throws NearlightError NL_MODEL with the place of the image
 */
export async function readImages(
  root: Value,
  used: ReadonlySet<number>,
  { buffers, resources }: { buffers: Buffers; resources: Resources },
): Promise<(ImageFile | undefined)[]> {
  const pixels = new Budget('pixels of images', LIMITS.imagePixels);
  const files: (ImageFile | undefined)[] = [];
  for (const [index, image] of root.get('images').list().entries()) {
    if (!used.has(index)) {
      files.push(undefined);
      continue;
    }
    const uri = image.get('uri');
    const file = uri.exists
      ? await resources.read(uri)
      : buffers.view(image.get('bufferView').index(buffers.viewCount, 'bufferView')).bytes;
    if (!isPicture(file)) image.fail('is not a PNG, JPEG or WebP file');
    const { width, height } = await readSize(image, file);
    if (width > LIMITS.imageSide || height > LIMITS.imageSide)
      image.fail(`has ${width} x ${height} pixels; neither side may exceed ${LIMITS.imageSide}`);
    pixels.take(image.place, width * height);
    files.push({ place: image.place, file, width, height });
  }
  return files;
}

/** Recognizes PNG, JPEG and WebP files by their first bytes. */
function isPicture(file: Uint8Array): boolean {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(12, file.length)).toString('latin1');
  return head.startsWith('\x89PNG\r\n\x1a\n') || head.startsWith('\xff\xd8\xff') || /^RIFF....WEBP/s.test(head);
}

async function readSize(image: Value, file: Uint8Array): Promise<{ width: number; height: number }> {
  try {
    const { width, height } = await sharp(file, { limitInputPixels: false }).metadata();
    return { width, height };
  } catch (cause) {
    return image.fail(`has a header that cannot be read: ${(cause as Error).message.split('\n')[0]}`);
  }
}
