import { expect, test } from 'vitest';
import { Sealer } from '../../host/base/mac.ts';
import { VerifiedCode } from '../../host/engine/wasmedge/verified.ts';

const sealer = new Sealer(Buffer.alloc(32, 1));
const code = (bytes: number) => new Uint8Array(bytes);

test('checked code is found while its file and the key are the same', () => {
  const verified = new VerifiedCode(100);
  const own = code(10);
  verified.put('a', { file: '1', sealer, code: own });
  expect(verified.get('a', '1', sealer)).toBe(own);
  expect(verified.get('b', '1', sealer)).toBeUndefined();
  expect(verified.get('a', '1', new Sealer(Buffer.alloc(32, 1)))).toBeUndefined();
  verified.put('a', { file: '1', sealer, code: own });
  expect(verified.get('a', '2', sealer)).toBeUndefined();
  expect(verified.get('a', '1', sealer)).toBeUndefined();
});

test('as much code is kept as fits, and what was used last stays', () => {
  const verified = new VerifiedCode(100);
  for (const key of ['a', 'b']) verified.put(key, { file: '1', sealer, code: code(50) });
  expect(verified.get('a', '1', sealer)?.length).toBe(50);
  verified.put('c', { file: '1', sealer, code: code(50) });
  expect(['a', 'b', 'c'].map((key) => verified.get(key, '1', sealer)?.length)).toEqual([50, undefined, 50]);
  verified.put('c', { file: '1', sealer, code: code(40) });
  verified.put('d', { file: '1', sealer, code: code(10) });
  expect(['a', 'c', 'd'].map((key) => verified.get(key, '1', sealer)?.length)).toEqual([50, 40, 10]);
  verified.put('e', { file: '1', sealer, code: code(101) });
  expect(['a', 'e'].map((key) => verified.get(key, '1', sealer)?.length)).toEqual([50, undefined]);
});
