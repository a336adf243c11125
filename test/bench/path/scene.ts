import type { Picture } from '../../../host/video/readback.ts';
import { Random } from '../../random.ts';

/**
 * Pictures are taken a little more rarely than a display shows them (60/s), so that they meet it in all phases alike. With equal rates
 * each row would get a phase of its own, by chance, which is up to 16 ms of its delays.
 */
export const TAKEN_PER_SECOND = 59.5;
/** Size of the blocks that show a picture's number, and their number. */
export const BLOCK = 16;
export const BITS = 16;
/** Size and place of the part that pictures are compared in. */
export const PATCH = { x: 200, y: 120, side: 128 };
/** The camera moves by this many pixels for each picture, over a field that is this much larger than the picture. */
const STEP_X = 7;
const STEP_Y = 3;
const MARGIN = 1024;
/** The rows from this one on jump with each picture, so that no picture before helps to encode them. */
const JUMPS_FROM = PATCH.y + PATCH.side;

/** Moving pictures with so much detail that a video encoder always wants more bits. Each picture shows its own number. */
export class Scene {
  readonly width: number;
  readonly height: number;
  readonly #field: Uint8Array;
  readonly #stride: number;
  readonly #luma: Uint8Array;
  readonly #chroma: Uint8Array;

  /** Width and height must be divisible by 16. */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#stride = width + MARGIN;
    this.#field = noise(this.#stride, height + MARGIN);
    this.#luma = new Uint8Array(width * height);
    this.#chroma = new Uint8Array((width * height) / 4).fill(128);
  }

  /** Returns a picture, which is valid until the next call. */
  picture(number: number): Picture {
    const { width, height } = this;
    for (let row = 0; row < height; row++) {
      const start = this.#at(number, 0, row);
      this.#luma.set(this.#field.subarray(start, start + width), row * width);
    }
    for (let bit = 0; bit < BITS; bit++)
      for (let row = 0; row < BLOCK; row++)
        this.#luma.fill((number >> bit) & 1 ? 235 : 16, row * width + bit * BLOCK, row * width + (bit + 1) * BLOCK);
    const chroma = { u: this.#chroma, v: this.#chroma, uStride: width / 2, vStride: width / 2 };
    return { width, height, y: this.#luma, yStride: width, ...chroma, release() {} };
  }

  /** Returns the peak signal-to-noise ratio of a received patch of a picture, in dB. */
  psnr(number: number, patch: Uint8Array): number {
    let sum = 0;
    for (let row = 0; row < PATCH.side; row++) {
      const start = this.#at(number, PATCH.x, PATCH.y + row);
      for (let column = 0; column < PATCH.side; column++)
        sum += ((this.#field[start + column] ?? 0) - (patch[row * PATCH.side + column] ?? 0)) ** 2;
    }
    return 10 * Math.log10(255 ** 2 / Math.max(0.01, sum / PATCH.side ** 2));
  }

  #at(number: number, x: number, y: number): number {
    if (y < JUMPS_FROM) return (y + ((number * STEP_Y) % MARGIN)) * this.#stride + x + ((number * STEP_X) % MARGIN);
    return (y + ((number * 397) % MARGIN)) * this.#stride + x + ((number * 631) % MARGIN);
  }
}

/** Returns brightness values with coarse and fine detail, from 16 to 235. */
function noise(width: number, height: number): Uint8Array {
  const random = new Random(1);
  const field = new Float32Array(width * height).fill(126);
  for (const [cell, amplitude] of [
    [64, 50],
    [16, 30],
    [4, 18],
    [2, 8],
  ] as const) {
    const across = Math.ceil(width / cell) + 1;
    const values = Float32Array.from(
      { length: across * (Math.ceil(height / cell) + 1) },
      () => random.below(1000) / 500 - 1,
    );
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = values[Math.floor(y / cell) * across + Math.floor(x / cell)] ?? 0;
        field[y * width + x] = (field[y * width + x] ?? 0) + amplitude * value;
      }
  }
  return Uint8Array.from(field, (value) => Math.max(16, Math.min(235, value)));
}
