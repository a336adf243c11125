import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { checkModule } from '../../host/engine/module.ts';
import { CompileCache } from '../../host/engine/wasmedge/cache.ts';
import { RemoteCode } from '../../host/engine/wasmedge/remote.ts';
import { CompileClient } from '../../host/pod/compile-client.ts';
import { good, options } from '../engine/modules.ts';
import { eventually } from '../wait.ts';
import { CompileRig } from './compile-rig.ts';
import { connectTo, readCode } from './keeper-client.ts';

let rig: CompileRig;
beforeEach(async () => {
  rig = await CompileRig.open();
});
afterEach(() => rig.close());

/** Gets a module's native code as a host does: from the keeper. A host has no cache and no key. */
async function read(module = good()): Promise<{ code: Uint8Array; lines: string[] }> {
  const settings = options();
  const client = new CompileClient({ connect: () => connectTo(rig.socket) });
  const source = new RemoteCode(async (bytes, identity) => (await client.compile(bytes, identity))?.code);
  try {
    const code = await source.native(checkModule(module, settings.limits).bytes, settings);
    return { code: readCode(code), lines: settings.lines };
  } finally {
    client.close();
  }
}

test('a host gets native code from the keeper, which compiles the module once', async () => {
  const log = await rig.serveCache();
  const first = await read();
  await rig.stored(1);
  const compiles = () => log.filter((line) => line.includes('compiling')).length;
  expect([compiles(), first.lines]).toEqual([1, []]);
  const before = readdirSync(rig.cacheDir);
  const second = await read();
  expect(Buffer.from(second.code).equals(first.code)).toBe(true);
  expect([compiles(), second.lines]).toEqual([1, []]);
  expect(readdirSync(rig.cacheDir)).toEqual(before);
});

test('a module with a start function passes the checks of both the host and the keeper', async () => {
  await rig.serveCache();
  expect((await read(good({ fields: '(func $s) (start $s)' }))).lines).toEqual([]);
});

test('the keeper replaces a damaged entry, and no host runs it', async () => {
  const log = await rig.serveCache();
  const { code } = await read();
  await rig.stored(1);
  const path = join(rig.cacheDir, must(rig.entries()[0], 'entry'));
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 1));
  // For a moment after it has written the entry, the keeper still answers with the code that it has just compiled.
  await eventually(async () => {
    const again = await read();
    expect(again.lines).toEqual([]);
    expect(Buffer.from(again.code).equals(code)).toBe(true);
    expect(log.join()).toMatch(/damaged/);
  });
  await eventually(() => expect(readFileSync(path).equals(whole)).toBe(true));
});

test('without a keeper, a host compiles the module itself and writes nothing', async () => {
  mkdirSync(rig.cacheDir, { mode: 0o700 });
  const { code, lines } = await read();
  expect(code.length).toBeGreaterThan(1000);
  expect(lines.join()).toMatch(/warn: .*keeper gives no code/);
  expect(readdirSync(rig.cacheDir)).toEqual([]);
});

test('the keeper refuses a cache folder to which other users can write, and says why', async () => {
  await rig.serveCache();
  mkdirSync(rig.cacheDir);
  execFileSync('chmod', ['777', rig.cacheDir]);
  await expect(read()).rejects.toThrow(/^NL_SETTING: .*CACHE_DIR/);
});

test('on a full disk the caller still gets its code, and once there is room the code is kept', async () => {
  mkdirSync(rig.cacheDir, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'tmpfs', rig.cacheDir]);
  try {
    const log = await rig.serveCache();
    expect((await read()).code.length).toBeGreaterThan(4096);
    await eventually(() => expect(log.join()).toMatch(/warn: compiled code cannot be stored .*ENOSPC/));
    expect(readdirSync(rig.cacheDir)).toEqual(['key']);
    execFileSync('mount', ['-o', 'remount,size=4m', rig.cacheDir]);
    await read();
    await rig.stored(1);
  } finally {
    execFileSync('umount', [rig.cacheDir]);
  }
});

test('a full compile cache drops the code that was not used for the longest time', async () => {
  const settings = options();
  const modules = [1, 2, 3].map((n) => good({ tick: `(drop (i32.const ${n}))` }));
  const make = async (cache: CompileCache, n: number) => {
    await cache.native(checkModule(must(modules[n], 'module'), settings.limits).bytes, settings);
  };
  await make(new CompileCache(rig.cacheDir), 0);
  await rig.stored(1);
  const bytes = statSync(join(rig.cacheDir, must(rig.entries()[0], 'entry'))).size;
  const cache = new CompileCache(rig.cacheDir, { bytesMax: Math.floor(bytes * 2.5) });
  await make(cache, 1);
  await rig.stored(2);
  for (const name of rig.entries()) utimesSync(join(rig.cacheDir, name), 1, 1);
  await make(cache, 0);
  const used = await eventually(() => {
    const found = rig.entries().find((name) => statSync(join(rig.cacheDir, name)).mtimeMs > 1000);
    expect(found).toBeDefined();
    return must(found, 'entry');
  });
  const [old] = rig.entries().filter((name) => name !== used);
  await make(cache, 2);
  await eventually(() => expect(rig.entries()).not.toContain(old));
  expect(rig.entries().length).toBe(2);
  expect(rig.entries()).toContain(used);
});

test('code that is larger than the whole cache is returned and not kept', async () => {
  const log = await rig.serveCache(1000);
  expect((await read()).code.length).toBeGreaterThan(1000);
  await eventually(() => expect(log.join()).toMatch(/cannot be stored .*CACHE_BYTES_MAX, 1000/));
  expect(rig.entries()).toEqual([]);
});
