import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createAssetPackFromFolder } from '../../assets/folder.ts';
import { must } from '../../host/base/assert.ts';
import { readAssets } from '../../host/base/assets.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** Creates a folder with files, given as their names and contents. */
async function folder(files: Record<string, string | Uint8Array> = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'nearlight-pack-'));
  folders.push(path);
  for (const [name, contents] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), contents);
  }
  return path;
}

/** Makes an asset pack from a folder. Resolves with the name and contents of each asset. */
async function unpacked(path: string): Promise<[string, string][]> {
  const pack = await createAssetPackFromFolder(path);
  return readAssets(pack).map(({ name, offset, bytes }) => [
    name,
    Buffer.from(pack.subarray(offset, offset + bytes)).toString('latin1'),
  ]);
}

test('a folder that is missing, empty, or has only empty subfolders makes an empty asset pack', async () => {
  const path = await folder();
  expect(await createAssetPackFromFolder(join(path, 'missing'))).toHaveLength(0);
  expect(await createAssetPackFromFolder(path)).toHaveLength(0);
  await mkdir(join(path, 'deep/er'), { recursive: true });
  expect(await createAssetPackFromFolder(path)).toHaveLength(0);
});

test('assets are named by their paths, sorted by name, and have the contents of the files', async () => {
  const path = await folder({ 'z.bin': 'last', 'a/b/c.txt': 'deep', 'a.txt': 'first', 'ü.txt': 'two bytes', none: '' });
  const all = [
    ['a.txt', 'first'],
    ['a/b/c.txt', 'deep'],
    ['none', ''],
    ['z.bin', 'last'],
    ['ü.txt', 'two bytes'],
  ];
  expect(await unpacked(path)).toEqual(all);
  expect(await unpacked(`${path}/`)).toEqual(all);
});

test.each([0, 1, 255, 256, 257, 512])('an asset of %i bytes is complete and aligned to 256 bytes', async (bytes) => {
  const contents = Uint8Array.from({ length: bytes }, (_, index) => index * 31);
  const pack = await createAssetPackFromFolder(await folder({ a: contents, b: 'after' }));
  const [first, second] = readAssets(pack);
  const [a, b] = [must(first, 'first asset'), must(second, 'second asset')];
  expect(pack.subarray(a.offset, a.offset + a.bytes)).toEqual(Buffer.from(contents));
  expect(Buffer.from(pack.subarray(b.offset, b.offset + b.bytes)).toString()).toBe('after');
  expect([a.offset % 256, b.offset % 256, pack.length % 256]).toEqual([0, 0, 0]);
  expect(b.offset - a.offset).toBe(Math.ceil(bytes / 256) * 256);
});

test('the same files make the same asset pack', async () => {
  const files = { one: 'a', 'two/three': 'b' };
  expect(await createAssetPackFromFolder(await folder(files))).toEqual(
    await createAssetPackFromFolder(await folder(files)),
  );
});

test('a file in place of the folder is refused', async () => {
  const path = await folder({ file: '' });
  await expect(createAssetPackFromFolder(join(path, 'file'))).rejects.toThrow('ENOTDIR');
});
