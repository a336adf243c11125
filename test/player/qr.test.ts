import jsQR from 'jsqr';
import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { encodeQr, formatBits, versionBits } from '../../host/player/qr.ts';
import { correctionOf } from '../../host/player/reed-solomon.ts';

/** Bytes of text that versions 1 to 10 hold at level M, from ISO/IEC 18004, table 7. */
const CAPACITIES = [14, 26, 42, 62, 84, 106, 122, 152, 180, 213];

/** The decoder's module is CommonJS, whose default export types and loaders disagree about. */
const decode = ('default' in jsQR ? jsQR.default : jsQR) as unknown as (
  data: Uint8ClampedArray,
  width: number,
  height: number,
) => { data: string; version: number } | null;

test('the error correction is that of the published examples', () => {
  // The example of ISO/IEC 18004, annex I: the digits 01234567 as version 1 at level M.
  const digits = [0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11];
  expect(correctionOf(digits, 10)).toEqual([0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55]);
});

test('format and version are coded as in the published tables', () => {
  expect(formatBits(0)).toBe(0b101010000010010);
  expect(formatBits(5)).toBe(0b100000011001110);
  expect(versionBits(7)).toBe(0b000111110010010100);
  expect(versionBits(10)).toBe(0b001010010011010011);
});

test.each(CAPACITIES.map((bytes, index) => [index + 1, bytes] as const))(
  'a decoder reads version %i up to its last of %i bytes, and one byte more takes the next version',
  (version, bytes) => {
    const text = `https://play.example/?game=${'abcdefghij-0123456789_'.repeat(9)}`.slice(0, bytes);
    const code = must(encodeQr(text), 'code');
    expect(code.length).toBe(17 + 4 * version);
    expect(read(code)).toEqual({ text, version });
    expect(encodeQr(`${text}x`)?.length).toBe(version === 10 ? undefined : 21 + 4 * version);
  },
);

test('a code of another script, and one with damage, can be read', () => {
  const text = 'https://例子.example/游戏?game=竞技场';
  const code = must(encodeQr(text), 'code');
  expect(read(code)?.text).toBe(text);
  const middle = code.length >> 1;
  for (let y = middle; y < middle + 4; y++) for (let x = middle; x < middle + 4; x++) must(code[y], 'row')[x] = true;
  expect(read(code)?.text).toBe(text);
});

test('the empty text has a code', () => {
  expect(encodeQr('')?.length).toBe(21);
});

/** Draws a code with its margin, and decodes the picture. */
function read(code: boolean[][]): { text: string; version: number } | undefined {
  const [scale, margin] = [4, 4];
  const side = (code.length + 2 * margin) * scale;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      if (code[Math.floor(y / scale) - margin]?.[Math.floor(x / scale) - margin])
        pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
  const found = decode(pixels, side, side);
  return found ? { text: found.data, version: found.version } : undefined;
}
