import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImage, type Descriptor, IMAGE_BYTES_MAX, layoutEntries, TYPES, writeLayout } from '../../oci/image.ts';
import { tar } from '../../oci/tar.ts';
import { good } from '../engine/modules.ts';

const module = good();
const about = { title: 'game', version: '1.2' };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder of assets, made in another order and at another time each time. */
function assets(name: string, files: Record<string, Uint8Array | string>): string {
  const path = join(folder, name);
  for (const [file, data] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), data);
    utimesSync(join(path, file), Math.random() * 1e9, Math.random() * 1e9);
  }
  return path;
}

const json = (data: Uint8Array) => JSON.parse(Buffer.from(data).toString());

describe('an image', () => {
  it('has the same bytes for the same input, whatever the order and the time', async () => {
    const one = await createImage({ module, ...about, assets: assets('one', { 'a/b.txt': 'b', 'c.txt': 'c' }) });
    const two = await createImage({ module, ...about, assets: assets('two', { 'c.txt': 'c', 'a/b.txt': 'b' }) });
    expect(two.index.digest).toBe(one.index.digest);
    expect(tar(layoutEntries(two, 'game:1'))).toEqual(tar(layoutEntries(one, 'game:1')));
    const other = await createImage({ module, ...about, assets: assets('three', { 'c.txt': 'd', 'a/b.txt': 'b' }) });
    expect(other.index.digest).not.toBe(one.index.digest);
  });

  it('is one layer for both architectures, and a bill of materials that refers to it', async () => {
    const { blobs, index, bill } = await createImage({ module, ...about });
    const { manifests } = json(blobs.get(index.digest)!) as { manifests: Descriptor[] };
    expect(manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    const layers = manifests.map(({ digest }) => json(blobs.get(digest)!).layers);
    expect(layers[0]).toEqual(layers[1]);
    const referrer = json(blobs.get(bill.digest)!);
    expect(referrer).toMatchObject({ artifactType: TYPES.spdx, subject: index });
    const document = json(blobs.get(referrer.layers[0].digest)!);
    expect(document).toMatchObject({ spdxVersion: 'SPDX-2.3', files: [{ fileName: './app.wasm' }] });
  });

  it('is read by skopeo, and unpacked by umoci', async () => {
    const layout = join(folder, 'layout');
    const image = await createImage({ module, ...about, assets: assets('read', { 'deep/er.txt': 'hello' }) });
    await writeLayout(image, layout, 'game');
    const inspected = JSON.parse(
      execFileSync('skopeo', ['inspect', '--config', `oci:${layout}:game`], { encoding: 'utf8' }),
    );
    expect(inspected).toMatchObject({ os: 'linux', config: { Entrypoint: ['/app.wasm'], User: '65532:65532' } });
    execFileSync('skopeo', ['copy', '--quiet', `oci:${layout}:game`, `oci:${folder}/single:game`]);
    execFileSync('umoci', ['unpack', '--rootless', '--image', `${folder}/single:game`, join(folder, 'bundle')], {
      stdio: 'pipe',
    });
    const rootfs = join(folder, 'bundle/rootfs');
    expect(readFileSync(join(rootfs, 'app.wasm'))).toEqual(Buffer.from(module));
    expect(readFileSync(join(rootfs, 'assets/deep/er.txt'), 'utf8')).toBe('hello');
    // What was there before goes with it.
    await writeLayout(await createImage({ module, ...about }), layout, 'game');
    expect(existsSync(join(layout, 'oci-layout'))).toBe(true);
  });

  it('may weigh 5 MB and not a byte more, and says what is large', async () => {
    const noise = (bytes: number) => {
      const data = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
      return data;
    };
    const most = noise(IMAGE_BYTES_MAX);
    const sizeWith = async (bytes: number) =>
      (await createImage({ module, ...about, assets: assets('big', { 'sky.bin': most.subarray(0, bytes) }) })).bytes;
    // Noise does not compress: what the rest weighs is left of the bound.
    const rest = (await sizeWith(1_000_000)) - 1_000_000;
    const fits = IMAGE_BYTES_MAX - rest - 2500;
    expect(await sizeWith(fits)).toBeLessThanOrEqual(IMAGE_BYTES_MAX);
    await expect(sizeWith(fits + 4000)).rejects.toThrow(
      /NL_IMAGE_SIZE: .* 5000000 are allowed.*\n +\d+ bytes of +\d+ {2}\/assets\/sky\.bin/,
    );
  });

  it('refuses what is no module, links among the assets, and a folder that is none', async () => {
    await expect(createImage({ module: Buffer.from('hello'), ...about })).rejects.toMatchObject({
      code: 'NL_MODULE_INVALID',
    });
    const path = assets('linked', { 'a.txt': 'a' });
    symlinkSync('/etc/passwd', join(path, 'b.txt'));
    await expect(createImage({ module, ...about, assets: path })).rejects.toThrow(
      'b.txt is neither a file nor a folder',
    );
    await expect(createImage({ module, ...about, assets: join(path, 'a.txt') })).rejects.toMatchObject({
      code: 'NL_IMAGE_ASSETS',
    });
  });
});

describe('tar', () => {
  it('is what tar reads, with long names in two parts', () => {
    const name = `${'folder/'.repeat(20)}${'n'.repeat(90)}`;
    const path = join(folder, 'long.tar');
    writeFileSync(
      path,
      tar([
        { name, data: Buffer.from('x') },
        { name: 'run', data: Buffer.from('y'), executable: true },
      ]),
    );
    const listed = execFileSync('tar', ['-tvf', path], { encoding: 'utf8' });
    expect(listed).toContain(name);
    expect(listed).toMatch(/-r-xr-xr-x .* run/);
    expect(() => tar([{ name: 'n'.repeat(101), data: Buffer.of() }])).toThrow(RangeError);
    expect(() => tar([{ name: `${'f'.repeat(156)}/${'n'.repeat(100)}`, data: Buffer.of() }])).toThrow(RangeError);
  });
});
