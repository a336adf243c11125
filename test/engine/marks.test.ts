import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { good, options, store, submit } from './modules.ts';

/** A module that marks two commands in tick, in functions of their own, and submits them. */
const module = good({
  fields: `(import "nearlight" "mark" (func $mark))
    (func $first (call $mark) ${store(64, [1 << 16])})
    (func $second (call $mark) ${store(68, [1 << 16])})`,
  tick: `(call $first) (call $second) ${submit(64, 8)}`,
});

test('the JavaScript engine knows which functions ran when a debug build wrote a command', async () => {
  const instance = await createJavaScriptEngine().load(module, options());
  expect(instance.initial).toMatchObject({ call: 'init' });
  expect(instance.initial.origin).toBeUndefined();
  const { call, origin } = await instance.tick(0);
  expect(call).toBe('tick');
  const [first, second] = [origin!(0), origin!(1)];
  expect(second[0]!.function).toBe(first[0]!.function! + 1);
  expect(second[1]!.function).toBe(first[1]!.function);
  expect(origin!(2)).toEqual([]);
  await instance.tick(1);
  expect(origin!(0)).toEqual(first);
  expect((await instance.render(0, 1, 1)).origin).toBeUndefined();
  await instance.close();
});

test('WasmEdge runs a debug build as any other, and knows the call', async () => {
  const instance = await createWasmEdgeEngine({ cacheDir: `${tmpdir()}/nearlight-marks` }).load(module, options());
  const submission = await instance.tick(0);
  expect(submission.call).toBe('tick');
  expect(submission.commands).toEqual(Uint32Array.of(1 << 16, 1 << 16));
  expect(submission.origin).toBeUndefined();
  await instance.close();
});
