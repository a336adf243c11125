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

const moduleBytesMax = 1000;
const serve = async (native: (module: Uint8Array) => Promise<Uint8Array>) => {
  service = await serveCompiler({ socket, moduleBytesMax, native });
};

const echo = async (module: Uint8Array) => module;

/** What a keeper serves: a cache of its own folder. Resolves with what it logs. */
async function serveCache(bytesMax?: number): Promise<string[]> {
  const settings = options();
  const cache = new CompileCache(cacheDir, undefined, bytesMax);
  await serve(async (module) => cache.native(checkModule(module, settings.limits).bytes, settings));
  return settings.lines;
}

/** Code of a module by way of a cache that only reads, with what that logs. */
async function read(module = good()): Promise<{ code: Uint8Array; lines: string[] }> {
  const settings = options();
  const cache = new CompileCache(cacheDir, (bytes) => compileRemotely(socket, bytes));
  const code = await cache.native(checkModule(module, settings.limits).bytes, settings);
  return { code, lines: settings.lines };
}

const entries = () => readdirSync(cacheDir).filter((name) => name.endsWith('.native'));
const stored = (count: number) => eventually(() => expect(entries().length).toBe(count));

test("the answer is native code; the socket is its user's alone", async () => {
  await serve(async (module) => Buffer.from(module).reverse());
  expect(await compileRemotely(socket, Buffer.of(1, 2, 3))).toEqual(Buffer.of(3, 2, 1));
  expect(statSync(socket).mode & 0o777).toBe(0o600);
});

test('a module may have as many bytes as the limit says, and no more', async () => {
  await serve(echo);
  expect((await compileRemotely(socket, Buffer.alloc(moduleBytesMax)))?.length).toBe(moduleBytesMax);
  await expect(compileRemotely(socket, Buffer.alloc(moduleBytesMax + 1))).rejects.toThrow(
    /^NL_MODULE_LIMIT: .*MODULE_BYTES_MAX/,
  );
});

/** Sends a request as a peer does that says nothing of its length. */
async function post(path: string, chunks: Buffer[], method = 'POST'): Promise<[number | undefined, string]> {
  const outgoing = request({ socketPath: socket, path, method });
  for (const chunk of chunks) outgoing.write(chunk);
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  return [response.statusCode, Buffer.concat(await response.toArray()).toString()];
}

test('a peer that does not tell its length is bounded too, and other requests are refused', async () => {
  await serve(echo);
  const half = Buffer.alloc(moduleBytesMax / 2);
  expect((await post('/compile', [half, half]))[0]).toBe(200);
  expect((await post('/compile', [half, half, Buffer.of(1)]))[0]).toBe(422);
  expect((await post('/', [half]))[0]).toBe(404);
  expect((await post('/compile', [], 'GET'))[0]).toBe(404);
});

test('what is wrong with a module reaches who asked, with its code', async () => {
  await serve(() => Promise.reject(new NearlightError('NL_MODULE_IMPORT', 'it imports "x"')));
  await expect(compileRemotely(socket, Buffer.of(1))).rejects.toThrow(/^NL_MODULE_IMPORT: .*: it imports "x"$/);
});

test("a fault of the service itself is not the module's, and a missing service is none", async () => {
  expect(await compileRemotely(socket, Buffer.of(1))).toBeUndefined();
  await serve(() => Promise.reject(new Error('EIO')));
  expect(await compileRemotely(socket, Buffer.of(1))).toBeUndefined();
});

test('modules are compiled one after another, and each once for all who ask', async () => {
  let now = 0;
  let most = 0;
  const made: number[] = [];
  const all = Promise.withResolvers<void>();
  await serve(async (module) => {
    most = Math.max(most, ++now);
    await all.promise;
    now--;
    made.push(module[0]!);
    return module;
  });
  const asked = [1, 2, 1, 3, 2, 1];
  const answers = Promise.all(asked.map((byte) => compileRemotely(socket, Buffer.of(byte))));
  await eventually(() => expect(service!.waiting).toBe(asked.length));
  // The last request's body is read in the turns after its head.
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  all.resolve();
  const codes = await answers;
  expect(codes).toEqual(asked.map((byte) => Buffer.of(byte)));
  expect([most, made.sort()]).toEqual([1, [1, 2, 3]]);
});

test('more than sixty-four askers at once are refused, and those before them served', async () => {
  const gate = Promise.withResolvers<void>();
  await serve(async (module) => gate.promise.then(() => module));
  const codes = Array.from({ length: 65 }, (_, n) => compileRemotely(socket, Buffer.of(n)));
  expect(await Promise.race(codes)).toBeUndefined();
  gate.resolve();
  expect((await Promise.all(codes)).filter(Boolean).length).toBe(64);
});

test('a reader takes what the keeper has made, and asks for nothing that is there', async () => {
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

test('a module with a start function is checked twice on its way, and passes', async () => {
  await serveCache();
  expect((await read(good({ fields: '(func $s) (start $s)' }))).lines).toEqual([]);
});

test('a damaged entry is made anew by the keeper, and never run', async () => {
  const log = await serveCache();
  const { code } = await read();
  await stored(1);
  const path = join(cacheDir, entries()[0]!);
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 1));
  const again = await read();
  expect(again.lines.join()).toMatch(/^warn: .*damaged/);
  expect(log.join()).toMatch(/damaged/);
  expect(Buffer.from(again.code).equals(code)).toBe(true);
  await eventually(() => expect(readFileSync(path).equals(whole)).toBe(true));
});

test('without a keeper a reader compiles for itself, and writes nothing', async () => {
  mkdirSync(cacheDir, { mode: 0o700 });
  const { code, lines } = await read();
  expect(code.length).toBeGreaterThan(1000);
  expect(lines.join()).toMatch(/warn: .*does not answer/);
  expect(readdirSync(cacheDir)).toEqual([]);
});

test('a reader refuses a folder that others can write to', async () => {
  mkdirSync(cacheDir);
  execFileSync('chmod', ['777', cacheDir]);
  await expect(read()).rejects.toThrow(/^NL_SETTING: .*CACHE_DIR/);
});

test('on a full disk the code is given all the same, and kept when there is room', async () => {
  mkdirSync(cacheDir, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'tmpfs', cacheDir]);
  try {
    const log = await serveCache();
    expect((await read()).code.length).toBeGreaterThan(4096);
    await eventually(() => expect(log.join()).toMatch(/warn: compiled code cannot be kept .*ENOSPC/));
    expect(readdirSync(cacheDir)).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=4m', cacheDir]);
    await read();
    await stored(1);
  } finally {
    execFileSync('umount', [cacheDir]);
  }
});

test('what was used longest ago goes when the cache is full', async () => {
  const settings = options();
  const modules = [1, 2, 3].map((n) => good({ tick: `(drop (i32.const ${n}))` }));
  const make = async (cache: CompileCache, n: number) => {
    await cache.native(checkModule(modules[n]!, settings.limits).bytes, settings);
  };
  await make(new CompileCache(cacheDir), 0);
  await stored(1);
  const bytes = statSync(join(cacheDir, entries()[0]!)).size;
  const cache = new CompileCache(cacheDir, undefined, Math.floor(bytes * 2.5));
  await make(cache, 1);
  await stored(2);
  for (const name of entries()) utimesSync(join(cacheDir, name), 1, 1);
  await make(cache, 0);
  const used = await eventually(() => {
    const found = entries().find((name) => statSync(join(cacheDir, name)).mtimeMs > 1000);
    expect(found).toBeDefined();
    return found!;
  });
  const [old] = entries().filter((name) => name !== used);
  await make(cache, 2);
  await eventually(() => expect(entries()).not.toContain(old));
  expect(entries().length).toBe(2);
  expect(entries()).toContain(used);
});

test('code that is larger than the whole cache is given and not kept', async () => {
  const log = await serveCache(1000);
  expect((await read()).code.length).toBeGreaterThan(1000);
  await eventually(() => expect(log.join()).toMatch(/cannot be kept .*CACHE_BYTES_MAX is 1000/));
  expect(entries()).toEqual([]);
});
