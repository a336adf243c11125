import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
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
  ['bit-flipped in its hash', (entry: Buffer) => flip(entry, 12)],
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
