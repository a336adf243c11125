/** A picture in memory: `width` x `height` pixels of 4 bytes (RGBA), rows without padding. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** How much two pictures differ. Channels have values from 0 to 255. */
export interface Difference {
  /** The greatest difference of any channel of any pixel. */
  maxDiff: number;
  /** The mean difference of all channels of all pixels. */
  meanDiff: number;
  /** Fraction of the pixels that differ, from 0 to 1. */
  differing: number;
}

/** @throws RangeError if the pictures differ in size */
export function compare(a: Image, b: Image): Difference {
  checkSizes(a, b);
  let [max, sum, pixels] = [0, 0, 0];
  for (let at = 0; at < a.pixels.length; at += 4) {
    let most = 0;
    for (let channel = at; channel < at + 4; channel++) {
      const apart = Math.abs((a.pixels[channel] ?? 0) - (b.pixels[channel] ?? 0));
      most = Math.max(most, apart);
      sum += apart;
    }
    max = Math.max(max, most);
    if (most > 0) pixels++;
  }
  return { maxDiff: max, meanDiff: sum / a.pixels.length, differing: pixels / (a.pixels.length / 4) };
}

/** Makes a picture of the difference between two pictures: eight times brighter, and opaque. */
export function difference(a: Image, b: Image): Image {
  checkSizes(a, b);
  const pixels = a.pixels.map((value, at) =>
    at % 4 === 3 ? 255 : Math.min(255, 8 * Math.abs(value - (b.pixels[at] ?? 0))),
  );
  return { width: a.width, height: a.height, pixels };
}

function checkSizes(a: Image, b: Image): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new RangeError(`pictures of ${a.width}x${a.height} and ${b.width}x${b.height} pixels cannot be compared`);
}
