import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import {
  ASSETS_BYTES_MAX,
  assemble,
  blobOf,
  type Descriptor,
  IMAGE_BYTES_MAX,
  type Image,
  layoutEntries,
  TYPES,
  writeLayout,
} from '../../oci/image.ts';
import { tar } from '../../oci/tar.ts';
import { good } from '../engine/modules.ts';
import { createGameImage } from './game-image.ts';
import { noise } from './noise.ts';

const module = good();
const ABOUT = { title: 'game', version: '1.2' };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a folder of assets, each with a random modification time. Returns its path. */
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

interface Bill {
  files: { fileName: string }[];
  packages: { packageVerificationCode: { packageVerificationCodeValue: string } }[];
}

/** The SPDX document of an image. */
function billOf(image: Image): Bill {
  const { layers } = json(blobOf(image, image.bill.digest)) as { layers: Descriptor[] };
  return json(blobOf(image, must(layers[0], 'layer').digest));
}

describe('an image', () => {
  it('an image has the same bytes for the same files, regardless of their order, times and modes', async () => {
    const names = [
      'c.txt',
      'a/b.txt',
      'a.txt',
      ...Array.from({ length: 20 }, (_, index) => `many/${index * 7919}.bin`),
    ];
    const files = names.map((name) => [name, name] as const);
    const one = assets('one', Object.fromEntries(files));
    const umask = process.umask(0o077);
    const two = assets('two', Object.fromEntries(files.toReversed()));
    process.umask(umask);
    chmodSync(join(two, 'a.txt'), 0o755);
    const [first, second] = [
      await createGameImage({ module, ...ABOUT, assets: one }),
      await createGameImage({ module, ...ABOUT, assets: two }),
    ];
    expect(second.index.digest).toBe(first.index.digest);
    expect(second.bill.digest).toBe(first.bill.digest);
    expect(tar(layoutEntries(second, 'game:1'))).toEqual(tar(layoutEntries(first, 'game:1')));
    const listed = billOf(first).files.map(({ fileName }) => fileName.slice(2));
    expect(listed).toEqual(['app.wasm', ...names.map((name) => `assets/${name}`)].sort());
    writeFileSync(join(two, 'c.txt'), 'd');
    expect((await createGameImage({ module, ...ABOUT, assets: two })).index.digest).not.toBe(first.index.digest);
  });

  it('an image has the same digest on every machine, unless another version of Node compresses differently', () => {
    const words = Buffer.from(Array.from({ length: 5000 }, (_, index) => `${index * index} `).join(''));
    const entries = [
      { name: 'b/c.bin', data: noise(5000) },
      { name: 'a.txt', data: words },
    ];
    const { index } = assemble({ entries, config: {}, architectures: ['amd64'], title: 'golden' });
    expect(index.digest).toBe('sha256:b49e3c26b86c829ef864d3562490f164641e2c2fd319fc867d0371c8d8d47408');
  });

  it('an image has one layer for both architectures, and a bill of materials that refers to the image', async () => {
    const image = await createGameImage({ module, ...ABOUT, source: 'https://games.test/' });
    const { index, bill } = image;
    const { manifests } = json(blobOf(image, index.digest)) as { manifests: Descriptor[] };
    expect(manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    const [one, other] = manifests.map(({ digest }) => json(blobOf(image, digest)));
    expect(one.layers).toEqual(other.layers);
    const referrer = json(blobOf(image, bill.digest));
    expect(referrer).toMatchObject({ artifactType: TYPES.spdx, subject: index });
    const { files, packages } = billOf(image);
    expect(files).toHaveLength(1);
    const sha1 = (text: string | Uint8Array) => createHash('sha1').update(text).digest('hex');
    expect(packages[0]?.packageVerificationCode.packageVerificationCodeValue).toBe(sha1(sha1(module)));
  });

  it('an image has annotations for the version and source that are known, and no others', async () => {
    const labels = async (options: { version?: string; source?: string }) => {
      const image = await createGameImage({ module, title: 'game', ...options });
      const { manifests, annotations } = json(blobOf(image, image.index.digest));
      const { config } = json(blobOf(image, manifests[0].digest));
      expect(json(blobOf(image, config.digest)).config.Labels).toEqual(annotations);
      return annotations;
    };
    const name = 'org.opencontainers.image';
    const least = { [`${name}.title`]: 'game', [`${name}.created`]: '1970-01-01T00:00:00Z' };
    expect(await labels({})).toEqual(least);
    const known = { version: '1', source: 'https://games.test/' };
    expect(await labels(known)).toEqual({ ...least, [`${name}.version`]: '1', [`${name}.source`]: known.source });
  });

  it("an image has the game's configuration as /config.json, which must be JSON", async () => {
    const image = await createGameImage({ module, ...ABOUT, gameConfig: '{"map":"night"}' });
    expect(billOf(image).files.map(({ fileName }) => fileName)).toContain('./config.json');
    const plain = await createGameImage({ module, ...ABOUT });
    expect(billOf(plain).files.map(({ fileName }) => fileName)).not.toContain('./config.json');
    await expect(createGameImage({ module, ...ABOUT, gameConfig: '{"map"' })).rejects.toThrow(
      'NL_IMAGE_ASSETS: The assets cannot be packed: the configuration is not JSON',
    );
  });

  it('an image can be read by skopeo and unpacked by umoci', async () => {
    const layout = join(folder, 'layout');
    const image = await createGameImage({ module, ...ABOUT, assets: assets('read', { 'deep/er.txt': 'hello' }) });
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
    // A second image replaces the first one.
    await writeLayout(await createGameImage({ module, ...ABOUT }), layout, 'game');
    expect(existsSync(join(layout, 'oci-layout'))).toBe(true);
  });

  it('an image may have 5,000,000 bytes and no more, and the error lists the largest files', async () => {
    const most = noise(IMAGE_BYTES_MAX);
    const weigh = async (bytes: number) => {
      const files = { 'sky.bin': most.subarray(0, bytes), 'sea.txt': 'blue' };
      return (await createGameImage({ module, ...ABOUT, assets: assets('big', files) })).bytes;
    };
    // Noise does not compress, so its size can be adjusted until the whole image has the allowed size.
    let size = 4_900_000;
    for (let bytes = 0; bytes !== IMAGE_BYTES_MAX; size += IMAGE_BYTES_MAX - bytes) bytes = await weigh(size);
    let heaviest = 0;
    let refusal = '';
    for (; refusal === ''; size++)
      await weigh(size).then(
        (bytes) => {
          heaviest = bytes;
        },
        (error: Error) => {
          refusal = error.message;
        },
      );
    expect(heaviest).toBe(5_000_000);
    expect(refusal).toMatch(
      /^NL_IMAGE_SIZE: .* 5000001 bytes.* 5000000 are allowed.*\n +\d+ bytes of +\d+ {2}\/assets\/sky\.bin\n.*\/app\.wasm/,
    );
  });

  it('an image is refused with a bad module, with a link among the assets, and without the folder of assets', async () => {
    await expect(createGameImage({ module: Buffer.from('hello'), ...ABOUT })).rejects.toMatchObject({
      code: 'NL_MODULE_INVALID',
    });
    const path = assets('linked', { 'a.txt': 'a' });
    symlinkSync('/etc/passwd', join(path, 'b.txt'));
    await expect(createGameImage({ module, ...ABOUT, assets: path })).rejects.toThrow(
      'b.txt is neither a file nor a folder',
    );
    for (const folder of [join(path, 'a.txt'), join(path, 'none')])
      await expect(createGameImage({ module, ...ABOUT, assets: folder })).rejects.toMatchObject({
        code: 'NL_IMAGE_ASSETS',
      });
    const long = assets('named', { ['n'.repeat(120)]: '' });
    await expect(createGameImage({ module, ...ABOUT, assets: long })).rejects.toThrow(/NL_IMAGE_ASSETS: .*too long/);
  });

  it('an image is refused before more assets are read than can fit', async () => {
    const path = assets('vast', { 'a.bin': '' });
    truncateSync(join(path, 'a.bin'), ASSETS_BYTES_MAX + 1);
    await expect(createGameImage({ module, ...ABOUT, assets: path })).rejects.toThrow(
      /NL_IMAGE_ASSETS: .* 268435457 bytes/,
    );
  });
});

describe('tar', () => {
  it('tar() writes archives that tar(1) can read, with long names in two parts', () => {
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
