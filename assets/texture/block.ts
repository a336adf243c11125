import { f64, i32, u8 } from '../element.ts';

/**
 * Compresses blocks of 4 x 4 texels (Khronos Data Format 1.4, sections 19 to 21). BC7 uses only its mode 6: the colours of a
 * block are approximated by 16 steps along one line in RGBA space. BC4 stores one channel, and BC5 is two BC4 blocks.
 */

const BLOCK_TEXELS = 16;
const BLOCK_VALUES = BLOCK_TEXELS * 4;

/** Weight of each of BC7's 4-bit indices, in 64ths: 0 is the first endpoint, 64 the second. */
const WEIGHTS = Uint8Array.of(0, 4, 9, 13, 17, 21, 26, 30, 34, 38, 43, 47, 51, 55, 60, 64);

// Scratch space for one block of texels, reused because a texture has many. First, the endpoints of the line through its
// colours, before they are quantized:
const low = new Float64Array(4);
const high = new Float64Array(4);
/** Direction of the line through a block's colours, and the line's centre. */
const axis = new Float64Array(4);
const mean = new Float64Array(4);
/** BC7 index of each texel of a block: the nearest of the 16 steps along its line of colours. */
const indices = new Uint8Array(BLOCK_TEXELS);
/** The quantized endpoints of a block's line of colours: four channels of 8 bits each. */
const ends = new Int32Array(8);
/** The lowest bit of each endpoint of a block's line, which the four channels of the endpoint share. */
const parity = new Int32Array(2);

/** Compresses 16 RGBA texels to BC7. Writes 16 bytes to `out` at `at`. */
export function encodeBc7(texels: Uint8Array, out: Uint8Array, at: number): void {
  let opaque = true;
  for (let i = 3; i < BLOCK_VALUES; i += 4) if (texels[i] !== 255) opaque = false;
  fitLine(texels);
  quantizeEnds(opaque);
  chooseIndices(texels);
  if (refine(texels)) {
    quantizeEnds(opaque);
    chooseIndices(texels);
  }
  // BC7 omits the highest bit of the first index, which must be 0. Swapping the endpoints makes it so.
  const swap = u8(indices, 0) >= 8;
  const [first, second] = swap ? [4, 0] : [0, 4];
  out.fill(0, at, at + 16);
  // BC7 codes its mode 6 as six zeros and a one.
  putBits(out, at, 6, 1, 1);
  let bit = 7;
  for (let k = 0; k < 4; k++, bit += 14) {
    putBits(out, at, bit, i32(ends, first + k) >> 1, 7);
    putBits(out, at, bit + 7, i32(ends, second + k) >> 1, 7);
  }
  putBits(out, at, 63, i32(parity, first >> 2), 1);
  putBits(out, at, 64, i32(parity, second >> 2), 1);
  bit = 65;
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    const bits = i === 0 ? 3 : 4;
    const index = u8(indices, i);
    putBits(out, at, bit, swap ? 15 - index : index, bits);
    bit += bits;
  }
}

/** Fits a line through the colours of a block, in the direction in which they vary most (power iteration). */
function fitLine(texels: Uint8Array): void {
  mean.fill(0);
  for (let i = 0; i < BLOCK_VALUES; i++) mean[i & 3] = f64(mean, i & 3) + u8(texels, i) / BLOCK_TEXELS;
  const [meanR, meanG, meanB, meanA] = [f64(mean, 0), f64(mean, 1), f64(mean, 2), f64(mean, 3)];
  // The covariance matrix of the four channels.
  let [rr, rg, rb, ra, gg, gb, ga, bb, ba, aa] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < BLOCK_VALUES; i += 4) {
    const r = u8(texels, i) - meanR;
    const g = u8(texels, i + 1) - meanG;
    const b = u8(texels, i + 2) - meanB;
    const a = u8(texels, i + 3) - meanA;
    rr += r * r;
    rg += r * g;
    rb += r * b;
    ra += r * a;
    gg += g * g;
    gb += g * b;
    ga += g * a;
    bb += b * b;
    ba += b * a;
    aa += a * a;
  }
  let [x, y, z, w] = [rr + rg + rb + ra, rg + gg + gb + ga, rb + gb + bb + ba, ra + ga + ba + aa];
  if (Math.abs(x) + Math.abs(y) + Math.abs(z) + Math.abs(w) < 1e-6) [x, y, z, w] = [rr + 1, gg, bb, aa];
  for (let round = 0; round < 4; round++) {
    const nx = rr * x + rg * y + rb * z + ra * w;
    const ny = rg * x + gg * y + gb * z + ga * w;
    const nz = rb * x + gb * y + bb * z + ba * w;
    const nw = ra * x + ga * y + ba * z + aa * w;
    const length = Math.hypot(nx, ny, nz, nw);
    if (length < 1e-9) break;
    [x, y, z, w] = [nx / length, ny / length, nz / length, nw / length];
  }
  const size = Math.hypot(x, y, z, w) || 1;
  axis[0] = x / size;
  axis[1] = y / size;
  axis[2] = z / size;
  axis[3] = w / size;
  let [least, most] = [0, 0];
  for (let i = 0; i < BLOCK_VALUES; i += 4) {
    let t = 0;
    for (let k = 0; k < 4; k++) t += (u8(texels, i + k) - f64(mean, k)) * f64(axis, k);
    least = Math.min(least, t);
    most = Math.max(most, t);
  }
  for (let k = 0; k < 4; k++) {
    low[k] = f64(mean, k) + f64(axis, k) * least;
    high[k] = f64(mean, k) + f64(axis, k) * most;
  }
}

/** Rounds the endpoints of a block's line to 8 bits per channel, with the shared lowest bit that fits each endpoint best. */
function quantizeEnds(opaque: boolean): void {
  for (let end = 0; end < 2; end++) {
    const from = end === 0 ? low : high;
    const even = opaque ? Infinity : parityError(from, 0);
    const p = even < parityError(from, 1) ? 0 : 1;
    parity[end] = p;
    for (let k = 0; k < 4; k++) ends[end * 4 + k] = snap(f64(from, k), p);
  }
}

/** Rounds to the nearest 8-bit value whose lowest bit is `p`. */
function snap(value: number, p: number): number {
  const seven = Math.min(Math.max(Math.round((value - p) / 2), 0), 127);
  return seven * 2 + p;
}

/** Returns the squared error of an endpoint whose channels are rounded to 8 bits with this lowest bit. */
function parityError(from: Float64Array, p: number): number {
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += (f64(from, k) - snap(f64(from, k), p)) ** 2;
  return sum;
}

/** Chooses, for each texel of a block, the nearest of the 16 steps along its line of colours. */
function chooseIndices(texels: Uint8Array): void {
  let size = 0;
  for (let k = 0; k < 4; k++) size += (i32(ends, 4 + k) - i32(ends, k)) ** 2;
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    let t = 0;
    for (let k = 0; k < 4; k++) {
      const start = i32(ends, k);
      t += (u8(texels, i * 4 + k) - start) * (i32(ends, 4 + k) - start);
    }
    indices[i] = size === 0 ? 0 : Math.min(Math.max(Math.round((t / size) * 15), 0), 15);
  }
}

/**
 * Moves the endpoints of a block's line to where they fit the chosen indices best, by least squares. Returns false if all
 * indices are equal, which leaves nothing to fit.
 */
function refine(texels: Uint8Array): boolean {
  let [aa, ab, bb] = [0, 0, 0];
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    const t = u8(WEIGHTS, u8(indices, i)) / 64;
    aa += (1 - t) * (1 - t);
    ab += (1 - t) * t;
    bb += t * t;
  }
  const determinant = aa * bb - ab * ab;
  if (Math.abs(determinant) < 1e-6) return false;
  for (let k = 0; k < 4; k++) {
    let [a, b] = [0, 0];
    for (let i = 0; i < BLOCK_TEXELS; i++) {
      const t = u8(WEIGHTS, u8(indices, i)) / 64;
      const value = u8(texels, i * 4 + k);
      a += (1 - t) * value;
      b += t * value;
    }
    low[k] = Math.min(Math.max((a * bb - b * ab) / determinant, 0), 255);
    high[k] = Math.min(Math.max((b * aa - a * ab) / determinant, 0), 255);
  }
  return true;
}

/** Sets up to 8 bits of `out`, counted from the lowest bit of byte `at`. They must have been 0. */
function putBits(out: Uint8Array, at: number, bit: number, value: number, count: number): void {
  const place = at + (bit >> 3);
  const shifted = value << (bit & 7);
  out[place] = u8(out, place) | (shifted & 0xff);
  if ((bit & 7) + count > 8) out[place + 1] = u8(out, place + 1) | (shifted >> 8);
}

/** Compresses one channel of 16 RGBA texels to BC4. Writes 8 bytes to `out` at `at`. */
export function encodeBc4(texels: Uint8Array, channel: number, out: Uint8Array, at: number): void {
  let [least, most] = [255, 0];
  for (let i = channel; i < BLOCK_VALUES; i += 4) {
    const value = u8(texels, i);
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  out.fill(0, at, at + 8);
  out[at] = most;
  out[at + 1] = least;
  if (most === least) return;
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    const step = Math.round(((u8(texels, i * 4 + channel) - least) / (most - least)) * 7);
    putBits(out, at + 2, i * 3, step === 7 ? 0 : step === 0 ? 1 : 8 - step, 3);
  }
}
