import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { good, options, store, submit } from './modules.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

/** A module that, like a debug build, calls the import `mark` before each of two commands, in two functions. */
const module = good({
  fields: `(import "nearlight" "mark" (func $mark))
    (func $first (call $mark) ${store(64, [1 << 16])})
    (func $second (call $mark) ${store(68, [1 << 16])})`,
  tick: `(call $first) (call $second) ${submit(64, 8)}`,
});

test('the JavaScript engine records the call stack of each command that a debug build writes', async () => {
  const instance = await createJavaScriptEngine().load(module, options());
  expect(instance.initial).toMatchObject({ call: 'init' });
  expect(instance.initial.origin).toBeUndefined();
  const { call, origin } = await instance.tick(0);
  expect(call).toBe('tick');
  const originOf = must(origin, 'origin');
  const functions = (command: number) => originOf(command).map((frame) => frame.function);
  const [marking = 0, calling] = functions(0);
  expect(functions(1).slice(0, 2)).toEqual([marking + 1, calling]);
  expect(functions(2)).toEqual([]);
  const first = originOf(0);
  await instance.tick(1);
  expect(originOf(0)).toEqual(first);
  expect((await instance.render(0, 1, 1)).origin).toBeUndefined();
  await instance.close();
});

test('WasmEdge runs a debug build like any other module, and names the export that made a submission', async () => {
  const instance = await createWasmEdgeEngine({ cacheDir }).load(module, options());
  const submission = await instance.tick(0);
  expect(submission.call).toBe('tick');
  expect(submission.commands).toEqual(Uint32Array.of(1 << 16, 1 << 16));
  expect(submission.origin).toBeUndefined();
  await instance.close();
});
