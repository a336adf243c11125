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
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssetPackFromFolder } from '../../assets/folder.ts';
import { readAssets } from '../../host/base/assets.ts';
import { ImageOpener } from '../../host/pod/opener.ts';
import { eventually } from '../wait.ts';
import { ImageRig, MODULE } from './image-rig.ts';

const MIB = 2 ** 20;
/** Most bytes by which the memory of this process may grow apart from the assets themselves. */
const SPARE_BYTES = 64 * MIB;

let rig: ImageRig;
beforeAll(async () => {
  rig = await ImageRig.start();
});
afterAll(() => rig.close());

describe('limits on an image', () => {
  it('a module may be as large as MODULE_BYTES_MAX, and no larger', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE });
    expect((await rig.read({ folder, limits: { moduleBytesMax: MODULE.length } })).module).toEqual(MODULE);
    await expect(rig.read({ folder, limits: { moduleBytesMax: MODULE.length - 1 } })).rejects.toThrow(
      `NL_MODULE_LIMIT: The module asks for more than its limits allow: /app.wasm has ${MODULE.length} bytes, and ${MODULE.length - 1} are allowed (MODULE_BYTES_MAX)`,
    );
  });

  it('an image may have as many files and folders as ASSET_FILES_MAX, and no more', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE, 'assets/a': '', 'assets/b/c': '' });
    expect((await rig.read({ folder, limits: { assetFilesMax: 3 } })).assets).toEqual({ a: '', 'b/c': '' });
    await expect(rig.read({ folder, limits: { assetFilesMax: 2 } })).rejects.toThrow(
      /NL_IMAGE_SIZE: .*\/assets has more than 2 files and folders \(ASSET_FILES_MAX\)/,
    );
  });

  it('the folders of an image may be as deep as ASSET_DEPTH_MAX, and no deeper', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE, 'assets/a/b/c': 'c', loop: '' });
    expect((await rig.read({ folder, limits: { assetDepthMax: 2 } })).assets).toEqual({ 'a/b/c': 'c' });
    await expect(rig.read({ folder, limits: { assetDepthMax: 1 } })).rejects.toThrow(
      /NL_IMAGE_SIZE: .*\/assets\/a\/b is nested deeper than 1 folders \(ASSET_DEPTH_MAX\)/,
    );
    symlinkSync('.', join(folder, 'assets/again'));
    await expect(rig.read({ folder })).rejects.toThrow('ASSET_DEPTH_MAX');
  });

  it('the asset pack of an image may be as large as ASSET_BYTES_MAX, and no larger', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE, 'assets/a': 'a'.repeat(1000), 'assets/empty': '' });
    const { length } = await createAssetPackFromFolder(join(folder, 'assets'));
    // The check counts the names and the contents, but not the gap between them.
    expect((await rig.read({ folder, limits: { assetBytesMax: length } })).assets.a).toHaveLength(1000);
    await expect(rig.read({ folder, limits: { assetBytesMax: 1000 } })).rejects.toThrow(
      /NL_IMAGE_SIZE: .*more than 1000 bytes as an asset pack \(ASSET_BYTES_MAX\)/,
    );
  });

  it('2 GB of zeros are refused before any of them is read', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE, 'assets/a': 'a', 'assets/zeros': '' });
    truncateSync(join(folder, 'assets/zeros'), 2e9);
    await rig.layers.ask('watch', join(folder, 'assets/zeros'));
    const before = process.memoryUsage.rss();
    await expect(rig.read({ rootfs: rig.overlay(folder) })).rejects.toThrow('ASSET_BYTES_MAX');
    expect(process.memoryUsage.rss() - before).toBeLessThan(SPARE_BYTES);
    expect(await rig.layers.ask('opened')).toBe('untouched');
  });

  it('assets of 200 MB take their size in memory once, outside the heap of JavaScript', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE, 'assets/large': '' });
    const file = openSync(join(folder, 'assets/large'), 'r+');
    ftruncateSync(file, 2e8);
    for (let at = 0; at < 2e8; at += MIB) writeSync(file, `at ${at}`, at);
    closeSync(file);
    const before = process.memoryUsage();
    const image = await rig.opener.open(rig.request({ rootfs: rig.overlay(folder) }));
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
  });
});

describe('the image opener', () => {
  it('a host that has named the places of its images gets no image from elsewhere, and cannot name others', async () => {
    const opener = new ImageOpener();
    const folder = rig.layer({
      'snapshots/1/fs/app.wasm': MODULE,
      'snapshots/2/fs/app.wasm': MODULE,
      'snapshots/2/fs/a/app.wasm': MODULE,
      'snapshots/app.wasm': MODULE,
      'bundles/one/rootfs/app.wasm': MODULE,
      'secret/app.wasm': MODULE,
    });
    const at = (path: string) => join(folder, path);
    const open = async (...layers: string[]) => {
      const kind = layers.length > 1 ? 'overlay' : 'folder';
      const request = { ...rig.request({ folder }), kind, layers: layers.map(at) } as const;
      (await opener.open(request)).close();
    };
    await open('secret');
    await opener.seal([at('snapshots/*/fs'), at('bundles/*/rootfs')]);
    await opener.seal([at('*')]);
    await open('snapshots/1/fs');
    await open('snapshots/2/fs', 'snapshots/1/fs');
    await open('bundles/one/rootfs');
    for (const layer of [
      'secret',
      'snapshots',
      'snapshots/2',
      'snapshots/2/fs/a',
      'snapshots/../snapshots/fs',
      'snapshots//fs',
      '../secret',
    ]) {
      const given = `${folder}/${layer}`;
      const request = { ...rig.request({ folder }), kind: 'folder' as const, layers: [given] };
      await expect(opener.open(request), layer).rejects.toThrow(`${given} is not where this pod's images are`);
    }
    await expect(open('snapshots/1/fs', 'secret')).rejects.toThrow("is not where this pod's images are");
    opener.close();
  });

  it('a host that serves a pod gets only volumes that the kubelet keeps for this pod', async () => {
    const folder = rig.layer({
      'app/app.wasm': MODULE,
      'lib/pods/one/volumes/plugin/name/x': 'mine',
      'lib/pods/one/volume-subpaths/name/game/0': 'subpath',
      'lib/pods/one/volumes/plugin/link': '-> /etc',
      'lib/pods/one/etc-hosts': '',
      'lib/pods/two/volumes/plugin/name/x': 'of another pod',
      data: '-> lib',
    });
    const opener = new ImageOpener();
    await opener.seal([join(folder, 'app')], 'one');
    const request = { ...rig.request({ folder: join(folder, 'app') }) };
    const open = async (destination: string, path: string) => {
      const image = await opener.open({ ...request, volumes: [{ destination, source: `${folder}/${path}` }] });
      const { bytes = new Uint8Array(0) } = (await image.readAssets()) ?? {};
      image.close();
      return readAssets(bytes).map(({ name }) => name);
    };
    expect(await open('/assets', 'lib/pods/one/volumes/plugin/name')).toEqual(['x']);
    expect(await open('/assets', 'data/pods/one/volumes/plugin/name')).toEqual(['x']);
    expect(await open('/config.json', 'lib/pods/one/volume-subpaths/name/game/0')).toEqual(['config.json']);
    for (const path of [
      'lib/pods/two/volumes/plugin/name',
      'lib/pods/one/etc-hosts',
      'lib/pods/one/volumes/../../two/volumes/plugin/name',
      'lib/pods/one/volumes/plugin/link',
      'app',
    ])
      await expect(open('/assets', path), path).rejects.toThrow(
        /NL_POD: .*the volume .* (is not one|cannot be opened)/,
      );
    opener.close();
  });

  it('a host that serves a container without a pod gets only its volumes', async () => {
    const folder = rig.layer({ 'app/app.wasm': MODULE, 'volume/x': 'mine', 'other/x': 'of another container' });
    const opener = new ImageOpener();
    await opener.seal(['app', 'volume'].map((name) => join(folder, name)));
    const request = rig.request({ folder: join(folder, 'app') });
    const open = (name: string) =>
      opener.open({ ...request, volumes: [{ destination: '/assets', source: join(folder, name) }] });
    (await open('volume')).close();
    await expect(open('other')).rejects.toThrow('the request for an image is not valid');
    opener.close();
  });

  it.each(['upperdir=/etc', 'lowerdir+=/etc', 'datadir+=/etc', 'metacopy=/', 'x', 'userxattr,workdir=/etc'])(
    'an option of a mount that could name a folder is refused: %s',
    async (option) => {
      const request = rig.request({ rootfs: rig.overlay(rig.layer({ 'app.wasm': MODULE })) });
      await expect(rig.opener.open({ ...request, options: [option] })).rejects.toThrow('NL_POD');
      (await rig.opener.open({ ...request, options: ['userxattr', 'xino=off'] })).close();
    },
  );

  it('the image opener has two capabilities, its own mounts, and none of them seen by others', async () => {
    const status = readFileSync(`/proc/${rig.opener.pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
    // CAP_DAC_READ_SEARCH is number 2, CAP_SYS_ADMIN number 21.
    const kept = (2 ** 2 + 2 ** 21).toString(16).padStart(16, '0');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(field(set)).toBe(kept);
    expect(field('NoNewPrivs')).toBe('1');
    expect(readlinkSync(`/proc/${rig.opener.pid}/ns/mnt`)).not.toBe(readlinkSync('/proc/self/ns/mnt'));
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    const open = () => readdirSync('/proc/self/fd').length;
    const files = open();
    await rig.read({ rootfs: rig.overlay(rig.layer({ 'app.wasm': MODULE })) });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
    expect(open()).toBe(files);
    await eventually(() =>
      // Where an image is mounted while it is opened. Elsewhere, this machine may have overlays of its own.
      expect(readFileSync(`/proc/${rig.opener.pid}/mountinfo`, 'utf8')).not.toMatch(/ \/sys .* - overlay /),
    );
  });

  it('the memory of assets is freed, and its descriptor closed, when nothing refers to it any more', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const held = () =>
      readdirSync('/proc/self/fd').filter((fd) => nameOf(fd).startsWith('/memfd:nearlight-assets')).length;
    const folder = rig.layer({ 'app.wasm': MODULE, 'assets/a': 'a' });
    const image = await rig.opener.open(rig.request({ folder }));
    const kept = await image.readAssets();
    image.close();
    for (let time = 0; time < 20; time++) await rig.read({ folder });
    await eventually(() => {
      collectGarbage();
      expect(held()).toBe(1);
    });
    expect(readAssets(kept?.bytes ?? new Uint8Array(0))).toHaveLength(1);
  });

  it('the image opener answers several requests at once, and forgets those that are given up', async () => {
    const folder = rig.layer({ 'app.wasm': MODULE });
    mkdirSync(join(folder, 'assets'));
    for (let n = 0; n < 1000; n++) writeFileSync(join(folder, 'assets', `${n}`), `${n}`);
    const rootfs = rig.overlay(folder);
    const request = rig.request({ rootfs });
    const opened = await Promise.all([rig.opener.open(request), rig.opener.open(request).catch(() => undefined)]);
    expect(fstatSync(opened[0]?.module ?? -1).size).toBe(MODULE.length);
    for (const image of opened) image?.close();
    expect(Object.keys((await rig.read({ rootfs })).assets)).toHaveLength(1000);
    await eventually(() => expect(readdirSync(`/proc/${rig.opener.pid}/fd`).length).toBeLessThan(8));
  });

  it('the image opener ends with its socket, and requests to it then fail', async () => {
    const own = new ImageOpener();
    const folder = rig.layer({ 'app.wasm': MODULE });
    const request = rig.request({ folder });
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
    const rootfs = rig.overlay('/none', rig.layer({}));
    await expect(rig.read({ rootfs })).rejects.toThrow(
      /NL_POD: .*the image's layer \/none cannot be opened: No such file/,
    );
    await expect(rig.read({ folder: '/none' })).rejects.toThrow(/NL_POD: .*the image's folder \/none/);
  });
});

/** The name of an open file of this process; empty if it was closed meanwhile. */
function nameOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
