import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { IO_REPLIES, IO_REPLY_HEAD, REPLY_DEVICE_LOST, REPLY_MAPPED } from '../../renderer/contract/abi.ts';
import { BLOCK, good, options, store, submit } from './modules.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const engines = [
  createWasmEdgeEngine({ cacheDir }),
  createWasmEdgeEngine({ cacheDir, interpreter: true }),
  createJavaScriptEngine(),
];

/** Parts that add the exports save and load, with these bodies as WAT, to a valid module. */
const saving = (save: string, load = '') => ({
  fields: `(func (export "save") ${save}) (func (export "load") (param i32) ${load})`,
});

const write = (address: number, length: number) =>
  `(call $state_write (i32.const ${address}) (i32.const ${length | 0}))`;

/** WAT that submits one command, whose operands are the words at address 4096. */
const report = (words: number) =>
  `(i32.store (i32.const 4092) (i32.const ${((words + 1) << 16) | 1})) ${submit(4092, 4 + 4 * words)}`;

describe.each(engines)('$name', (engine) => {
  const run = (parts: Parameters<typeof good>[0], limits = options().limits) =>
    engine.load(good(parts), { ...options(), limits });

  test('save joins all its writes into one state, which load can read in another instance', async () => {
    const load = `(i32.store (i32.const 4096) (local.get 0))
      (i32.store (i32.const 4100) (call $state_read (i32.const 1) (i32.const 4104) (i32.const 4)))
      (i32.store (i32.const 4108) (call $state_read (i32.const 5) (i32.const 4112) (i32.const 99)))
      (i32.store (i32.const 4116) (call $state_read (i32.const -1) (i32.const 4120) (i32.const 4)))
      ${report(6)}`;
    const parts = saving(
      `${store(512, [0x04030201, 0x08070605])} ${write(516, 3)} ${write(0, 0)} ${write(512, 4)}`,
      load,
    );
    const first = await run(parts);
    await first.tick(0);
    const state = must(await first.save(), 'state');
    expect([...state]).toEqual([5, 6, 7, 1, 2, 3, 4]);
    await first.tick(1);
    expect([...state]).toEqual([5, 6, 7, 1, 2, 3, 4]);
    await first.close();
    const second = await run(parts);
    expect([...(await second.restore(state)).commands.slice(1)]).toEqual([7, 4, 0x02010706, 2, 0x0403, 0]);
    expect((await second.tick(2)).commands.length).toBe(0);
    expect((await second.save())?.length).toBe(7);
    await second.close();
  });

  test("a module's load can still read the state after it has submitted bulk data", async () => {
    const read = '(drop (call $state_read (i32.const 0) (i32.const 4096) (i32.const 4)))';
    const bulk = `${store(5000, [(3 << 16) | 0x8001, 8192, 64])} ${submit(5000, 12)}`;
    const instance = await run(saving('', `${bulk} ${read} ${report(1)}`));
    const { commands, data } = await instance.restore(Uint8Array.of(9, 8, 7, 6));
    expect(commands[4]).toBe(0x06070809);
    expect([...data]).toEqual(new Array(64).fill(0));
    await instance.close();
  });

  test('during load, a module sees the reply that the GPU was lost, and no other reply or data', async () => {
    const load = (address: number) => `(i32.load (i32.const ${address}))`;
    const words = [BLOCK + IO_REPLY_HEAD, BLOCK + IO_REPLIES, BLOCK + IO_REPLIES + 32, 12_288];
    const see = `${words.map((from, n) => `(i32.store (i32.const ${4096 + 4 * n}) ${load(from)})`).join('\n')} ${report(4)}`;
    const instance = await run({ ...saving('', see), join: see });
    instance.reply([REPLY_DEVICE_LOST]);
    instance.reply([REPLY_MAPPED, 1, 1]);
    instance.write(12_288, Uint8Array.of(4, 3, 2, 1));
    expect([...(await instance.restore(Uint8Array.of(9, 9, 9, 9))).commands.slice(1)]).toEqual([
      1,
      REPLY_DEVICE_LOST,
      0,
      0,
    ]);
    expect([...(await instance.join(0)).commands.slice(1)]).toEqual([2, REPLY_DEVICE_LOST, REPLY_MAPPED, 0x01020304]);
    await instance.close();
  });

  test('a module without the exports save and load saves no state and cannot be given one', async () => {
    const instance = await run({});
    expect(await instance.save()).toBeUndefined();
    await expect(instance.restore(new Uint8Array(4))).rejects.toThrow('NL_MODULE_EXPORT');
    await instance.tick(0);
    await instance.close();
    await expect(instance.save()).rejects.toThrow('NL_ROOM_ENDED');
  });

  test('a module is refused if it exports only save, or load with another type', async () => {
    await expect(run({ fields: '(func (export "save"))' })).rejects.toThrow(/^NL_MODULE_EXPORT: .*only one/);
    await expect(run({ fields: '(func (export "save")) (func (export "load"))' })).rejects.toThrow(
      /^NL_MODULE_EXPORT: .*"load" is not a function/,
    );
  });

  test.each([
    [4096, true],
    [4097, false],
  ])('a state of %i bytes with a limit of 4096: accepted is %s', async (bytes, fits) => {
    for (const limit of [{ stateBytesMax: 4096 }, { dataBytesMax: 4096 }]) {
      const { limits } = options(limit);
      const instance = await run(saving(`${write(0, 4000)} ${write(0, bytes - 4000)}`), limits);
      if (fits) expect((await instance.save())?.length).toBe(bytes);
      else await expect(instance.save()).rejects.toThrow(/^NL_GUEST_PROTOCOL: .*STATE_BYTES_MAX/);
      await instance.close();
      const other = await run(saving(''), limits);
      const restored = other.restore(new Uint8Array(bytes));
      if (fits) await restored;
      else await expect(restored).rejects.toThrow(/^NL_GUEST_PROTOCOL: .*STATE_BYTES_MAX/);
      await other.tick(0);
      await other.close();
    }
  });

  const outside = '(drop (call $state_read (i32.const 0) (i32.const 65532) (i32.const 8)))';
  test.each([
    ['state_write from outside linear memory', saving(write(65532, 8)), 'save'],
    ['state_write of a negative length', saving(write(0, -4)), 'save'],
    ['submit during save', saving(submit(4096, 0)), 'save'],
    ['load that refuses the state', saving('', '(unreachable)'), 'load'],
    ['state_read to outside linear memory', saving('', outside), 'load'],
    ['state_write outside save', { tick: write(0, 4) }, 'tick'],
  ])('%s traps', async (_, parts, call) => {
    const instance = await run(parts);
    const calls = {
      save: () => instance.save(),
      load: () => instance.restore(new Uint8Array(8)),
      tick: () => instance.tick(0),
    };
    await expect(calls[call as keyof typeof calls]()).rejects.toThrow(new RegExp(`^NL_GUEST_TRAP: .* in ${call}`));
    expect((await instance.ended)?.code).toBe('NL_GUEST_TRAP');
    await instance.close();
  });

  test("the import state_read returns nothing outside the module's load", async () => {
    const read = '(i32.store (i32.const 4096) (call $state_read (i32.const 0) (i32.const 8192) (i32.const 8)))';
    const instance = await run({ ...saving(''), tick: `${read} ${report(1)}` });
    await instance.restore(new Uint8Array(8));
    expect((await instance.tick(0)).commands[1]).toBe(0);
    await instance.close();
  });
});
