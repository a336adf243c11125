import sharp from 'sharp';
import { limits } from '../limits.ts';
import { Budget } from './budget.ts';
import type { Buffers } from './buffers.ts';
import type { Resources } from './resources.ts';
import type { Value } from './value.ts';

/** An image file, and its size as its header has it. */
export interface ImageFile {
  place: string;
  file: Uint8Array;
  width: number;
  height: number;
}

/**
 * Reads the image files that materials use, and checks what they are before any decoder sees more than their header.
 * @returns one for each image of the model; undefined where it is not used
 * @throws NearlightError NL_MODEL naming the image
 */
export async function readImages(
  root: Value,
  used: ReadonlySet<number>,
  { buffers, resources }: { buffers: Buffers; resources: Resources },
): Promise<(ImageFile | undefined)[]> {
  const pixels = new Budget('pixels of images', limits.imagePixels);
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
    if (!isPicture(file)) image.fail('is none of PNG, JPEG and WebP');
    const { width, height } = await readSize(image, file);
    if (width > limits.imageSide || height > limits.imageSide)
      image.fail(`is ${width} x ${height} pixels, more than ${limits.imageSide} a side`);
    pixels.take(image.place, width * height);
    files.push({ place: image.place, file, width, height });
  }
  return files;
}

function isPicture(file: Uint8Array): boolean {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(12, file.length)).toString('latin1');
  return head.startsWith('\x89PNG\r\n\x1a\n') || head.startsWith('\xff\xd8\xff') || /^RIFF....WEBP/s.test(head);
}

async function readSize(image: Value, file: Uint8Array): Promise<{ width: number; height: number }> {
  try {
    const { width, height } = await sharp(file, { limitInputPixels: false }).metadata();
    return { width, height };
  } catch (cause) {
    return image.fail(`its header cannot be read: ${(cause as Error).message.split('\n')[0]}`);
  }
}
