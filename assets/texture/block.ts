/**
 * Encoders of 4 x 4 blocks (Khronos Data Format 1.4, sections 19 to 21): BC7 with its mode 6 alone, one line through the colours of a
 * block with 16 steps, and BC4, of which BC5 is two.
 */

const BLOCK_TEXELS = 16;

/** The steps between two endpoints of BC7 with 4-bit indices, of 64. */
const STEPS = [0, 4, 9, 13, 17, 21, 26, 30, 34, 38, 43, 47, 51, 55, 60, 64];

const low = new Float64Array(4);
const high = new Float64Array(4);
const axis = new Float64Array(4);
const mean = new Float64Array(4);
const indices = new Uint8Array(BLOCK_TEXELS);
const ends = new Int32Array(8);
/** The endpoints' lowest bits, which their channels share. */
const parity = new Int32Array(2);

/** Encodes 16 RGBA texels into 16 bytes of `out` at `at`. */
export function encodeBc7(texels: Uint8Array, out: Uint8Array, at: number): void {
  let opaque = true;
  for (let i = 3; i < 64; i += 4) if (texels[i] !== 255) opaque = false;
  fitLine(texels);
  quantizeEnds(opaque);
  chooseIndices(texels);
  if (refine(texels)) {
    quantizeEnds(opaque);
    chooseIndices(texels);
  }
  // The first index has no highest bit: the line is turned round where it would need it.
  const swap = indices[0]! >= 8;
  const [first, second] = swap ? [4, 0] : [0, 4];
  out.fill(0, at, at + 16);
  putBits(out, at, 6, 1, 1);
  let bit = 7;
  for (let k = 0; k < 4; k++, bit += 14) {
    putBits(out, at, bit, ends[first + k]! >> 1, 7);
    putBits(out, at, bit + 7, ends[second + k]! >> 1, 7);
  }
  putBits(out, at, 63, parity[first >> 2]!, 1);
  putBits(out, at, 64, parity[second >> 2]!, 1);
  bit = 65;
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    const bits = i === 0 ? 3 : 4;
    putBits(out, at, bit, swap ? 15 - indices[i]! : indices[i]!, bits);
    bit += bits;
  }
}

/** The ends of the line through the colours along which they vary most. */
function fitLine(texels: Uint8Array): void {
  mean.fill(0);
  for (let i = 0; i < 64; i++) mean[i & 3]! += texels[i]! / BLOCK_TEXELS;
  let [rr, rg, rb, ra, gg, gb, ga, bb, ba, aa] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 64; i += 4) {
    const r = texels[i]! - mean[0]!;
    const g = texels[i + 1]! - mean[1]!;
    const b = texels[i + 2]! - mean[2]!;
    const a = texels[i + 3]! - mean[3]!;
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
  for (let i = 0; i < 64; i += 4) {
    let t = 0;
    for (let k = 0; k < 4; k++) t += (texels[i + k]! - mean[k]!) * axis[k]!;
    least = Math.min(least, t);
    most = Math.max(most, t);
  }
  for (let k = 0; k < 4; k++) {
    low[k] = mean[k]! + axis[k]! * least;
    high[k] = mean[k]! + axis[k]! * most;
  }
}

function quantizeEnds(opaque: boolean): void {
  for (let end = 0; end < 2; end++) {
    const from = end === 0 ? low : high;
    const even = opaque ? Infinity : parityError(from, 0);
    const p = even < parityError(from, 1) ? 0 : 1;
    parity[end] = p;
    for (let k = 0; k < 4; k++) ends[end * 4 + k] = snap(from[k]!, p);
  }
}

/** The nearest value of eight bits with this lowest bit. */
function snap(value: number, p: number): number {
  const seven = Math.min(Math.max(Math.round((value - p) / 2), 0), 127);
  return seven * 2 + p;
}

function parityError(from: Float64Array, p: number): number {
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += (from[k]! - snap(from[k]!, p)) ** 2;
  return sum;
}

function chooseIndices(texels: Uint8Array): void {
  let size = 0;
  for (let k = 0; k < 4; k++) size += (ends[4 + k]! - ends[k]!) ** 2;
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    let t = 0;
    for (let k = 0; k < 4; k++) t += (texels[i * 4 + k]! - ends[k]!) * (ends[4 + k]! - ends[k]!);
    indices[i] = size === 0 ? 0 : Math.min(Math.max(Math.round((t / size) * 15), 0), 15);
  }
}

/** The ends that suit the chosen indices best, by least squares; false where all indices are the same. */
function refine(texels: Uint8Array): boolean {
  let [aa, ab, bb] = [0, 0, 0];
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    const t = STEPS[indices[i]!]! / 64;
    aa += (1 - t) * (1 - t);
    ab += (1 - t) * t;
    bb += t * t;
  }
  const determinant = aa * bb - ab * ab;
  if (Math.abs(determinant) < 1e-6) return false;
  for (let k = 0; k < 4; k++) {
    let [a, b] = [0, 0];
    for (let i = 0; i < BLOCK_TEXELS; i++) {
      const t = STEPS[indices[i]!]! / 64;
      a += (1 - t) * texels[i * 4 + k]!;
      b += t * texels[i * 4 + k]!;
    }
    low[k] = Math.min(Math.max((a * bb - b * ab) / determinant, 0), 255);
    high[k] = Math.min(Math.max((b * aa - a * ab) / determinant, 0), 255);
  }
  return true;
}

function putBits(out: Uint8Array, at: number, bit: number, value: number, count: number): void {
  const place = at + (bit >> 3);
  const shifted = value << (bit & 7);
  out[place]! |= shifted & 0xff;
  if ((bit & 7) + count > 8) out[place + 1]! |= shifted >> 8;
}

/** Encodes one channel of 16 RGBA texels into 8 bytes of `out` at `at`. */
export function encodeBc4(texels: Uint8Array, channel: number, out: Uint8Array, at: number): void {
  let [least, most] = [255, 0];
  for (let i = channel; i < 64; i += 4) {
    least = Math.min(least, texels[i]!);
    most = Math.max(most, texels[i]!);
  }
  out.fill(0, at, at + 8);
  out[at] = most;
  out[at + 1] = least;
  if (most === least) return;
  for (let i = 0; i < BLOCK_TEXELS; i++) {
    const step = Math.round(((texels[i * 4 + channel]! - least) / (most - least)) * 7);
    putBits(out, at + 2, i * 3, step === 7 ? 0 : step === 0 ? 1 : 8 - step, 3);
  }
}
