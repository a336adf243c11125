import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyFile, SEAL_BYTES, Sealer } from '../../host/base/mac.ts';

const sealer = new Sealer(Buffer.alloc(32, 1));
const bytes = Buffer.from('native code');

let folder: string;
let path: string;
let warnings: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-mac-'));
  path = join(folder, 'key');
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const current = (file = new KeyFile(path)) => file.current((message) => warnings.push(message));

test('sealed bytes open under their own key and context', () => {
  const sealed = sealer.seal(bytes, 'a');
  expect(sealed.length).toBe(bytes.length + SEAL_BYTES);
  expect(Buffer.from(sealer.open(sealed, 'a') ?? [])).toEqual(bytes);
  expect(sealer.open(sealer.seal(new Uint8Array(0), ''), '')?.length).toBe(0);
});

test('sealed bytes do not open under another key or for another context', () => {
  const sealed = sealer.seal(bytes, 'a');
  expect(new Sealer(Buffer.alloc(32, 2)).open(sealed, 'a')).toBeUndefined();
  expect(sealer.open(sealed, 'b')).toBeUndefined();
});

test('bytes cannot move from the content to the end of the context', () => {
  const sealed = sealer.seal(Buffer.from('bc'), 'a');
  const moved = Buffer.concat([sealed.subarray(0, SEAL_BYTES), Buffer.from('c')]);
  expect(sealer.open(moved, 'ab')).toBeUndefined();
});

test('a change of any byte, and any shorter or longer copy, does not open', () => {
  const sealed = sealer.seal(bytes, 'a');
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(sealer.open(changed, 'a'), `byte ${at}`).toBeUndefined();
    expect(sealer.open(sealed.subarray(0, at), 'a'), `${at} bytes`).toBeUndefined();
  }
  expect(sealer.open(Buffer.concat([sealed, Buffer.of(0)]), 'a')).toBeUndefined();
});

test('the key is created for its owner alone, and every process finds the same one', () => {
  const sealed = current().seal(bytes, 'a');
  expect([statSync(path).mode & 0o777, statSync(path).size]).toEqual([0o600, 32]);
  expect(current().open(sealed, 'a')).toBeDefined();
  expect([readdirSync(folder), warnings]).toEqual([['key'], []]);
});

test('a key that was deleted is replaced at once by another one, which opens nothing old', () => {
  const file = new KeyFile(path);
  const sealed = current(file).seal(bytes, 'a');
  expect(current(file).open(sealed, 'a')).toBeDefined();
  rmSync(path);
  expect(current(file).open(sealed, 'a')).toBeUndefined();
  expect(warnings).toEqual([]);
});

test.each<[string, () => void]>([
  ['can be read by other users', () => chmodSync(path, 0o640)],
  ['belongs to another user', () => chownSync(path, 65_532, 65_532)],
  ['does not have 32 bytes', () => writeFileSync(path, 'short')],
  [
    'is not a file',
    () => {
      linkSync(path, join(folder, 'real'));
      rmSync(path);
      symlinkSync('real', path);
    },
  ],
])('a key file that %s is replaced, with a warning, and its key is no longer used', (problem, spoil) => {
  const file = new KeyFile(path);
  const sealed = current(file).seal(bytes, 'a');
  const before = readFileSync(path);
  spoil();
  expect(current(file).open(sealed, 'a')).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining(problem)]);
  expect(readFileSync(path).equals(before)).toBe(false);
  expect([statSync(path).mode & 0o777, statSync(path).uid]).toEqual([0o600, process.getuid?.()]);
});

test('without a place for the key there is an error, not a weaker seal', () => {
  rmSync(folder, { recursive: true });
  expect(() => current()).toThrow('ENOENT');
  expect(existsSync(path)).toBe(false);
});
