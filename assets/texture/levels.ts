import { encodeBc4, encodeBc7 } from './block.ts';

/** An image of RGBA texels, 8 bits each. */
export interface Image {
  width: number;
  height: number;
  data: Uint8Array;
}

export type Role = 'color' | 'normal' | 'metalRough' | 'occlusion';

/** A level as it goes to the GPU. */
export interface Level {
  width: number;
  height: number;
  bytesPerRow: number;
  data: Uint8Array;
}

/** Linear light of each sRGB value (IEC 61966-2-1). */
const LINEAR = Float32Array.from({ length: 256 }, (_, i) => {
  const value = i / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});
/** The sRGB value of linear light in steps of 1 / 4095. */
const SRGB = Uint8Array.from({ length: 4096 }, (_, i) => {
  const value = i / 4095;
  return Math.round(255 * (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055));
});

/** All levels of an image down to one texel, each the mean of the one before over a texel's area. */
export function makeLevels(image: Image, role: Role): Image[] {
  const levels = [image];
  for (let last = image; last.width > 1 || last.height > 1; ) {
    last = halve(last, role);
    levels.push(last);
  }
  return levels;
}

/** Texels of the larger level under each of the smaller: where they begin, and the weight of up to three. */
function taps(from: number, to: number): { first: Int32Array; weights: Float32Array } {
  const first = new Int32Array(to);
  const weights = new Float32Array(to * 3);
  const ratio = from / to;
  for (let i = 0; i < to; i++) {
    first[i] = Math.floor(i * ratio + 1e-6);
    for (let k = 0; k < 3; k++) {
      const overlap = Math.min(first[i]! + k + 1, (i + 1) * ratio) - Math.max(first[i]! + k, i * ratio);
      weights[i * 3 + k] = overlap > 1e-6 ? overlap / ratio : 0;
    }
  }
  return { first, weights };
}

const sum = new Float64Array(7);

function halve(image: Image, role: Role): Image {
  const width = Math.max(1, image.width >> 1);
  const height = Math.max(1, image.height >> 1);
  const columns = taps(image.width, width);
  const rows = taps(image.height, height);
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sum.fill(0);
      for (let j = 0; j < 3; j++) {
        const down = rows.weights[y * 3 + j]!;
        if (down === 0) continue;
        const row = (rows.first[y]! + j) * image.width;
        for (let i = 0; i < 3; i++) {
          const weight = down * columns.weights[x * 3 + i]!;
          if (weight > 0) gather(image.data, (row + columns.first[x]! + i) * 4, weight, role);
        }
      }
      store(data, (y * width + x) * 4, role);
    }
  }
  return { width, height, data };
}

/** Adds a texel; colours in linear light, weighted by their alpha, and in case all of that is 0 also unweighted. */
function gather(data: Uint8Array, at: number, weight: number, role: Role): void {
  const alpha = role === 'color' ? data[at + 3]! / 255 : 1;
  for (let k = 0; k < 3; k++) {
    const value = role === 'color' ? LINEAR[data[at + k]!]! : data[at + k]!;
    sum[k]! += weight * alpha * value;
    sum[4 + k]! += weight * value;
  }
  sum[3]! += weight * alpha;
}

function store(out: Uint8Array, at: number, role: Role): void {
  const alpha = sum[3]!;
  if (role === 'color') {
    for (let k = 0; k < 3; k++) {
      const value = alpha > 1e-4 ? sum[k]! / alpha : sum[4 + k]!;
      out[at + k] = SRGB[Math.min(4095, Math.round(value * 4095))]!;
    }
    out[at + 3] = Math.round(alpha * 255);
    return;
  }
  out[at + 3] = 255;
  if (role !== 'normal') {
    for (let k = 0; k < 3; k++) out[at + k] = Math.round(sum[k]!);
    return;
  }
  const [x, y, z] = [sum[0]! / 127.5 - 1, sum[1]! / 127.5 - 1, sum[2]! / 127.5 - 1];
  const length = Math.hypot(x, y, z) || 1;
  out[at] = Math.round((x / length + 1) * 127.5);
  out[at + 1] = Math.round((y / length + 1) * 127.5);
  out[at + 2] = Math.round((z / length + 1) * 127.5);
}

/** Which channels of the image a role keeps, in their order. */
const CHANNELS: Record<Role, readonly number[]> = {
  color: [0, 1, 2, 3],
  normal: [0, 1],
  metalRough: [1, 2],
  occlusion: [0],
};

/** The level as plain texels of 1, 2 or 4 bytes. */
export function plainLevel({ width, height, data }: Image, role: Role): Level {
  const channels = CHANNELS[role];
  const bytesPerRow = width * channels.length;
  if (role === 'color') return { width, height, bytesPerRow, data };
  const out = new Uint8Array(bytesPerRow * height);
  for (let i = 0, to = 0; i < width * height; i++) for (const channel of channels) out[to++] = data[i * 4 + channel]!;
  return { width, height, bytesPerRow, data: out };
}

/** The level as blocks: BC7 for colours, BC5 for two channels, BC4 for one. Texels beyond the edge repeat it. */
export function blockLevel(image: Image, role: Role): Level {
  const channels = CHANNELS[role];
  const blockBytes = role === 'occlusion' ? 8 : 16;
  const columns = Math.ceil(image.width / 4);
  const rows = Math.ceil(image.height / 4);
  const data = new Uint8Array(columns * rows * blockBytes);
  const texels = new Uint8Array(64);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += blockBytes) {
      cut(image, column * 4, row * 4, texels);
      if (role === 'color') encodeBc7(texels, data, at);
      else for (const [k, channel] of channels.entries()) encodeBc4(texels, channel, data, at + k * 8);
    }
  }
  return { width: columns * 4, height: rows * 4, bytesPerRow: columns * blockBytes, data };
}

function cut(image: Image, x: number, y: number, texels: Uint8Array): void {
  for (let j = 0; j < 4; j++) {
    const row = Math.min(y + j, image.height - 1) * image.width;
    for (let i = 0; i < 4; i++) {
      const from = (row + Math.min(x + i, image.width - 1)) * 4;
      for (let k = 0; k < 4; k++) texels[(j * 4 + i) * 4 + k] = image.data[from + k]!;
    }
  }
}
