import { closeSync, existsSync, readSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { Sealer } from '../../host/base/mac.ts';
import { type Addon, loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { reopened, type SealedCode } from '../../host/engine/wasmedge/sealed.ts';
import { VerifiedCode } from '../../host/engine/wasmedge/verified.ts';

const sealer = new Sealer(Buffer.alloc(32, 1));
let addon: Addon;
beforeAll(async () => {
  addon = await loadAddon();
});
const code = (bytes: number): SealedCode => ({ fd: addon.sealed(new Uint8Array(bytes).fill(bytes)), bytes });
const isOpen = ({ fd }: SealedCode) => existsSync(`/proc/self/fd/${fd}`);

test('checked code is found while its file and the key are the same, and its memory is released when it is dropped', () => {
  const verified = new VerifiedCode(100);
  const own = code(10);
  verified.put('a', { file: '1', sealer, code: own });
  expect(verified.get('a', '1', sealer)).toBe(own);
  expect(verified.get('b', '1', sealer)).toBeUndefined();
  expect(isOpen(own)).toBe(true);
  expect(verified.get('a', '1', new Sealer(Buffer.alloc(32, 1)))).toBeUndefined();
  expect(isOpen(own)).toBe(false);
  const next = code(10);
  verified.put('a', { file: '1', sealer, code: next });
  verified.touched('a', '2');
  expect(verified.get('a', '2', sealer)).toBe(next);
  expect(verified.get('a', '1', sealer)).toBeUndefined();
  expect(verified.get('a', '2', sealer)).toBeUndefined();
  expect(isOpen(next)).toBe(false);
});

test('as much code is kept as fits, and what was used last stays', () => {
  const verified = new VerifiedCode(100);
  const put = (key: string, bytes: number) => {
    const made = code(bytes);
    verified.put(key, { file: '1', sealer, code: made });
    return made;
  };
  const found = (...keys: string[]) => keys.map((key) => verified.get(key, '1', sealer)?.bytes);
  const [, b] = [put('a', 50), put('b', 50)];
  expect(found('a')).toEqual([50]);
  put('c', 50);
  expect(found('a', 'b', 'c')).toEqual([50, undefined, 50]);
  expect(isOpen(b)).toBe(false);
  put('c', 40);
  put('d', 10);
  expect(found('a', 'c', 'd')).toEqual([50, 40, 10]);
  const large = put('e', 101);
  expect(found('a', 'e')).toEqual([50, undefined]);
  expect(isOpen(large)).toBe(false);
  verified.clear();
  expect(found('a', 'c', 'd')).toEqual([undefined, undefined, undefined]);
});

test('a reopened descriptor reads the same code at a position of its own, and outlasts the first one', () => {
  const first = code(7);
  const [second, third] = [reopened(first), reopened(first)];
  const read = ({ fd }: SealedCode) => {
    const bytes = Buffer.alloc(10);
    return [...bytes.subarray(0, readSync(fd, bytes))];
  };
  expect(read(second)).toEqual(Array(7).fill(7));
  closeSync(first.fd);
  closeSync(second.fd);
  expect(read(third)).toEqual(Array(7).fill(7));
  closeSync(third.fd);
});
