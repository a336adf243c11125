import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssetPackFromFolder } from '../../assets/folder.ts';
import { readAssets } from '../../host/base/assets.ts';
import { readConfig } from '../../host/base/config.ts';
import { imageLayers, readGame } from '../../host/pod/image.ts';
import { buildKernel } from '../../host/pod/native.ts';
import type { OciBundle } from '../../host/pod/oci-bundle.ts';
import { type ImageLimits, ImageOpener } from '../../host/pod/opener.ts';
import type { Mount } from '../../host/pod/tasks.ts';
import { good } from '../engine/modules.ts';
import { Layers } from '../fuzz/layers.ts';
import { eventually } from '../wait.ts';

const MODULE = Buffer.from(good());
const LIMITS: ImageLimits = readConfig({});
const SECRET = `secret ${process.pid}`;
const MIB = 2 ** 20;
/** Most bytes by which the memory of this process may grow apart from the assets themselves. */
const SPARE_BYTES = 64 * MIB;

let layers: Layers;
let opener: ImageOpener;
let secret: string;
let number = 0;

beforeAll(async () => {
  await buildKernel();
  layers = new Layers();
  opener = new ImageOpener();
  const outside = join(layers.folder, 'outside');
  mkdirSync(outside);
  secret = join(outside, 'secret');
  writeFileSync(secret, SECRET, { mode: 0o600 });
});

afterAll(() => {
  opener.close();
  layers.close();
});

/** Files, folders (with a slash at their end) and links (`-> TARGET`) of a layer, by their paths. */
type Entries = Record<string, string | Uint8Array>;

/** Makes a layer; returns its folder. */
function layer(entries: Entries): string {
  const folder = join(layers.folder, `layer${number++}`);
  mkdirSync(folder);
  for (const [name, what] of Object.entries(entries)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    if (name.endsWith('/')) mkdirSync(path, { recursive: true });
    else if (typeof what === 'string' && what.startsWith('-> ')) symlinkSync(what.slice(3), path);
    else writeFileSync(path, what);
  }
  return folder;
}

/** The mount of a stack, the uppermost layer first, as containerd asks for it. */
function overlay(...stack: string[]): Mount[] {
  const [upperdir, ...lower] = [layer({}), ...stack];
  const options = ['index=off', `workdir=${upperdir}.work`, `upperdir=${upperdir}`, `lowerdir=${lower.join(':')}`];
  return [{ type: 'overlay', source: 'overlay', target: '', options }];
}

function bundleOf(rootPath: string, args: string[]): OciBundle {
  return { folder: layers.folder, rootPath, args } as OciBundle;
}

interface Read {
  rootfs?: Mount[];
  /** The image's folder, if there is no mount. */
  folder?: string;
  entrypoint?: string;
  limits?: Partial<ImageLimits>;
}

/** Reads the game of an image; resolves with its module and with its assets as text by name. */
async function read({ rootfs = [], folder = '/', entrypoint = '/app.wasm', limits }: Read) {
  const bundle = bundleOf(folder, [entrypoint]);
  const { module, assets } = await readGame({
    images: opener,
    rootfs,
    bundle,
    limits: { ...LIMITS, ...limits },
  });
  const bytes = assets?.bytes ?? new Uint8Array(0);
  const found = readAssets(bytes).map((asset) => [
    asset.name,
    Buffer.from(bytes.subarray(asset.offset, asset.offset + asset.bytes)).toString(),
  ]);
  assets?.release();
  return { module, assets: Object.fromEntries(found) as Record<string, string> };
}

describe('the layers of an image', () => {
  const mount = (options: string[], type = 'overlay') => [{ type, source: '/one', target: '', options }];
  const bundle = { folder: '/bundle', rootPath: '/r' } as OciBundle;

  it.each<[string, Mount[], object]>([
    [
      'an upper layer and two lower ones',
      mount(['index=off', 'workdir=/w', 'upperdir=/u', 'lowerdir=/l1:/l2', 'userxattr', 'redirect_dir=on']),
      { kind: 'overlay', layers: ['/u', '/l1', '/l2'], options: ['userxattr', 'redirect_dir=on'] },
    ],
    [
      'colons, commas and backslashes in names',
      mount(['lowerdir=/a\\:b,c:/d\\\\e:l/F']),
      { kind: 'overlay', layers: ['/a:b,c', '/d\\e', '/bundle/l/F'], options: [] },
    ],
    ['one layer', mount(['lowerdir=/l1']), { kind: 'folder', layers: ['/l1'] }],
    ['a bind mount', mount(['ro', 'rbind'], 'none'), { kind: 'folder', layers: ['/one'] }],
    ['a folder that is mounted already', [], { kind: 'folder', layers: ['/r'] }],
  ])('the layers of an image are known from %s', (_, rootfs, expected) =>
    expect(imageLayers(rootfs, bundle)).toMatchObject(expected),
  );

  it.each<[string, Mount[], string]>([
    ['a file system', mount([], 'erofs'), 'an image on a erofs mount cannot be read'],
    ['data-only layers', mount(['lowerdir=/a::/b']), 'data-only layers cannot be read'],
    ['several mounts', [...mount([]), ...mount([])], 'several mounts cannot be read'],
  ])('the layers of an image are refused on %s', (_, rootfs, message) =>
    expect(() => imageLayers(rootfs, bundle)).toThrow(message),
  );
});

describe('a game in an image', () => {
  it('a game is the module that the entrypoint names, and the files in /assets', async () => {
    const folder = layer({ 'app.wasm': MODULE, 'assets/b.txt': 'b', 'assets/deep/a.txt': 'a', 'assets/empty/': '' });
    const game = { module: MODULE, assets: { 'b.txt': 'b', 'deep/a.txt': 'a' } };
    expect(await read({ folder })).toEqual(game);
    expect(await read({ folder, entrypoint: 'app.wasm' })).toEqual(game);
    expect(await read({ rootfs: overlay(folder) })).toEqual(game);
    const bind = [{ type: 'bind', source: folder, target: '', options: ['rbind', 'ro'] }];
    expect(await read({ rootfs: bind })).toEqual(game);
    expect((await read({ folder: layer({ 'app.wasm': MODULE, 'assets/': '' }) })).assets).toEqual({});
    expect((await read({ folder: layer({ 'app.wasm': MODULE }) })).assets).toEqual({});
  });

  it('the assets of an image are the same pack as those of a local folder', async () => {
    const names = ['z', 'a/b', 'a.b', 'Z', 'ä', '\u{1f600}', '\uffee'];
    const folder = layer(Object.fromEntries(names.map((name) => [`assets/${name}`, `contents of ${name}`])));
    writeFileSync(join(folder, 'app.wasm'), MODULE);
    const image = await opener.open({
      ...imageLayers([], bundleOf(folder, [])),
      entrypoint: 'app.wasm',
      limits: LIMITS,
    });
    const assets = await image.readAssets();
    expect(Buffer.from(assets?.bytes ?? [])).toEqual(await createAssetPackFromFolder(join(folder, 'assets')));
    expect(() => writeSync(assets?.fd ?? -1, 'x')).toThrow('EPERM');
    assets?.release();
    image.close();
  });

  it('layers hide each other as they do for a container', async () => {
    const lower = layer({ 'app.wasm': 'old', 'assets/a': 'old', 'assets/gone': 'g', 'assets/sub/hidden': 'h' });
    const upper = layer({ 'app.wasm': MODULE, 'assets/a': 'new', 'assets/sub/seen': 's' });
    layers.do('node', join(upper, 'assets/gone'), 'whiteout');
    layers.do('mark', join(upper, 'assets/sub'), 'trusted.overlay.opaque', 'y');
    await layers.done();
    const game = await read({ rootfs: overlay(upper, lower) });
    expect(game).toEqual({ module: MODULE, assets: { a: 'new', 'sub/seen': 's' } });
    // The folder that a container has written to is the uppermost layer.
    const rootfs = [{ type: 'overlay', source: '', target: '', options: [`upperdir=${upper}`, `lowerdir=${lower}`] }];
    expect(await read({ rootfs })).toEqual(game);
    layers.do('node', join(upper, 'assets/sub/seen2'), 'whiteout');
    layers.do('mark', upper, 'trusted.overlay.opaque', 'y');
    await layers.done();
    expect((await read({ rootfs: overlay(upper, lower) })).assets).toEqual({ a: 'new', 'sub/seen': 's' });
  });

  it('links lead to files of the image, and hard links are files', async () => {
    const folder = layer({
      'data/real.txt': 'real',
      'data/more/x': 'x',
      'bin/game.wasm': MODULE,
      'app.wasm': '-> ../../../bin/game.wasm',
      'assets/absolute': '-> /data/real.txt',
      'assets/relative': '-> ../data/real.txt',
      'assets/folder': '-> /data/more',
    });
    layers.do('hard', join(folder, 'assets/hard'), join(folder, 'data/real.txt'));
    await layers.done();
    const game = { module: MODULE, assets: { absolute: 'real', 'folder/x': 'x', hard: 'real', relative: 'real' } };
    expect(await read({ folder })).toEqual(game);
    expect(await read({ rootfs: overlay(folder) })).toEqual(game);
    const linked = layer({ 'app.wasm': MODULE, 'srv/a': 'a', assets: '-> /srv' });
    expect((await read({ rootfs: overlay(linked) })).assets).toEqual({ a: 'a' });
  });

  it('layers may have colons, commas and backslashes in their names, be links, and be many', async () => {
    const odd = join(layers.folder, 'o:d,d\\');
    renameSync(layer({ 'app.wasm': MODULE }), odd);
    const link = join(layers.folder, 'link');
    symlinkSync(layer({ 'assets/linked': 'l' }), link);
    const many = Array.from({ length: 300 }, (_, n) => layer({ [`assets/${n}`]: `${n}` }));
    const escaped = odd.replace(/[\\:]/g, '\\$&');
    const { module, assets } = await read({ rootfs: overlay(escaped, 'link', ...many) });
    expect(module).toEqual(MODULE);
    expect(Object.keys(assets)).toHaveLength(301);
  });

  it.each<[string, Entries, string, string]>([
    ['no file', {}, '/none.wasm', 'has no file /none.wasm'],
    ['a folder', { 'folder/x': '' }, '/folder', '/folder is a folder, not a file'],
    ['a path through a file', { file: '' }, '/file/x', 'has no file /file/x'],
    ['a program', { elf: '\x7fELF\x02' }, '/elf', 'remove runtimeClassName'],
    ['a script', { script: '#!/bin/sh' }, '/script', 'remove runtimeClassName'],
    ['a text', { text: 'hello' }, '/text', 'is not a WebAssembly module'],
    ['an empty file', { empty: '' }, '/empty', 'is not a WebAssembly module'],
    ['a loop of links', { loop: '-> loop' }, '/loop', 'Too many levels of symbolic links'],
    ['a zero byte in its path', {}, '/app.wasm\0', 'contains a zero byte'],
  ])('an image whose entrypoint is %s is refused', async (_, entries, entrypoint, message) => {
    await expect(read({ folder: layer(entries), entrypoint })).rejects.toThrow(`NL_IMAGE: The image holds no game`);
    await expect(read({ rootfs: overlay(layer(entries)), entrypoint })).rejects.toThrow(message);
  });

  it('an image without an entrypoint is refused', async () => {
    const read = readGame({ images: opener, rootfs: [], bundle: bundleOf('/', []), limits: LIMITS });
    await expect(read).rejects.toThrow('has no entrypoint');
  });
});

describe('a hostile image', () => {
  /** Reads an image in every form in which its layers may come; expects that nothing outside is read. */
  async function attack(stack: string[], entrypoint: string, message: string | RegExp): Promise<void> {
    await layers.ask('watch', secret);
    const forms: Read[] = [{ rootfs: overlay(...stack) }, ...(stack.length === 1 ? [{ folder: stack[0] ?? '' }] : [])];
    for (const form of forms) {
      await expect(read({ ...form, entrypoint })).rejects.toThrow(message);
      const { assets } = await read({ ...form, entrypoint: '/good.wasm' }).catch((error: Error) => {
        expect(error.message).toMatch(/^NL_IMAGE/);
        return { assets: {} };
      });
      expect(JSON.stringify(assets)).not.toContain(SECRET);
    }
    expect(await layers.ask('opened')).toBe('untouched');
  }

  const outside = () => secret.slice(1).split('/').slice(0, -1).join('/');

  it('a link in a lower layer does not lead out of an image whose upper layer has a folder in its place', async () => {
    const lower = layer({ a: '-> /', 'good.wasm': MODULE });
    const upper = layer({ 'a/': '', assets: `-> /a/${outside()}`, 'app.wasm': `-> /a/${secret}` });
    await attack([upper, lower], `/a/${secret}`, 'has no file');
    await attack([upper, lower], '/app.wasm', 'has no file');
  });

  it.each<[string, () => Entries, string]>([
    ['an absolute link', () => ({ 'app.wasm': `-> ${secret}`, assets: `-> /${outside()}` }), '/app.wasm'],
    [
      'a link that climbs',
      () => ({ 'app.wasm': `-> ${'../'.repeat(20)}${secret}`, assets: `-> ${'../'.repeat(20)}${outside()}` }),
      '/app.wasm',
    ],
    ['an intermediate link', () => ({ a: '-> /', assets: `-> a/${outside()}` }), '/a/../..//a/outside/secret'],
    ['an entrypoint that climbs', () => ({ 'assets/x': `-> ${secret}` }), '../../../../../../../../etc/passwd'],
    ['a link to a link', () => ({ a: '-> b', b: '-> ..', assets: `-> a/${outside()}` }), '/a/etc/passwd'],
    ['a link to a process', () => ({ a: '-> /proc/self/root', assets: `-> a/${outside()}` }), '/a/etc/passwd'],
    ['a link to a descriptor', () => ({ a: '-> /dev/fd/3', assets: '-> /proc/self/cwd' }), '/a'],
    ['a link below assets', () => ({ 'assets/x/y': '-> ../../../../../../etc' }), '/assets/x/y/passwd'],
  ])('%s leads nowhere', async (_, entries, entrypoint) => {
    await attack([layer({ 'good.wasm': MODULE, ...entries() })], entrypoint, /has no file/);
  });

  it.each([
    ['null', 'a device'],
    ['block', 'a device'],
    ['fifo', 'a FIFO'],
    ['socket', 'a socket'],
  ])('neither an entrypoint nor an asset may be of the kind %s', async (kind, name) => {
    const stack = [layer({ 'app.wasm': MODULE, 'assets/a': 'a' })];
    const folder = stack[0] ?? '';
    layers.do('node', join(folder, 'odd'), kind);
    layers.do('node', join(folder, 'assets/odd'), kind);
    await layers.done();
    for (const form of [{ folder }, { rootfs: overlay(folder) }]) {
      await expect(read({ ...form, entrypoint: '/odd' })).rejects.toThrow(`/odd is ${name}, not a file`);
      await expect(read(form)).rejects.toThrow(`/assets/odd is ${name}, and assets are files and folders`);
    }
    rmSync(join(folder, 'assets'), { recursive: true });
    layers.do('node', join(folder, 'assets'), kind);
    await layers.done();
    await expect(read({ folder })).rejects.toThrow(`/assets is ${name}, not a folder`);
  });

  it('a whiteout hides an entrypoint and the assets', async () => {
    const lower = layer({ 'app.wasm': MODULE, 'good.wasm': MODULE, 'assets/a': 'a' });
    const upper = layer({});
    layers.do('node', join(upper, 'app.wasm'), 'whiteout');
    layers.do('node', join(upper, 'assets'), 'whiteout');
    await layers.done();
    await attack([upper, lower], '/app.wasm', 'has no file');
    expect((await read({ rootfs: overlay(upper, lower), entrypoint: '/good.wasm' })).assets).toEqual({});
  });

  it('a folder and a link that change places all the time never lead out of an image', async () => {
    const folder = layer({
      'app.wasm': MODULE,
      'real/secret': 'inside',
      trap: `-> ${secret.replace(/\/secret$/, '')}`,
    });
    symlinkSync('/real', join(folder, 'assets'));
    for (const rootfs of [[], overlay(folder)]) {
      await layers.ask('watch', secret);
      await layers.ask('swap', join(folder, 'real'), join(folder, 'trap'));
      const seen = new Set<string>();
      for (let time = 0; time < 1000; time++) {
        const outcome = await read({ rootfs, folder }).catch((error: Error) => error.message);
        seen.add(typeof outcome === 'string' ? outcome : (outcome.assets.secret ?? 'none'));
      }
      await layers.ask('rest');
      expect(await layers.ask('opened')).toBe('untouched');
      expect([...seen].join('\n')).not.toContain(SECRET);
      // The file was there often enough to show that the two did change places.
      if (rootfs.length === 0) expect([...seen]).toEqual(expect.arrayContaining(['inside', 'none']));
    }
  });
});

describe('limits on an image', () => {
  it('a module may be as large as MODULE_BYTES_MAX, and no larger', async () => {
    const folder = layer({ 'app.wasm': MODULE });
    expect((await read({ folder, limits: { moduleBytesMax: MODULE.length } })).module).toEqual(MODULE);
    await expect(read({ folder, limits: { moduleBytesMax: MODULE.length - 1 } })).rejects.toThrow(
      `NL_MODULE_LIMIT: The module asks for more than its limits allow: /app.wasm has ${MODULE.length} bytes, and ${MODULE.length - 1} are allowed (MODULE_BYTES_MAX)`,
    );
  });

  it('an image may have as many files and folders as ASSET_FILES_MAX, and no more', async () => {
    const folder = layer({ 'app.wasm': MODULE, 'assets/a': '', 'assets/b/c': '' });
    expect((await read({ folder, limits: { assetFilesMax: 3 } })).assets).toEqual({ a: '', 'b/c': '' });
    await expect(read({ folder, limits: { assetFilesMax: 2 } })).rejects.toThrow(
      /NL_IMAGE_SIZE: .*\/assets has more than 2 files and folders \(ASSET_FILES_MAX\)/,
    );
  });

  it('the folders of an image may be as deep as ASSET_DEPTH_MAX, and no deeper', async () => {
    const folder = layer({ 'app.wasm': MODULE, 'assets/a/b/c': 'c', loop: '' });
    expect((await read({ folder, limits: { assetDepthMax: 2 } })).assets).toEqual({ 'a/b/c': 'c' });
    await expect(read({ folder, limits: { assetDepthMax: 1 } })).rejects.toThrow(
      /NL_IMAGE_SIZE: .*\/assets\/a\/b is nested deeper than 1 folders \(ASSET_DEPTH_MAX\)/,
    );
    symlinkSync('.', join(folder, 'assets/again'));
    await expect(read({ folder })).rejects.toThrow('ASSET_DEPTH_MAX');
  });

  it('the asset pack of an image may be as large as ASSET_BYTES_MAX, and no larger', async () => {
    const folder = layer({ 'app.wasm': MODULE, 'assets/a': 'a'.repeat(1000), 'assets/empty': '' });
    const { length } = await createAssetPackFromFolder(join(folder, 'assets'));
    // The check counts the names and the contents, but not the gap between them.
    expect((await read({ folder, limits: { assetBytesMax: length } })).assets.a).toHaveLength(1000);
    await expect(read({ folder, limits: { assetBytesMax: 1000 } })).rejects.toThrow(
      /NL_IMAGE_SIZE: .*more than 1000 bytes as an asset pack \(ASSET_BYTES_MAX\)/,
    );
  });

  it('2 GB of zeros are refused before any of them is read', async () => {
    const folder = layer({ 'app.wasm': MODULE, 'assets/a': 'a', 'assets/zeros': '' });
    truncateSync(join(folder, 'assets/zeros'), 2e9);
    await layers.ask('watch', join(folder, 'assets/zeros'));
    const before = process.memoryUsage.rss();
    await expect(read({ rootfs: overlay(folder) })).rejects.toThrow('ASSET_BYTES_MAX');
    expect(process.memoryUsage.rss() - before).toBeLessThan(SPARE_BYTES);
    expect(await layers.ask('opened')).toBe('untouched');
  });

  it('assets of 200 MB take their size in memory once, outside the heap of JavaScript', async () => {
    const folder = layer({ 'app.wasm': MODULE, 'assets/large': '' });
    const file = openSync(join(folder, 'assets/large'), 'r+');
    ftruncateSync(file, 2e8);
    for (let at = 0; at < 2e8; at += MIB) writeSync(file, `at ${at}`, at);
    closeSync(file);
    const before = process.memoryUsage();
    const image = await opener.open({
      ...imageLayers(overlay(folder), bundleOf('/', [])),
      entrypoint: 'app.wasm',
      limits: LIMITS,
    });
    const assets = await image.readAssets();
    image.close();
    const after = process.memoryUsage();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(SPARE_BYTES);
    expect(after.rss - before.rss).toBeLessThan(SPARE_BYTES);
    const { bytes = new Uint8Array(0) } = assets ?? {};
    const [{ offset, bytes: length } = { offset: 0, bytes: 0 }] = readAssets(bytes);
    expect(length).toBe(2e8);
    let sum = 0;
    for (let at = 0; at < bytes.length; at += 4096) sum += bytes[at] ?? 0;
    expect(sum).toBeGreaterThan(0);
    expect(Buffer.from(bytes.subarray(offset + 5 * MIB, offset + 5 * MIB + 10)).toString()).toBe(`at ${5 * MIB}`);
    expect(process.memoryUsage.rss() - before.rss).toBeLessThan(2e8 + SPARE_BYTES);
    assets?.release();
  });
});

describe('the image opener', () => {
  it('the image opener has two capabilities, its own mounts, and none of them seen by others', async () => {
    const status = readFileSync(`/proc/${opener.pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
    // CAP_DAC_READ_SEARCH is number 2, CAP_SYS_ADMIN number 21.
    const kept = (2 ** 2 + 2 ** 21).toString(16).padStart(16, '0');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(field(set)).toBe(kept);
    expect(field('NoNewPrivs')).toBe('1');
    expect(readlinkSync(`/proc/${opener.pid}/ns/mnt`)).not.toBe(readlinkSync('/proc/self/ns/mnt'));
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    const open = () => readdirSync('/proc/self/fd').length;
    const files = open();
    await read({ rootfs: overlay(layer({ 'app.wasm': MODULE, 'assets/a': 'a' })) });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
    expect(open()).toBe(files);
    await eventually(() => expect(readFileSync(`/proc/${opener.pid}/mountinfo`, 'utf8')).not.toContain(' - overlay '));
  });

  it('the image opener answers several requests at once, and forgets those that are given up', async () => {
    const folder = layer({ 'app.wasm': MODULE });
    mkdirSync(join(folder, 'assets'));
    for (let n = 0; n < 1000; n++) writeFileSync(join(folder, 'assets', `${n}`), `${n}`);
    const rootfs = overlay(folder);
    const request = { ...imageLayers(rootfs, bundleOf('/', [])), entrypoint: '/app.wasm', limits: LIMITS };
    const opened = await Promise.all([opener.open(request), opener.open(request).catch(() => undefined)]);
    expect(fstatSync(opened[0]?.module ?? -1).size).toBe(MODULE.length);
    for (const image of opened) image?.close();
    expect(Object.keys((await read({ rootfs })).assets)).toHaveLength(1000);
    await eventually(() => expect(readdirSync(`/proc/${opener.pid}/fd`).length).toBeLessThan(8));
  });

  it('the image opener ends with its socket, and requests to it then fail', async () => {
    const own = new ImageOpener();
    const folder = layer({ 'app.wasm': MODULE });
    const request = { ...imageLayers([], bundleOf(folder, [])), entrypoint: '/app.wasm', limits: LIMITS };
    (await own.open(request)).close();
    process.kill(own.pid ?? 0, 'SIGKILL');
    await eventually(() => expect(existsSync(`/proc/${own.pid}/exe`)).toBe(false));
    await expect(own.open(request)).rejects.toThrow(/NL_POD: .*the image cannot be opened/);
    own.close();
    const other = new ImageOpener();
    other.close();
    await eventually(() => expect(existsSync(`/proc/${other.pid}/exe`)).toBe(false));
  });

  it('the image opener says which layer is missing', async () => {
    const rootfs = overlay('/none', layer({}));
    await expect(read({ rootfs })).rejects.toThrow(/NL_POD: .*the image's layer \/none cannot be opened: No such file/);
    await expect(read({ folder: '/none' })).rejects.toThrow(/NL_POD: .*the image's folder \/none/);
  });
});
