import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { digestOf, readBundle } from '../../../host/edge/policy/bundle.ts';
import { OWN_BUNDLE } from '../../../host/edge/policy/compiled.ts';
import { tar } from '../../../oci/tar.ts';

const FOLDER = join(import.meta.dirname, '../../../host/edge/policy');
const MANY = 2 ** 20;

const pack = (files: Record<string, string>) =>
  gzipSync(tar(Object.entries(files).map(([name, text]) => ({ name, data: Buffer.from(text) }))));
const read = (files: Record<string, string>) => readBundle(pack(files), MANY);

test('the bundle that comes along was made of the policies in its folder', () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.rego'));
  const sources = Object.fromEntries(names.map((name) => [name, digestOf(readFileSync(join(FOLDER, name)))]));
  const record = JSON.parse(readFileSync(join(FOLDER, 'bundle.json'), 'utf8'));
  const packed = readFileSync(OWN_BUNDLE);
  const { wasm, revision } = readBundle(packed, MANY);
  expect(record.sources).toEqual(sources);
  expect([record.bundle, record.wasm, record.revision]).toEqual([digestOf(packed), digestOf(wasm), revision]);
});

test('a bundle has a compiled policy, and perhaps data and a revision', () => {
  const bundle = read({
    '/policy.wasm': 'wasm',
    '/data.json': '{"a":1}',
    '/.manifest': '{"revision":"7"}',
    'a.rego': 'package a',
  });
  expect(Buffer.from(bundle.wasm).toString()).toBe('wasm');
  expect(bundle).toMatchObject({ data: { a: 1 }, revision: '7' });
  const bare = read({ './policy.wasm': 'wasm' });
  expect(bare.data).toEqual({});
  expect(bare.revision).toMatch(/^[0-9a-f]{16}$/);
});

test.each([
  ['nothing compiled', { 'a.rego': 'package a' }, 'it has no policy.wasm'],
  ['data that is a number', { 'policy.wasm': 'x', 'data.json': '7' }, 'its data.json is not a JSON object'],
  ['a damaged manifest', { 'policy.wasm': 'x', '.manifest': '{' }, 'its .manifest is not a JSON object'],
])('a bundle with %s is refused', (_, files, message) => {
  expect(() => read(files as Record<string, string>)).toThrow(message);
});

test('bytes that are no archive are refused, and so is one that is cut off', () => {
  expect(() => readBundle(Buffer.from('text'), MANY)).toThrow('it is not a .tar.gz file');
  const whole = tar([{ name: 'policy.wasm', data: Buffer.alloc(2000) }]);
  expect(() => readBundle(gzipSync(whole.subarray(0, 1500)), MANY)).toThrow('its archive is damaged');
  const broken = Buffer.from(whole);
  broken.write('zzzzzzzzzzz', 124);
  expect(() => readBundle(gzipSync(broken), MANY)).toThrow('its archive is damaged');
});

test('a bundle may be as large as the setting says, packed and unpacked, and not a byte larger', () => {
  const packed = pack({ 'policy.wasm': 'x' });
  const unpacked = tar([{ name: 'policy.wasm', data: Buffer.from('x') }]).length;
  readBundle(packed, unpacked);
  expect(() => readBundle(packed, unpacked - 1)).toThrow('unpacked, it has more than');
  expect(() => readBundle(packed, packed.length - 1)).toThrow(`POLICY_BYTES_MAX allows ${packed.length - 1}`);
});

test('a bundle may have 1024 files, and not one more', () => {
  const files = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [i === 0 ? 'policy.wasm' : `f${i}`, '']));
  expect(readBundle(pack(files(1024)), 2 ** 22).wasm).toHaveLength(0);
  expect(() => readBundle(pack(files(1025)), 2 ** 22)).toThrow('more than 1024 files');
});
