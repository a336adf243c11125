import { f32, f64, i32, u8 } from '../element.ts';
import { encodeBc4, encodeBc7 } from './block.ts';

/** An image of RGBA texels with 8 bits per channel. */
export interface Image {
  width: number;
  height: number;
  data: Uint8Array;
}

/** The kind of data in a texture, which decides how it is scaled and compressed. */
export type Role = 'color' | 'normal' | 'metalRough' | 'occlusion';

/** A mip level as it is copied to the GPU. */
export interface Level {
  width: number;
  height: number;
  bytesPerRow: number;
  data: Uint8Array;
}

/** Linear light for each 8-bit sRGB value (IEC 61966-2-1). */
const LINEAR = Float32Array.from({ length: 256 }, (_, i) => {
  const value = i / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});
/** The 8-bit sRGB value for linear light in steps of 1 / 4095. */
const SRGB = Uint8Array.from({ length: 4096 }, (_, i) => {
  const value = i / 4095;
  return Math.round(255 * (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055));
});

/** Makes all mip levels of an image. Each texel is the mean of the area that it covers in the level before. */
export function makeLevels(image: Image, role: Role): Image[] {
  const levels = [image];
  for (let last = image; last.width > 1 || last.height > 1; ) {
    last = halve(last, role);
    levels.push(last);
  }
  return levels;
}

/**
 * Returns how the texels of a mip level cover those of the next larger one, along one axis: for each, the first of three texels
 * and their weights.
 */
function coverage(from: number, to: number): { first: Int32Array; weights: Float32Array } {
  const first = new Int32Array(to);
  const weights = new Float32Array(to * 3);
  const ratio = from / to;
  for (let i = 0; i < to; i++) {
    const start = Math.floor(i * ratio + 1e-6);
    first[i] = start;
    for (let k = 0; k < 3; k++) {
      const overlap = Math.min(start + k + 1, (i + 1) * ratio) - Math.max(start + k, i * ratio);
      weights[i * 3 + k] = overlap > 1e-6 ? overlap / ratio : 0;
    }
  }
  return { first, weights };
}

/** Sums over the texels that are averaged into one: RGB weighted by alpha, alpha, and RGB without that weight. */
const sum = new Float64Array(7);

function halve(image: Image, role: Role): Image {
  const width = Math.max(1, image.width >> 1);
  const height = Math.max(1, image.height >> 1);
  const columns = coverage(image.width, width);
  const rows = coverage(image.height, height);
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sum.fill(0);
      for (let j = 0; j < 3; j++) {
        const down = f32(rows.weights, y * 3 + j);
        if (down === 0) continue;
        const row = (i32(rows.first, y) + j) * image.width;
        for (let i = 0; i < 3; i++) {
          const weight = down * f32(columns.weights, x * 3 + i);
          if (weight > 0) gather(image.data, (row + i32(columns.first, x) + i) * 4, weight, role);
        }
      }
      store(data, (y * width + x) * 4, role);
    }
  }
  return { width, height, data };
}

/**
 * Adds a texel to the sums of an average. Colours are added in linear light, weighted by alpha so that invisible colours do not
 * bleed, and also without that weight, in case all alphas are 0.
 */
function gather(data: Uint8Array, at: number, weight: number, role: Role): void {
  const alpha = role === 'color' ? u8(data, at + 3) / 255 : 1;
  for (let k = 0; k < 3; k++) {
    const texel = u8(data, at + k);
    const value = role === 'color' ? f32(LINEAR, texel) : texel;
    sum[k] = f64(sum, k) + weight * alpha * value;
    sum[4 + k] = f64(sum, 4 + k) + weight * value;
  }
  sum[3] = f64(sum, 3) + weight * alpha;
}

/** Writes the texel that is the average of those added to the sums. */
function store(out: Uint8Array, at: number, role: Role): void {
  const alpha = f64(sum, 3);
  if (role === 'color') {
    for (let k = 0; k < 3; k++) {
      const value = alpha > 1e-4 ? f64(sum, k) / alpha : f64(sum, 4 + k);
      out[at + k] = u8(SRGB, Math.min(4095, Math.round(value * 4095)));
    }
    out[at + 3] = Math.round(alpha * 255);
    return;
  }
  out[at + 3] = 255;
  if (role !== 'normal') {
    for (let k = 0; k < 3; k++) out[at + k] = Math.round(f64(sum, k));
    return;
  }
  const [x, y, z] = [f64(sum, 0) / 127.5 - 1, f64(sum, 1) / 127.5 - 1, f64(sum, 2) / 127.5 - 1];
  const length = Math.hypot(x, y, z) || 1;
  out[at] = Math.round((x / length + 1) * 127.5);
  out[at + 1] = Math.round((y / length + 1) * 127.5);
  out[at + 2] = Math.round((z / length + 1) * 127.5);
}

/** The channels of an image that a texture keeps, by its role, in this order. */
const CHANNELS: Record<Role, readonly number[]> = {
  color: [0, 1, 2, 3],
  normal: [0, 1],
  metalRough: [1, 2],
  occlusion: [0],
};

/** Makes an uncompressed mip level, with 1, 2 or 4 bytes per texel. */
export function plainLevel({ width, height, data }: Image, role: Role): Level {
  const channels = CHANNELS[role];
  const bytesPerRow = width * channels.length;
  if (role === 'color') return { width, height, bytesPerRow, data };
  const out = new Uint8Array(bytesPerRow * height);
  for (let i = 0, to = 0; i < width * height; i++)
    for (const channel of channels) out[to++] = u8(data, i * 4 + channel);
  return { width, height, bytesPerRow, data: out };
}

/**
 * Makes a compressed mip level: BC7 for colours, BC5 for two channels, BC4 for one. Blocks that reach beyond the edge repeat
 * its texels.
 */
export function blockLevel(image: Image, role: Role): Level {
  const channels = CHANNELS[role];
  const blockBytes = role === 'occlusion' ? 8 : 16;
  const columns = Math.ceil(image.width / 4);
  const rows = Math.ceil(image.height / 4);
  const data = new Uint8Array(columns * rows * blockBytes);
  const texels = new Uint8Array(64);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += blockBytes) {
      copyBlock(image, column * 4, row * 4, texels);
      if (role === 'color') encodeBc7(texels, data, at);
      else for (const [k, channel] of channels.entries()) encodeBc4(texels, channel, data, at + k * 8);
    }
  }
  return { width: columns * 4, height: rows * 4, bytesPerRow: columns * blockBytes, data };
}

/** Copies one block of 4 x 4 texels, whose first texel is at column x and row y of the image. */
function copyBlock(image: Image, x: number, y: number, texels: Uint8Array): void {
  for (let j = 0; j < 4; j++) {
    const row = Math.min(y + j, image.height - 1) * image.width;
    for (let i = 0; i < 4; i++) {
      const from = (row + Math.min(x + i, image.width - 1)) * 4;
      for (let k = 0; k < 4; k++) texels[(j * 4 + i) * 4 + k] = u8(image.data, from + k);
    }
  }
}
