import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entries, ImageRig, MODULE, type Source } from './image-rig.ts';

const SECRET = `secret ${process.pid}`;

let rig: ImageRig;
/** A file outside every image. Nothing may open it. */
let secret: string;

beforeAll(async () => {
  rig = await ImageRig.start();
  const outside = join(rig.layers.folder, 'outside');
  mkdirSync(outside);
  secret = join(outside, 'secret');
  writeFileSync(secret, SECRET, { mode: 0o600 });
});
afterAll(() => rig.close());

describe('a hostile image', () => {
  /** Reads an image in every form in which its layers may come; expects that nothing outside is read. */
  async function attack(stack: string[], entrypoint: string, message: string | RegExp): Promise<void> {
    await rig.layers.ask('watch', secret);
    const forms: Source[] = [
      { rootfs: rig.overlay(...stack) },
      ...(stack.length === 1 ? [{ folder: stack[0] ?? '' }] : []),
    ];
    for (const form of forms) {
      await expect(rig.read({ ...form, entrypoint })).rejects.toThrow(message);
      const { assets } = await rig.read({ ...form, entrypoint: '/good.wasm' }).catch((error: Error) => {
        expect(error.message).toMatch(/^NL_IMAGE/);
        return { assets: {} };
      });
      expect(JSON.stringify(assets)).not.toContain(SECRET);
    }
    expect(await rig.layers.ask('opened')).toBe('untouched');
  }

  const outside = () => secret.slice(1).split('/').slice(0, -1).join('/');

  it('a link in a lower layer does not lead out of an image whose upper layer has a folder in its place', async () => {
    const lower = rig.layer({ a: '-> /', 'good.wasm': MODULE });
    const upper = rig.layer({ 'a/': '', assets: `-> /a/${outside()}`, 'app.wasm': `-> /a/${secret}` });
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
    await attack([rig.layer({ 'good.wasm': MODULE, ...entries() })], entrypoint, /has no file/);
  });

  it.each([
    ['null', 'a device'],
    ['block', 'a device'],
    ['fifo', 'a FIFO'],
    ['socket', 'a socket'],
  ])('neither an entrypoint nor an asset may be of the kind %s', async (kind, name) => {
    const stack = [rig.layer({ 'app.wasm': MODULE, 'assets/a': 'a' })];
    const folder = stack[0] ?? '';
    rig.layers.do('node', join(folder, 'odd'), kind);
    rig.layers.do('node', join(folder, 'assets/odd'), kind);
    await rig.layers.done();
    for (const form of [{ folder }, { rootfs: rig.overlay(folder) }]) {
      await expect(rig.read({ ...form, entrypoint: '/odd' })).rejects.toThrow(`/odd is ${name}, not a file`);
      await expect(rig.read(form)).rejects.toThrow(`/assets/odd is ${name}, and assets are files and folders`);
    }
    rmSync(join(folder, 'assets'), { recursive: true });
    rig.layers.do('node', join(folder, 'assets'), kind);
    await rig.layers.done();
    await expect(rig.read({ folder })).rejects.toThrow(`/assets is ${name}, not a folder`);
  });

  it('a whiteout hides an entrypoint and the assets', async () => {
    const lower = rig.layer({ 'app.wasm': MODULE, 'good.wasm': MODULE, 'assets/a': 'a' });
    const upper = rig.layer({});
    rig.layers.do('node', join(upper, 'app.wasm'), 'whiteout');
    rig.layers.do('node', join(upper, 'assets'), 'whiteout');
    await rig.layers.done();
    await attack([upper, lower], '/app.wasm', 'has no file');
    expect((await rig.read({ rootfs: rig.overlay(upper, lower), entrypoint: '/good.wasm' })).assets).toEqual({});
  });

  it('a folder and a link that change places all the time never lead out of an image', async () => {
    const folder = rig.layer({
      'app.wasm': MODULE,
      'real/secret': 'inside',
      trap: `-> ${secret.replace(/\/secret$/, '')}`,
    });
    symlinkSync('/real', join(folder, 'assets'));
    for (const rootfs of [[], rig.overlay(folder)]) {
      await rig.layers.ask('watch', secret);
      await rig.layers.ask('swap', join(folder, 'real'), join(folder, 'trap'));
      const seen = new Set<string>();
      for (let time = 0; time < 1000; time++) {
        const outcome = await rig.read({ rootfs, folder }).catch((error: Error) => error.message);
        seen.add(typeof outcome === 'string' ? outcome : (outcome.assets.secret ?? 'none'));
      }
      await rig.layers.ask('rest');
      expect(await rig.layers.ask('opened')).toBe('untouched');
      expect([...seen].join('\n')).not.toContain(SECRET);
      // The file was there often enough to show that the two did change places.
      if (rootfs.length === 0) expect([...seen]).toEqual(expect.arrayContaining(['inside', 'none']));
    }
  });
});
