import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layersOf, readGame, readOciBundle, resolveInLayers } from '../../host/pod/oci-bundle.ts';
import { good } from '../engine/modules.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Creates an OCI bundle; returns its folder. */
function bundle(config: unknown, text = JSON.stringify(config)): string {
  const path = mkdtempSync(join(folder, 'b-'));
  writeFileSync(join(path, 'config.json'), text);
  return path;
}

/** Creates a layer of an image from these files; returns its folder. */
function layer(files: Record<string, string | Uint8Array>): string {
  const path = mkdtempSync(join(folder, 'l-'));
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), data);
  }
  return path;
}

describe('an OCI bundle', () => {
  it("an OCI bundle is read as containerd's CRI plugin writes it", () => {
    const path = bundle({
      annotations: { 'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.container-name': 'game' },
      process: { args: ['/app.wasm'], env: ['A=1', 'B=x=y', 'C'] },
      root: { path: 'rootfs' },
      mounts: [{ destination: '/dev/termination-log', source: '/var/log/t', type: 'bind', options: ['rbind'] }],
      linux: {
        namespaces: [{ type: 'network', path: '/run/netns/a' }],
        cgroupsPath: '/kubepods/a',
        resources: { memory: { limit: 5 } },
      },
    });
    expect(readOciBundle(path)).toMatchObject({
      kind: 'container',
      name: 'game',
      args: ['/app.wasm'],
      env: { A: '1', B: 'x=y', C: '' },
      network: { path: '/run/netns/a' },
      cgroupsPath: '/kubepods/a',
      resources: { memory: { limit: 5 } },
      rootPath: join(path, 'rootfs'),
    });
  });

  it.each([
    [{}, 'host'],
    [{ linux: { namespaces: [{ type: 'network' }] } }, 'new'],
  ])('an OCI bundle with %j has the network %s', (config, network) =>
    expect(readOciBundle(bundle(config))).toMatchObject({ kind: 'standalone', network }),
  );

  it.each([
    ['{', 'cannot be used'],
    ['null', 'it is not an object'],
    [`{"a":"${'x'.repeat(4 * 2 ** 20)}"}`, 'are allowed'],
  ])('an OCI bundle is refused if its config.json is %.10s', (text, message) =>
    expect(() => readOciBundle(bundle({}, text))).toThrow(message),
  );

  it('an OCI bundle that does not exist is refused', () =>
    expect(() => readOciBundle(join(folder, 'none'))).toThrow('ENOENT'));
});

describe('an image', () => {
  const overlay = (...options: string[]) => [{ type: 'overlay', source: 'overlay', target: '', options }];

  it('an image is in the folders of its layers, the uppermost first', () => {
    expect(layersOf(overlay('index=off', 'workdir=/w', 'upperdir=/u', 'lowerdir=/l1:/l2'), '/r')).toEqual([
      '/u',
      '/l1',
      '/l2',
    ]);
    expect(layersOf([{ type: 'bind', source: '/one', target: '', options: ['ro', 'rbind'] }], '/r')).toEqual(['/one']);
    expect(layersOf([], '/r')).toEqual(['/r']);
    expect(() => layersOf([{ type: 'erofs', source: '/x', target: '', options: [] }], '/r')).toThrow('cannot be read');
  });

  it('an image has the uppermost file of a name, none that a whiteout hides, and links that stay inside', () => {
    const upper = layer({ 'a/new.txt': 'n' });
    const lower = layer({ 'a/old.txt': 'o', 'a/new.txt': 'hidden', 'gone.txt': 'g' });
    execFileSync('mknod', [join(upper, 'gone.txt'), 'c', '0', '0']);
    symlinkSync('/a/old.txt', join(upper, 'link'));
    symlinkSync('../../../../etc/passwd', join(upper, 'out'));
    symlinkSync('loop', join(upper, 'loop'));
    symlinkSync('/', join(upper, 'top'));
    const layers = [upper, lower];
    expect(resolveInLayers(layers, '/a/new.txt')).toBe(join(upper, 'a/new.txt'));
    expect(resolveInLayers(layers, 'a/old.txt')).toBe(join(lower, 'a/old.txt'));
    expect(resolveInLayers(layers, '/gone.txt')).toBeUndefined();
    expect(resolveInLayers(layers, '/link')).toBe(join(lower, 'a/old.txt'));
    expect(resolveInLayers(layers, '/out')).toBeUndefined();
    expect(resolveInLayers(layers, '/top/a/old.txt')).toBe(join(lower, 'a/old.txt'));
    expect(resolveInLayers(layers, '/../../etc/passwd')).toBeUndefined();
    expect(() => resolveInLayers(layers, '/loop')).toThrow('more than 40 symbolic links');
  });

  it('an image contains a module, and may contain assets', () => {
    const module = Buffer.from(good());
    const bare = layer({ 'app.wasm': module });
    mkdirSync(join(bare, 'assets'));
    expect(readGame([bare], ['/app.wasm'], module.length)).toEqual({ module, assets: undefined });
    const full = layer({ 'app.wasm': module, 'assets/a.txt': 'a' });
    expect(readGame([full], ['app.wasm'], module.length).assets).toBe(join(full, 'assets'));
    expect(() => readGame([bare], ['/app.wasm'], module.length - 1)).toThrow(
      `${module.length - 1} are allowed (MODULE_BYTES_MAX)`,
    );
  });

  it.each([
    [[], 'has no entrypoint'],
    [['/none.wasm'], 'has no file /none.wasm'],
    [['/folder'], 'has no file /folder'],
    [['/elf'], 'remove runtimeClassName'],
    [['/script'], 'remove runtimeClassName'],
    [['/text'], 'is not a WebAssembly module'],
    [['/pipe'], 'has no file /pipe'],
  ])('an image without a game is refused: %j', (args, message) => {
    const path = layer({ 'folder/x': '', elf: '\x7fELF\x02', script: '#!/bin/sh', text: 'hello' });
    execFileSync('mkfifo', [join(path, 'pipe')]);
    expect(() => readGame([path], args, 1000)).toThrow(message);
  });
});
