import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { KeyFile, Sealer } from '../../host/base/mac.ts';
import type { EngineLimits } from '../../host/engine/engine.ts';
import { createWasmEdgeEngine, probeWasmEdge } from '../../host/engine/wasmedge/engine.ts';
import { eventually } from '../wait.ts';
import { good, options } from './modules.ts';

let cacheDir: string;
beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
});
afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

const entries = () => readdirSync(cacheDir).filter((name) => name.endsWith('.native'));
const path = () => join(cacheDir, must(entries()[0], 'entry'));

/** Loads a module with a new engine and closes it once it is in the cache. Resolves with the lines that were logged. */
async function load(module = good(), limits: Partial<EngineLimits> = {}): Promise<string[]> {
  const settings = options(limits);
  const instance = await createWasmEdgeEngine({ cacheDir }).load(module, settings);
  await instance.tick(0);
  await instance.close();
  await eventually(() => expect(entries().length).toBeGreaterThan(0));
  return settings.lines;
}

test('a module is compiled once, into a cache entry that only its owner can read', async () => {
  expect((await load()).join()).toContain('compiling');
  expect(await load()).toEqual([]);
  expect(entries().length).toBe(1);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test('another module gets another cache entry, and one that differs only in a custom section gets none', async () => {
  await load();
  await load(Buffer.concat([good(), Uint8Array.of(0, 2, 1, 65)]));
  expect(entries().length).toBe(1);
  await load(good({ tick: '(drop (i32.const 9))' }));
  await eventually(() => expect(entries().length).toBe(2));
});

test.each([
  ['truncated', (entry: Buffer) => entry.subarray(0, entry.length >> 1)],
  ['empty', () => Buffer.alloc(0)],
  ['bit-flipped in its code', (entry: Buffer) => flip(entry, entry.length >> 1)],
  ['bit-flipped in its last byte', (entry: Buffer) => flip(entry, entry.length - 1)],
  ['bit-flipped in its seal', (entry: Buffer) => flip(entry, 12)],
  ['bit-flipped in its magic', (entry: Buffer) => flip(entry, 0)],
])('a module whose cache entry is %s is compiled again', async (_, damage) => {
  await load();
  const whole = readFileSync(path());
  writeFileSync(path(), damage(whole));
  const lines = await load();
  expect(lines.join()).toMatch(/warn: .*damaged.*info: compiling/);
  await eventually(() => expect(readFileSync(path()).equals(whole)).toBe(true));
  expect(await load()).toEqual([]);
});

/** Native code whose constructor ends the process that loads it, and first writes the file `marker`. */
function hostileCode(marker: string): Buffer {
  const [source, library] = [join(cacheDir, 'hostile.c'), join(cacheDir, 'hostile.so')];
  writeFileSync(
    source,
    `#include <fcntl.h>
     #include <unistd.h>
     __attribute__((constructor)) static void run(void) { open("${marker}", O_CREAT | O_WRONLY, 0600); _exit(77); }`,
  );
  execFileSync('cc', ['-shared', '-fPIC', '-o', library, source]);
  const code = readFileSync(library);
  rmSync(source);
  rmSync(library);
  return code;
}

const nameOf = (entry: string) => `native code ${entry.replace(/\.native$/, '')}`;

test.each<[string, (code: Buffer, context: string) => Buffer]>([
  [
    'with an unkeyed hash',
    (code) => Buffer.concat([Buffer.from('NLNATIVE'), createHash('sha256').update(code).digest(), code]),
  ],
  ['without a seal', (code) => code],
  ['sealed with another key', (code, context) => new Sealer(Buffer.alloc(32, 7)).seal(code, context)],
  ['sealed with this key for another purpose', (code) => ownSealer().seal(code, 'verdict')],
])('a forged entry %s is never loaded: its constructor does not run', async (_, forge) => {
  await load();
  const marker = join(cacheDir, 'marker');
  writeFileSync(path(), forge(hostileCode(marker), nameOf(must(entries()[0], 'entry'))));
  expect((await load()).join()).toMatch(/warn: .*damaged.*info: compiling/);
  expect(existsSync(marker)).toBe(false);
});

test.each<[string, (entry: string) => void]>([
  ['a FIFO', (entry) => execFileSync('mkfifo', [entry])],
  ['a folder', (entry) => mkdirSync(entry)],
  ['a link to another file', (entry) => symlinkSync(join(cacheDir, 'whole'), entry)],
])('%s in the place of an entry is not read, and the module is compiled again', async (_, make) => {
  await load();
  const [entry, whole] = [path(), readFileSync(path())];
  writeFileSync(join(cacheDir, 'whole'), whole);
  rmSync(entry);
  make(entry);
  expect((await load()).join()).toMatch(/warn: .*damaged.*info: compiling/);
  await eventually(() => expect(readFileSync(entry).equals(whole)).toBe(true));
});

test('the same code would have run with the right seal', async () => {
  await load();
  const code = hostileCode(join(cacheDir, 'marker'));
  writeFileSync(path(), ownSealer().seal(code, nameOf(must(entries()[0], 'entry'))));
  await expect(load()).rejects.toThrow(/^NL_GUEST_CRASH: /);
});

test("another module's entry in the place of this one's is not loaded", async () => {
  await load();
  const other = path();
  await load(good({ tick: '(drop (i32.const 9))' }));
  await eventually(() => expect(entries().length).toBe(2));
  const own = join(
    cacheDir,
    must(
      entries().find((name) => join(cacheDir, name) !== other),
      'second entry',
    ),
  );
  copyFileSync(other, own);
  expect((await load(good({ tick: '(drop (i32.const 9))' }))).join()).toMatch(/warn: .*damaged/);
});

test('after the key was replaced, entries from before are not loaded but compiled again, and then load', async () => {
  await load();
  const before = readFileSync(path());
  rmSync(join(cacheDir, 'key'));
  expect((await load()).join()).toMatch(/warn: .*damaged.*info: compiling/);
  await eventually(() => expect(readFileSync(path()).equals(before)).toBe(false));
  expect(await load()).toEqual([]);
  writeFileSync(path(), before);
  expect((await load()).join()).toMatch(/warn: .*damaged/);
});

test('only its owner can read the key of the cache; one that others could read is replaced', async () => {
  await load();
  const key = join(cacheDir, 'key');
  expect(statSync(key).mode & 0o777).toBe(0o600);
  const before = readFileSync(key);
  chmodSync(key, 0o644);
  expect((await load()).join()).toMatch(/warn: .*can be read by other users.*warn: .*damaged/);
  expect([statSync(key).mode & 0o777, readFileSync(key).equals(before)]).toEqual([0o600, false]);
});

function ownSealer(): Sealer {
  return new KeyFile(join(cacheDir, 'key')).current(() => {});
}

test('concurrent loads of one module share one compilation', async () => {
  const engine = createWasmEdgeEngine({ cacheDir });
  const settings = options();
  const instances = await Promise.all([1, 2, 3].map(() => engine.load(good(), settings)));
  expect(settings.lines.filter((line) => line.includes('compiling')).length).toBe(1);
  await Promise.all(instances.map((instance) => instance.close()));
});

test('a cache folder that other users can write to is refused', async () => {
  chmodSync(cacheDir, 0o777);
  await expect(load()).rejects.toThrow(/^NL_SETTING: .*CACHE_DIR/);
});

test('old temporary files of hosts that died are deleted', async () => {
  const name = (n: number) => join(cacheDir, `00.native.00000000-0000-0000-0000-00000000000${n}`);
  writeFileSync(name(1), 'old');
  writeFileSync(name(2), 'new');
  utimesSync(name(1), 0, 0);
  await load();
  expect(readdirSync(cacheDir)).not.toContain('00.native.00000000-0000-0000-0000-000000000001');
  expect(readdirSync(cacheDir)).toContain('00.native.00000000-0000-0000-0000-000000000002');
});

test('a compilation that takes too long is stopped', async () => {
  // On any machine, starting the compiler alone takes longer than 4 ms.
  await expect(load(good(), { compileMsMax: 4 })).rejects.toThrow(
    /^NL_COMPILE: .*Oz: it took.*O0: it took.*COMPILE_MS_MAX/,
  );
  expect(entries()).toEqual([]);
});

test('a compiler without enough memory fails with NL_COMPILE', async () => {
  const failed = load(good(), { compileBytesMax: 2 ** 22 });
  await expect(failed).rejects.toThrow(/^NL_COMPILE: /);
});

test('probeWasmEdge returns the version of WasmEdge', async () => {
  expect(await probeWasmEdge()).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

function flip(entry: Buffer, at: number): Buffer {
  const flipped = Buffer.from(entry);
  flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
  return flipped;
}
