import { renameSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssetPackFromFolder } from '../../assets/folder.ts';
import { imageLayers, imagePlaces, readGame } from '../../host/pod/image.ts';
import type { OciBundle } from '../../host/pod/oci-bundle.ts';
import type { Mount } from '../../host/pod/tasks.ts';
import { type Entries, ImageRig, MODULE } from './image-rig.ts';

let rig: ImageRig;
beforeAll(async () => {
  rig = await ImageRig.start();
});
afterAll(() => rig.close());

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
    const folder = rig.layer({
      'app.wasm': MODULE,
      'assets/b.txt': 'b',
      'assets/deep/a.txt': 'a',
      'assets/empty/': '',
    });
    const game = { module: MODULE, assets: { 'b.txt': 'b', 'deep/a.txt': 'a' } };
    expect(await rig.read({ folder })).toEqual(game);
    expect(await rig.read({ folder, entrypoint: 'app.wasm' })).toEqual(game);
    expect(await rig.read({ rootfs: rig.overlay(folder) })).toEqual(game);
    const bind = [{ type: 'bind', source: folder, target: '', options: ['rbind', 'ro'] }];
    expect(await rig.read({ rootfs: bind })).toEqual(game);
    expect((await rig.read({ folder: rig.layer({ 'app.wasm': MODULE, 'assets/': '' }) })).assets).toEqual({});
    expect((await rig.read({ folder: rig.layer({ 'app.wasm': MODULE }) })).assets).toEqual({});
  });

  it('the assets of an image are the same pack as those of a local folder', async () => {
    const names = ['z', 'a/b', 'a.b', 'Z', 'ä', '\u{1f600}', '\uffee'];
    const folder = rig.layer(Object.fromEntries(names.map((name) => [`assets/${name}`, `contents of ${name}`])));
    writeFileSync(join(folder, 'app.wasm'), MODULE);
    const image = await rig.opener.open(rig.request({ folder }));
    const assets = await image.readAssets();
    expect(Buffer.from(assets?.bytes ?? [])).toEqual(await createAssetPackFromFolder(join(folder, 'assets')));
    expect(() => writeSync(assets?.fd ?? -1, 'x')).toThrow('EPERM');
    image.close();
  });

  it('layers hide each other as they do for a container', async () => {
    const lower = rig.layer({ 'app.wasm': 'old', 'assets/a': 'old', 'assets/gone': 'g', 'assets/sub/hidden': 'h' });
    const upper = rig.layer({ 'app.wasm': MODULE, 'assets/a': 'new', 'assets/sub/seen': 's' });
    rig.layers.do('node', join(upper, 'assets/gone'), 'whiteout');
    rig.layers.do('mark', join(upper, 'assets/sub'), 'trusted.overlay.opaque', 'y');
    await rig.layers.done();
    const game = await rig.read({ rootfs: rig.overlay(upper, lower) });
    expect(game).toEqual({ module: MODULE, assets: { a: 'new', 'sub/seen': 's' } });
    // The folder that a container has written to is the uppermost layer.
    const rootfs = [{ type: 'overlay', source: '', target: '', options: [`upperdir=${upper}`, `lowerdir=${lower}`] }];
    expect(await rig.read({ rootfs })).toEqual(game);
    rig.layers.do('node', join(upper, 'assets/sub/seen2'), 'whiteout');
    rig.layers.do('mark', upper, 'trusted.overlay.opaque', 'y');
    await rig.layers.done();
    expect((await rig.read({ rootfs: rig.overlay(upper, lower) })).assets).toEqual({ a: 'new', 'sub/seen': 's' });
  });

  it('links lead to files of the image, and hard links are files', async () => {
    const folder = rig.layer({
      'data/real.txt': 'real',
      'data/more/x': 'x',
      'bin/game.wasm': MODULE,
      'app.wasm': '-> ../../../bin/game.wasm',
      'assets/absolute': '-> /data/real.txt',
      'assets/relative': '-> ../data/real.txt',
      'assets/folder': '-> /data/more',
    });
    rig.layers.do('hard', join(folder, 'assets/hard'), join(folder, 'data/real.txt'));
    await rig.layers.done();
    const game = { module: MODULE, assets: { absolute: 'real', 'folder/x': 'x', hard: 'real', relative: 'real' } };
    expect(await rig.read({ folder })).toEqual(game);
    expect(await rig.read({ rootfs: rig.overlay(folder) })).toEqual(game);
    const linked = rig.layer({ 'app.wasm': MODULE, 'srv/a': 'a', assets: '-> /srv' });
    expect((await rig.read({ rootfs: rig.overlay(linked) })).assets).toEqual({ a: 'a' });
  });

  it('layers may have colons, commas and backslashes in their names, be links, and be many', async () => {
    const odd = join(rig.layers.folder, 'o:d,d\\');
    renameSync(rig.layer({ 'app.wasm': MODULE }), odd);
    const link = join(rig.layers.folder, 'link');
    symlinkSync(rig.layer({ 'assets/linked': 'l' }), link);
    const many = Array.from({ length: 300 }, (_, n) => rig.layer({ [`assets/${n}`]: `${n}` }));
    const escaped = odd.replace(/[\\:]/g, '\\$&');
    const { module, assets } = await rig.read({ rootfs: rig.overlay(escaped, 'link', ...many) });
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
    await expect(rig.read({ folder: rig.layer(entries), entrypoint })).rejects.toThrow(
      `NL_IMAGE: The image holds no game`,
    );
    await expect(rig.read({ rootfs: rig.overlay(rig.layer(entries)), entrypoint })).rejects.toThrow(message);
  });

  it('an image without an entrypoint is refused', async () => {
    const { limits } = rig.request({});
    const reading = readGame({ images: rig.opener, rootfs: [], bundle: rig.bundle('/', []), limits });
    await expect(reading).rejects.toThrow('has no entrypoint');
  });
});

describe('the volumes of a container', () => {
  const image = () => rig.layer({ 'app.wasm': MODULE, 'assets/a': 'a', 'assets/sub/b': 'b' });

  it('a volume takes the place of what the image has at its path, or is added to it', async () => {
    const volume = rig.layer({ x: 'x', 'deep/y': 'y' });
    const folder = image();
    const read = async (volumes: Record<string, string>) => (await rig.read({ folder, volumes })).assets;
    expect(await read({ '/assets': volume })).toEqual({ x: 'x', 'deep/y': 'y' });
    expect(await read({ '/assets/sub': volume })).toEqual({ a: 'a', 'sub/x': 'x', 'sub/deep/y': 'y' });
    expect(await read({ '/assets/new/place/': volume })).toEqual({
      a: 'a',
      'sub/b': 'b',
      'new/place/x': 'x',
      'new/place/deep/y': 'y',
    });
    expect(await read({ '/assets/a': join(volume, 'x') })).toEqual({ a: 'x', 'sub/b': 'b' });
    expect(await read({ '/assets': volume, '/assets/deep': join(folder, 'assets/sub') })).toEqual({
      x: 'x',
      'deep/b': 'b',
    });
    const rootfs = rig.overlay(folder);
    const { assets } = await rig.read({ rootfs, volumes: { '/assets/sub': volume } });
    expect(assets).toEqual({ a: 'a', 'sub/x': 'x', 'sub/deep/y': 'y' });
  });

  it('a volume may hold the module', async () => {
    const other = rig.layer({ 'other.wasm': MODULE });
    const folder = rig.layer({ 'app.wasm': 'old' });
    expect((await rig.read({ folder, volumes: { '/app.wasm': join(other, 'other.wasm') } })).module).toEqual(MODULE);
    const entrypoint = '/game/other.wasm';
    expect((await rig.read({ folder, entrypoint, volumes: { '/game': other } })).module).toEqual(MODULE);
  });

  it('a ConfigMap is read through the links that the kubelet makes, and its versions are no assets', async () => {
    const volume = rig.layer({
      '..2026_01_01/level.json': '1',
      '..data': '-> ..2026_01_01',
      'level.json': '-> ..data/level.json',
    });
    expect((await rig.read({ folder: image(), volumes: { '/assets': volume } })).assets).toEqual({ 'level.json': '1' });
  });

  it('the configuration of an image or of a volume is the asset config.json', async () => {
    const folder = rig.layer({
      'app.wasm': MODULE,
      'config.json': 'own',
      'assets/config.json': 'asset',
      'assets/z': '',
    });
    const config = join(rig.layer({ 'settings.json': 'mounted' }), 'settings.json');
    expect((await rig.read({ folder })).assets).toEqual({ 'config.json': 'own', z: '' });
    const volumes = { '/config.json': config };
    expect((await rig.read({ folder, volumes })).assets).toEqual({ 'config.json': 'mounted', z: '' });
    expect((await rig.read({ folder: image(), volumes })).assets).toMatchObject({ 'config.json': 'mounted', a: 'a' });
    const reading = rig.read({ folder, volumes: { '/config.json': rig.layer({}) } });
    await expect(reading).rejects.toThrow('/config.json is a folder, not a file; mount a ConfigMap there with subPath');
  });

  it('a link in a volume leads to no file outside of the volume', async () => {
    const outside = rig.layer({ secret: 'secret' });
    const volume = rig.layer({ a: `-> ${outside}/secret` });
    const reading = rig.read({ folder: image(), volumes: { '/assets': volume } });
    await expect(reading).rejects.toThrow('/assets/a cannot be opened: No such file');
    const climbing = rig.layer({ a: `-> ../../../../../../..${outside}/secret` });
    await expect(rig.read({ folder: image(), volumes: { '/assets': climbing } })).rejects.toThrow('No such file');
  });
});

describe('a container', () => {
  it.each<[string, object, string]>([
    [
      'arguments',
      { args: ['/app.wasm', '--map', 'night'] },
      'args: a game takes no arguments, and this container has --map night',
    ],
    [
      'a volume where a game has no files',
      { podUid: 'u', mounts: [mountOf('/data')] },
      'volumeMounts: a game has no files, so the volume at /data',
    ],
  ])('with %s is refused with the reason', async (_, more, message) => {
    const { limits } = rig.request({});
    const bundle = { ...rig.bundle(rig.layer({ 'app.wasm': MODULE }), ['/app.wasm']), ...more };
    await expect(readGame({ images: rig.opener, rootfs: [], bundle, limits })).rejects.toThrow(message);
  });

  it('may have files that are mounted into every container, and those of device plugins', async () => {
    const { limits } = rig.request({});
    const mounts = [
      mountOf('/var/run/secrets/kubernetes.io/serviceaccount'),
      mountOf('/dev/shm'),
      { ...mountOf('/usr/bin/tool'), source: '/usr/bin/tool' },
    ];
    const bundle = { ...rig.bundle(rig.layer({ 'app.wasm': MODULE }), ['/app.wasm']), podUid: 'u', mounts };
    const { module } = await readGame({ images: rig.opener, rootfs: [], bundle, limits });
    expect(module).toEqual(MODULE);
  });

  it('a relative path of the module counts from the working directory', async () => {
    const { limits } = rig.request({});
    const bundle = { ...rig.bundle(rig.layer({ 'srv/app.wasm': MODULE }), ['app.wasm']), cwd: '/srv' };
    expect((await readGame({ images: rig.opener, rootfs: [], bundle, limits })).module).toEqual(MODULE);
  });
});

/** A volume that the kubelet has made for the pod with the id `u`. */
function mountOf(destination: string) {
  return {
    destination,
    source: '/var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/v',
    type: 'bind',
    options: [],
  };
}

describe('the places of the images of a pod', () => {
  const snapshots = '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots';
  const options = ['index=off', `upperdir=${snapshots}/12/fs`, `lowerdir=${snapshots}/3/fs:${snapshots}/2/fs`];
  const overlay = { type: 'overlay', source: 'overlay', target: '', options };
  const native = { type: 'bind', source: '/var/lib/containerd/native/snapshots/7', target: '', options: [] };
  const bundle = { folder: '/run/task/k8s.io/pause', rootPath: '/run/task/k8s.io/pause/rootfs' };

  it('of a pod with a sandbox, every layer of its snapshotter and every mounted image belongs to them', () => {
    const sandbox = { ...bundle, kind: 'sandbox' } as OciBundle;
    const mounted = '/run/task/k8s.io/*/rootfs';
    expect(imagePlaces([overlay], sandbox)).toEqual([`${snapshots}/*/fs`, mounted]);
    expect(imagePlaces([native], sandbox)).toEqual(['/var/lib/containerd/native/snapshots/*', mounted]);
    expect(imagePlaces([{ ...native, source: '/other/place' }], sandbox)).toEqual(['/other/place', mounted]);
    expect(imagePlaces([], sandbox)).toEqual([bundle.rootPath, mounted]);
    expect(imagePlaces([{ ...native, type: 'erofs' }], sandbox)).toEqual([mounted]);
  });

  it('of a container without a pod, only its own layers belong to them', () => {
    const standalone = { ...bundle, kind: 'standalone', mounts: [] } as unknown as OciBundle;
    expect(imagePlaces([overlay], standalone)).toEqual([12, 3, 2].map((n) => `${snapshots}/${n}/fs`));
    expect(imagePlaces([], standalone)).toEqual([bundle.rootPath]);
  });
});
