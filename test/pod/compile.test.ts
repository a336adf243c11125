import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { checkModule } from '../../host/engine/module.ts';
import { buildNative } from '../../host/engine/wasmedge/build.ts';
import { CompileCache } from '../../host/engine/wasmedge/cache.ts';
import { type CompileService, compileRemotely, serveCompiler } from '../../host/pod/compile.ts';
import { good, options } from '../engine/modules.ts';
import { eventually } from '../wait.ts';

let root: string;
let socket: string;
let cacheDir: string;
let service: CompileService | undefined;
beforeEach(async () => {
  await buildNative();
  root = mkdtempSync(join(tmpdir(), 'nearlight-compile-test-'));
  socket = join(root, 'keeper.sock');
  cacheDir = join(root, 'cache');
});
afterEach(async () => {
  await service?.close();
  service = undefined;
  rmSync(root, { recursive: true, force: true });
});

const MODULE_BYTES_MAX = 1000;
const serve = async (native: (module: Uint8Array) => Promise<Uint8Array>) => {
  service = await serveCompiler({ socket, moduleBytesMax: MODULE_BYTES_MAX, native });
};

const echo = async (module: Uint8Array) => module;

/** Serves compiled modules from a cache, as a keeper does; returns the lines that it logs. */
async function serveCache(bytesMax?: number): Promise<string[]> {
  const settings = options();
  const cache = new CompileCache(cacheDir, undefined, bytesMax);
  await serve(async (module) => cache.native(checkModule(module, settings.limits).bytes, settings));
  return settings.lines;
}

/** Gets a module's native code as a host does: from the keeper, or from the cache folder, to which a host never writes. */
async function read(module = good()): Promise<{ code: Uint8Array; lines: string[] }> {
  const settings = options();
  const cache = new CompileCache(cacheDir, (bytes) => compileRemotely(socket, bytes));
  const code = await cache.native(checkModule(module, settings.limits).bytes, settings);
  return { code, lines: settings.lines };
}

const entries = () => readdirSync(cacheDir).filter((name) => name.endsWith('.native'));
const stored = (count: number) => eventually(() => expect(entries().length).toBe(count));

test('the keeper answers with native code, and only its own user can use its socket', async () => {
  await serve(async (module) => Buffer.from(module).reverse());
  expect(await compileRemotely(socket, Buffer.of(1, 2, 3))).toEqual(Buffer.of(3, 2, 1));
  expect(statSync(socket).mode & 0o777).toBe(0o600);
});

test('a module for the keeper to compile may be as large as MODULE_BYTES_MAX, and no larger', async () => {
  await serve(echo);
  expect((await compileRemotely(socket, Buffer.alloc(MODULE_BYTES_MAX)))?.length).toBe(MODULE_BYTES_MAX);
  await expect(compileRemotely(socket, Buffer.alloc(MODULE_BYTES_MAX + 1))).rejects.toThrow(
    /^NL_MODULE_LIMIT: .*MODULE_BYTES_MAX/,
  );
});

/** Sends a request that does not give the length of its body. Returns the status and the body of the response. */
async function post(path: string, chunks: Buffer[], method = 'POST'): Promise<[number | undefined, string]> {
  const outgoing = request({ socketPath: socket, path, method });
  for (const chunk of chunks) outgoing.write(chunk);
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  return [response.statusCode, Buffer.concat(await response.toArray()).toString()];
}

test('MODULE_BYTES_MAX holds for a request that does not give its length, and other requests are refused', async () => {
  await serve(echo);
  const half = Buffer.alloc(MODULE_BYTES_MAX / 2);
  expect((await post('/compile', [half, half]))[0]).toBe(200);
  expect((await post('/compile', [half, half, Buffer.of(1)]))[0]).toBe(422);
  expect((await post('/', [half]))[0]).toBe(404);
  expect((await post('/compile', [], 'GET'))[0]).toBe(404);
});

test('the caller of the compile service gets the error of a bad module, with its code', async () => {
  await serve(() => Promise.reject(new NearlightError('NL_MODULE_IMPORT', 'it imports "x"')));
  await expect(compileRemotely(socket, Buffer.of(1))).rejects.toThrow(/^NL_MODULE_IMPORT: .*: it imports "x"$/);
});

test('if the compile service fails or is missing, the module is not at fault', async () => {
  expect(await compileRemotely(socket, Buffer.of(1))).toBeUndefined();
  await serve(() => Promise.reject(new Error('EIO')));
  expect(await compileRemotely(socket, Buffer.of(1))).toBeUndefined();
});

test('modules are compiled one at a time, and each once, however many callers ask for it', async () => {
  const started: number[] = [];
  const done: (() => void)[] = [];
  await serve((module) => {
    started.push(must(module[0], 'first byte'));
    return new Promise((resolve) => done.push(() => resolve(module)));
  });
  const asked = [1, 2, 1, 3, 2, 1];
  const codes = asked.map((byte) => compileRemotely(socket, Buffer.of(byte)));
  // No compilation ends until every request has arrived; otherwise the module of a late request would be compiled again.
  await eventually(() => expect(service?.queued).toBe(asked.length));
  for (const count of [1, 2, 3]) {
    await eventually(() => expect(started.length).toBe(count));
    must(done.at(-1), 'compilation')();
  }
  expect(await Promise.all(codes)).toEqual(asked.map((byte) => Buffer.of(byte)));
  expect(started.sort()).toEqual([1, 2, 3]);
});

test('64 requests to compile may wait, and the 65th is refused', async () => {
  const gate = Promise.withResolvers<void>();
  await serve(async (module) => gate.promise.then(() => module));
  const codes = Array.from({ length: 65 }, (_, n) => compileRemotely(socket, Buffer.of(n)));
  expect(await Promise.race(codes)).toBeUndefined();
  gate.resolve();
  expect((await Promise.all(codes)).filter(Boolean).length).toBe(64);
});

test('a host gets native code from the keeper, and later from the folder of the cache', async () => {
  const log = await serveCache();
  const first = await read();
  await stored(1);
  const compiles = () => log.filter((line) => line.includes('compiling')).length;
  expect([compiles(), first.lines]).toEqual([1, []]);
  const before = readdirSync(cacheDir);
  const second = await read();
  expect(Buffer.from(second.code).equals(first.code)).toBe(true);
  expect([compiles(), second.lines]).toEqual([1, []]);
  expect(readdirSync(cacheDir)).toEqual(before);
});

test('a module with a start function passes the checks of both the host and the keeper', async () => {
  await serveCache();
  expect((await read(good({ fields: '(func $s) (start $s)' }))).lines).toEqual([]);
});

test('the keeper replaces a damaged entry, and no host runs it', async () => {
  const log = await serveCache();
  const { code } = await read();
  await stored(1);
  const path = join(cacheDir, must(entries()[0], 'entry'));
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 1));
  // For a moment after it has written the entry, the keeper still answers with the code that it has just compiled.
  await eventually(async () => {
    const again = await read();
    expect(again.lines.join()).toMatch(/^warn: .*damaged/);
    expect(Buffer.from(again.code).equals(code)).toBe(true);
    expect(log.join()).toMatch(/damaged/);
  });
  await eventually(() => expect(readFileSync(path).equals(whole)).toBe(true));
});

test('without a keeper, a host compiles the module itself and writes nothing', async () => {
  mkdirSync(cacheDir, { mode: 0o700 });
  const { code, lines } = await read();
  expect(code.length).toBeGreaterThan(1000);
  expect(lines.join()).toMatch(/warn: .*does not respond/);
  expect(readdirSync(cacheDir)).toEqual([]);
});

test('a host refuses a cache folder to which other users can write', async () => {
  mkdirSync(cacheDir);
  execFileSync('chmod', ['777', cacheDir]);
  await expect(read()).rejects.toThrow(/^NL_SETTING: .*CACHE_DIR/);
});

test('on a full disk the caller still gets its code, and once there is room the code is kept', async () => {
  mkdirSync(cacheDir, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'tmpfs', cacheDir]);
  try {
    const log = await serveCache();
    expect((await read()).code.length).toBeGreaterThan(4096);
    await eventually(() => expect(log.join()).toMatch(/warn: compiled code cannot be stored .*ENOSPC/));
    expect(readdirSync(cacheDir)).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=4m', cacheDir]);
    await read();
    await stored(1);
  } finally {
    execFileSync('umount', [cacheDir]);
  }
});

test('a full compile cache drops the code that was not used for the longest time', async () => {
  const settings = options();
  const modules = [1, 2, 3].map((n) => good({ tick: `(drop (i32.const ${n}))` }));
  const make = async (cache: CompileCache, n: number) => {
    await cache.native(checkModule(must(modules[n], 'module'), settings.limits).bytes, settings);
  };
  await make(new CompileCache(cacheDir), 0);
  await stored(1);
  const bytes = statSync(join(cacheDir, must(entries()[0], 'entry'))).size;
  const cache = new CompileCache(cacheDir, undefined, Math.floor(bytes * 2.5));
  await make(cache, 1);
  await stored(2);
  for (const name of entries()) utimesSync(join(cacheDir, name), 1, 1);
  await make(cache, 0);
  const used = await eventually(() => {
    const found = entries().find((name) => statSync(join(cacheDir, name)).mtimeMs > 1000);
    expect(found).toBeDefined();
    return must(found, 'entry');
  });
  const [old] = entries().filter((name) => name !== used);
  await make(cache, 2);
  await eventually(() => expect(entries()).not.toContain(old));
  expect(entries().length).toBe(2);
  expect(entries()).toContain(used);
});

test('code that is larger than the whole cache is returned and not kept', async () => {
  const log = await serveCache(1000);
  expect((await read()).code.length).toBeGreaterThan(1000);
  await eventually(() => expect(log.join()).toMatch(/cannot be stored .*CACHE_BYTES_MAX, 1000/));
  expect(entries()).toEqual([]);
});
