import { correctionOf } from './reed-solomon.ts';

/** Bytes in a symbol of each version, from version 1 to 10. */
const SYMBOL_BYTES = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
/** Bytes of error correction in each block, and the number of blocks, at level M of each version. */
const BLOCKS: readonly (readonly [number, number])[] = [
  [10, 1],
  [16, 1],
  [26, 1],
  [18, 2],
  [24, 2],
  [16, 4],
  [18, 4],
  [22, 4],
  [22, 5],
  [26, 5],
];
const BYTE_MODE = 0b0100;
const PADDING = [0xec, 0x11];
/** Added to the format, so that it is never all light. */
const FORMAT_MASK = 0x5412;

/** The conditions for inverting the module in column x and row y, in the order of their numbers. */
const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + (y >> 1)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

type Module = boolean | undefined;

/**
 * Encodes a text as a QR code (ISO/IEC 18004) of the smallest version that holds it, in byte mode and with error correction at
 * level M, so a reader can do without 15 % of the code. Versions up to 10 are known, which hold 213 bytes.
 * @returns the rows of the code from the top, true where a module is dark, without the light margin of four modules around it;
 * undefined if the text is too long
 */
export function encodeQr(text: string): boolean[][] | undefined {
  const bytes = new TextEncoder().encode(text);
  const version = 1 + SYMBOL_BYTES.findIndex((_, index) => bytes.length <= capacityOf(index + 1));
  if (version === 0) return undefined;
  const bits = interleave(dataOf(bytes, version), version).flatMap((byte) =>
    Array.from({ length: 8 }, (_, bit) => isSet(byte, 7 - bit)),
  );
  const candidates = MASKS.map((_, mask) => draw(version, bits, mask));
  const penalties = candidates.map(penaltyOf);
  return candidates[penalties.indexOf(Math.min(...penalties))];
}

/** Returns how many bytes of text a version holds. The mode, the length and the end of the text take two bytes, or three. */
function capacityOf(version: number): number {
  return dataBytesOf(version) - (version < 10 ? 2 : 3);
}

function dataBytesOf(version: number): number {
  const [correction, count] = BLOCKS[version - 1] ?? [0, 0];
  return (SYMBOL_BYTES[version - 1] ?? 0) - correction * count;
}

function isSet(value: number, bit: number): boolean {
  return ((value >> bit) & 1) === 1;
}

/** Returns the bytes of data: the mode, the length, the text, four zero bits as its end, and padding. */
function dataOf(text: Uint8Array, version: number): number[] {
  const nibbles = [BYTE_MODE];
  for (let digit = version < 10 ? 1 : 3; digit >= 0; digit--) nibbles.push((text.length >> (4 * digit)) & 15);
  for (const byte of text) nibbles.push(byte >> 4, byte & 15);
  nibbles.push(0);
  const data: number[] = [];
  for (let index = 0; index < nibbles.length; index += 2)
    data.push(((nibbles[index] ?? 0) << 4) | (nibbles[index + 1] ?? 0));
  for (let index = 0; data.length < dataBytesOf(version); index++) data.push(PADDING[index % 2] ?? 0);
  return data;
}

/** Divides the data into blocks. Returns the first bytes of all blocks, then the second ones, then their corrections likewise. */
function interleave(data: readonly number[], version: number): number[] {
  const [correction, count] = BLOCKS[version - 1] ?? [0, 1];
  const length = Math.floor(data.length / count);
  const shortBlocks = count - (data.length % count);
  const blocks: number[][] = [];
  for (let index = 0, start = 0; index < count; index++) {
    const end = start + length + Number(index >= shortBlocks);
    blocks.push(data.slice(start, end));
    start = end;
  }
  const corrections = blocks.map((block) => correctionOf(block, correction));
  const inTurn = (lists: number[][], longest: number) =>
    Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list.slice(index, index + 1))).flat();
  return [...inTurn(blocks, length + 1), ...inTurn(corrections, correction)];
}

/** Returns the 15 bits that name level M, whose number is 0, and a mask. */
export function formatBits(mask: number): number {
  return ((mask << 10) | remainderOf(mask << 10, 0x537)) ^ FORMAT_MASK;
}

/** Returns the 18 bits that name a version from 7 on. */
export function versionBits(version: number): number {
  return (version << 12) | remainderOf(version << 12, 0x1f25);
}

/** Returns the remainder of a division of polynomials over GF(2), whose factors are the bits of the numbers. */
function remainderOf(value: number, divisor: number): number {
  let rest = value;
  for (let shift = Math.clz32(divisor) - Math.clz32(rest); shift >= 0; ) {
    rest ^= divisor << shift;
    shift = Math.clz32(divisor) - Math.clz32(rest);
  }
  return rest;
}

/** Draws a symbol: the patterns by which readers find it, its format, then the bits in the modules that are left. */
function draw(version: number, bits: readonly boolean[], mask: number): boolean[][] {
  const size = 17 + 4 * version;
  const drawn: Module[][] = Array.from({ length: size }, () => Array<Module>(size).fill(undefined));
  const set = (x: number, y: number, isDark: boolean) => {
    const row = drawn[y];
    if (row && x >= 0 && x < size) row[x] = isDark;
  };
  const drawSquares = (x: number, y: number, radius: number, light: readonly number[]) => {
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++)
        set(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  for (let index = 8; index < size - 8; index++) {
    set(6, index, index % 2 === 0);
    set(index, 6, index % 2 === 0);
  }
  const last = size - 7;
  // The smaller squares stand at the crossings of these lines, except in the three corners that have a large one.
  const lines = [6, 2 * version + 8, last].filter((_, index) => version >= 7 || (version > 1 && index !== 1));
  const hasSmall = (x: number, y: number) => x + y > 12 && Math.abs(x - y) !== last - 6;
  for (const x of lines) for (const y of lines) if (hasSmall(x, y)) drawSquares(x, y, 2, [1]);
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    drawSquares(x, y, 4, [2, 4]);
  drawFormat(set, size, formatBits(mask));
  for (let bit = 0; version >= 7 && bit < 18; bit++) {
    const [along, across] = [Math.floor(bit / 3), size - 11 + (bit % 3)];
    set(along, across, isSet(versionBits(version), bit));
    set(across, along, isSet(versionBits(version), bit));
  }
  return fill(drawn, bits, MASKS[mask] ?? (() => false));
}

/** Draws the format twice: around the corner at the top left, and divided between the other two. */
function drawFormat(set: (x: number, y: number, isDark: boolean) => void, size: number, format: number): void {
  for (let bit = 0; bit < 8; bit++) {
    set(8, bit < 6 ? bit : bit + 1, isSet(format, bit));
    set(size - 1 - bit, 8, isSet(format, bit));
  }
  for (let bit = 8; bit < 15; bit++) {
    set(bit === 8 ? 7 : 14 - bit, 8, isSet(format, bit));
    set(8, size - 15 + bit, isSet(format, bit));
  }
  set(8, size - 8, true);
}

/** Fills the modules that are left, in columns of two from the right, upwards and downwards in turn. Column 6 is not counted. */
function fill(drawn: Module[][], bits: readonly boolean[], inverts: (x: number, y: number) => boolean): boolean[][] {
  const size = drawn.length;
  let next = 0;
  let isUpwards = true;
  for (let right = size - 1; right > 0; right -= right === 8 ? 3 : 2, isUpwards = !isUpwards)
    for (let step = 0; step < size; step++) {
      const y = isUpwards ? size - 1 - step : step;
      const row = drawn[y] ?? [];
      for (const x of [right, right - 1]) if (row[x] === undefined) row[x] = (bits[next++] ?? false) !== inverts(x, y);
    }
  return drawn.map((row) => row.map((isDark) => isDark === true));
}

/** Returns how hard a symbol is to read: it counts long runs, blocks, patterns like those in the corners, and imbalance. */
function penaltyOf(symbol: readonly boolean[][]): number {
  const columns = symbol.map((_, x) => symbol.map((row) => row[x] === true));
  let penalty = 0;
  for (const line of [...symbol, ...columns].map((modules) => modules.map(Number).join(''))) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2;
    penalty += 40 * [...line.matchAll(/(?=00001011101|10111010000)/g)].length;
  }
  let dark = 0;
  for (const [y, row] of symbol.entries())
    for (const [x, isDark] of row.entries()) {
      dark += Number(isDark);
      const others = [row[x + 1], symbol[y + 1]?.[x], symbol[y + 1]?.[x + 1]];
      if (others.every((other) => other === isDark)) penalty += 3;
    }
  return penalty + 10 * Math.floor(Math.abs((20 * dark) / symbol.length ** 2 - 10));
}
