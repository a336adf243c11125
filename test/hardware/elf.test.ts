import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { glibcMinor, trimElf } from './elf.ts';

/** Makes an ELF file: a header of 64 bytes, one program header, four bytes of a segment, and four bytes in no segment. */
function elf(): Uint8Array {
  const bytes = new Uint8Array(64 + 56 + 8).fill(7, 120);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0x20, 64n, true);
  view.setBigUint64(0x28, 124n, true);
  view.setUint16(0x36, 56, true);
  view.setUint16(0x38, 1, true);
  view.setUint16(0x3c, 9, true);
  view.setBigUint64(64 + 0x08, 120n, true);
  view.setBigUint64(64 + 0x20, 4n, true);
  return bytes;
}

test('everything behind the last segment of an ELF file is cut off, and the header names no sections', () => {
  const trimmed = trimElf(elf());
  expect(trimmed.length).toBe(124);
  expect(trimmed.subarray(120)).toEqual(new Uint8Array(4).fill(7));
  const view = new DataView(trimmed.buffer);
  expect([view.getBigUint64(0x28, true), view.getUint16(0x3c, true)]).toEqual([0n, 0]);
});

test('a file that is not a 64-bit ELF file is refused', () => {
  const short = elf();
  short[4] = 1;
  expect(() => trimElf(short)).toThrow('64-bit ELF');
  expect(() => trimElf(new Uint8Array(64))).toThrow('64-bit ELF');
});

test('a real library becomes smaller when it is trimmed', () => {
  const dawn = readFileSync(join(import.meta.dirname, '../../node_modules/webgpu/dist/linux-x64/dawn.node'));
  const trimmed = trimElf(dawn);
  expect(trimmed.length).toBeLessThan(dawn.length);
  expect(glibcMinor(trimmed)).toBe(glibcMinor(dawn));
});

test('the newest version of the C library that a file names counts', () => {
  expect(glibcMinor(Buffer.from('GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.28\0'))).toBe(34);
  expect(glibcMinor(Buffer.from('GLIBCXX_3.4'))).toBe(0);
});
