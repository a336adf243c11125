import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Addon, loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { CompileCache } from '../../host/engine/wasmedge/cache.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import type { SealedCode } from '../../host/engine/wasmedge/sealed.ts';
import { eventually } from '../wait.ts';
import { good, options } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const cache = new CompileCache(folder);
let addon: Addon;
beforeAll(async () => {
  addon = await loadAddon();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The code that the engine has asked for, in order. */
const asked: SealedCode[] = [];
beforeEach(() => void asked.splice(0));

/** Whether a descriptor of code is open; another file may have its number by now. */
function isOpen({ fd }: SealedCode): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).includes('nearlight-code');
  } catch {
    return false;
  }
}

const engine = createWasmEdgeEngine({
  async compile(module) {
    const code = await cache.native(module, options());
    asked.push({ fd: addon.sealed(code), bytes: code.length });
    return asked.at(-1);
  },
});

test('load() uses the code of an expected module, which the engine asks for once, and releases it', async () => {
  const module = good();
  engine.expect(module, options());
  await eventually(() => expect(asked.length).toBe(1));
  const instance = await engine.load(module, options());
  expect(asked.length).toBe(1);
  await eventually(() => expect(asked.filter(isOpen)).toEqual([]));
  expect((await instance.tick(0)).commands.length).toBe(0);
  await instance.close();
});

test('an expected module that is not loaded changes nothing, and its code is released', async () => {
  const [wanted, other] = [good(), good({ tick: '(drop (i32.const 1))' })];
  engine.expect(other, options());
  engine.expect(wanted, options());
  engine.expect(other, options());
  const instance = await engine.load(wanted, options());
  await instance.close();
  await eventually(() => expect(asked.length).toBe(4));
  await eventually(() => expect(asked.filter(isOpen)).toEqual([]));
  engine.expect(other, options());
  await engine.close();
  await eventually(() => expect(asked.length).toBe(5));
  await eventually(() => expect(asked.filter(isOpen)).toEqual([]));
});

test('the fault of an expected module is the error of load()', async () => {
  const bad = Buffer.from('not a module');
  engine.expect(bad, options());
  await expect(engine.load(bad, options())).rejects.toThrow(/^NL_MODULE/);
  expect(asked).toEqual([]);
});

test('code that arrives for a load() that has failed is released', async () => {
  const broken = { ...options(), assets: Buffer.from('not a pack') };
  await expect(engine.load(good(), broken)).rejects.toThrow();
  await eventually(() => expect(asked.length).toBe(1));
  await eventually(() => expect(asked.filter(isOpen)).toEqual([]));
});
