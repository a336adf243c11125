import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { exitStatus } from '../../host/base/errors.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import {
  ABI_VERSION,
  INPUT_STRIDE,
  IO_INPUTS,
  IO_REPLIES,
  IO_REPLY_HEAD,
  PADS_STRIDE,
} from '../../renderer/contract/abi.ts';
import { BLOCK, good, options, store, submit, writeBlock } from './modules.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const engines = [
  createWasmEdgeEngine({ cacheDir }),
  createWasmEdgeEngine({ cacheDir, interpreter: true }),
  createJavaScriptEngine(),
];

const PLAIN = 0x0001;
const REFERRING = 0x8001;
const command = (opcode: number, ...rest: number[]) => [((rest.length + 1) << 16) | opcode, ...rest];

/** WebAssembly text that submits a two-word command, whose second word is the value of the expression `value`. */
const report = (value: string) =>
  `(i32.store (i32.const 4096) (i32.const ${(2 << 16) | PLAIN})) (i32.store (i32.const 4100) ${value}) ${submit(4096, 8)}`;

describe.each(engines)('$name', (engine) => {
  async function run(parts: Parameters<typeof good>[0], more: Partial<ReturnType<typeof options>> = {}) {
    return engine.load(good(parts), { ...options(), ...more });
  }

  test('init receives the seed, tick rate and seats, and its commands are returned', async () => {
    const words = [0, 1, 2, 3].map((n) => `(i32.store (i32.const ${4100 + 4 * n}) (local.get ${n}))`).join('');
    const instance = await run({
      init: `${store(4096, [(5 << 16) | PLAIN])} ${words} ${submit(4096, 20)} ${writeBlock()}`,
    });
    expect([...instance.initial.commands]).toEqual([(5 << 16) | PLAIN, 7, 256, 120, 2]);
    await instance.close();
    expect(await instance.ended).toBeUndefined();
  });

  test('join, leave, tick and render pass their arguments to the module', async () => {
    const sum = '(i32.add (local.get 0) (i32.add (local.get 1) (local.get 2)))';
    const seat = report('(local.get 0)');
    const instance = await run({ join: seat, leave: seat, tick: seat, render: report(sum) });
    expect((await instance.join(1)).commands[1]).toBe(1);
    expect((await instance.leave(3)).commands[1]).toBe(3);
    expect((await instance.tick(4_000_000_000)).commands[1]).toBe(4_000_000_000);
    expect((await instance.render(1, 640, 360)).commands[1]).toBe(1001);
    await instance.close();
  });

  test('a module finds inputs and replies in its IO block when a call begins', async () => {
    const load = (offset: number) => `(i32.load (i32.const ${BLOCK + offset}))`;
    const instance = await run({
      tick: report(load(IO_INPUTS + INPUT_STRIDE + 12)),
      render: `${report(load(IO_REPLY_HEAD))} ${report(load(IO_REPLIES + 32 + 4))}`,
    });
    instance.inputs.setUint32(INPUT_STRIDE + 12, 77, true);
    expect((await instance.tick(0)).commands[1]).toBe(77);
    instance.reply([1, 11]);
    instance.reply([1, 22]);
    expect([...(await instance.render(0, 1, 1)).commands]).toEqual([(2 << 16) | PLAIN, 2, (2 << 16) | PLAIN, 22]);
    await instance.close();
  });

  test('a module finds the gamepads of each seat after the input records, if its IO block has a place for them', async () => {
    const load = (offset: number) => `(i32.load (i32.const ${BLOCK + offset}))`;
    const end = IO_INPUTS + 2 * INPUT_STRIDE;
    const parts = { tick: `${report(load(end))} ${report(load(end + PADS_STRIDE + 44))}` };
    const read = async (padBytes: number) => {
      const instance = await run({ ...parts, init: writeBlock('(local.get 3)', padBytes) });
      instance.pads.setUint32(0, 7, true);
      instance.pads.setUint32(PADS_STRIDE + 44, 9, true);
      instance.inputs.setUint32(INPUT_STRIDE, 5, true);
      const { commands } = await instance.tick(0);
      await instance.close();
      return [commands[1], commands[3]];
    };
    expect(await read(PADS_STRIDE)).toEqual([7, 9]);
    expect(await read(0)).toEqual([0, 0]);
    await expect(read(PADS_STRIDE - 4)).rejects.toThrow('the IO block does not have the size that its seats need');
    await expect(read(PADS_STRIDE + 4)).rejects.toThrow('the IO block does not have the size that its seats need');
  });

  test('an IO block whose gamepads lie outside linear memory is refused', async () => {
    const place = (bytes: number) => {
      const at = 65_536 - IO_INPUTS - 2 * (INPUT_STRIDE + PADS_STRIDE) + bytes;
      return writeBlock('(local.get 3)', PADS_STRIDE, at);
    };
    await (await run({ init: place(0) })).close();
    await expect(run({ init: place(4) })).rejects.toThrow('the IO block lies outside linear memory');
  });

  test('replies of the GPU for which the ring has no space wait for the next tick', async () => {
    const instance = await run({ tick: report(`(i32.load (i32.const ${BLOCK + IO_REPLY_HEAD}))`) });
    for (let n = 0; n < 100; n++) instance.reply([1, n]);
    expect((await instance.tick(0)).commands[1]).toBe(64);
    expect((await instance.tick(1)).commands[1]).toBe(100);
    await instance.close();
  });

  test('the commands of several submits are joined, and the bulk data that they refer to is copied', async () => {
    const first = [...command(PLAIN, 9), ...command(REFERRING, 5, 8200, 5)];
    const second = command(REFERRING, 8192, 4);
    const instance = await run({
      tick: `${store(8192, [0x04030201, 0, 0x44332211, 0x55])} ${store(4096, first)} ${submit(4096, 4 * first.length)}
        ${store(4096, second)} ${submit(4096, 4 * second.length)}`,
    });
    const { commands, data } = await instance.tick(0);
    expect([...commands]).toEqual([...command(PLAIN, 9), ...command(REFERRING, 5, 0, 5), ...command(REFERRING, 8, 4)]);
    expect([...data]).toEqual([0x11, 0x22, 0x33, 0x44, 0x55, 0, 0, 0, 1, 2, 3, 4]);
    expect([...(await instance.join(0)).commands]).toEqual([]);
    await instance.close();
  });

  test.each([
    ['a zero length', [PLAIN, ...command(REFERRING, 0xfffffff0, 64)]],
    ['a truncated command', [(9 << 16) | PLAIN, 1, 2]],
    ['a command too short for its reference', [(2 << 16) | REFERRING, 64]],
  ])('a malformed command (%s) is passed on unchanged', async (_, words) => {
    const instance = await run({ tick: `${store(4096, words)} ${submit(4096, 4 * words.length)}` });
    expect([...(await instance.tick(0)).commands]).toEqual(words.map((word) => word >>> 0));
    await instance.close();
  });

  test.each([
    ['ends past', 65530, 8],
    ['lies far outside', 0xffffff00, 0xffffff00],
  ])('a reference that %s linear memory ends the instance', async (_, address, length) => {
    const words = [...command(PLAIN), ...command(REFERRING, address, length)];
    const instance = await run({ tick: `${store(4096, words)} ${submit(4096, 4 * words.length)}` });
    await expect(instance.tick(0)).rejects.toThrow(/^NL_COMMAND: .*command 1 refers .* outside linear memory$/);
    expect((await instance.ended)?.code).toBe('NL_COMMAND');
    await expect(instance.tick(1)).rejects.toThrow('NL_COMMAND');
    await instance.close();
  });

  test('bulk data may end exactly where linear memory ends', async () => {
    const words = command(REFERRING, 65528, 8);
    const instance = await run({ tick: `${store(4096, words)} ${submit(4096, 4 * words.length)}` });
    expect((await instance.tick(0)).data.length).toBe(8);
    await instance.close();
  });

  test.each([
    [4096, true],
    [4100, false],
  ])('%i bytes of commands with a limit of 4096: accepted is %s', async (bytes, fits) => {
    const limits = options({ commandBytesMax: 4096 }).limits;
    const instance = await run({ tick: `${store(8192, [PLAIN])} ${submit(8192, bytes)}` }, { limits });
    if (fits) expect((await instance.tick(0)).commands.length).toBe(1024);
    else await expect(instance.tick(0)).rejects.toThrow('COMMAND_BYTES_MAX');
    await instance.close();
  });

  test.each([
    [4096, true],
    [4097, false],
  ])('%i bytes of bulk data with a limit of 4096: accepted is %s', async (bytes, fits) => {
    const limits = options({ dataBytesMax: 4096 }).limits;
    const words = command(REFERRING, 8192, bytes);
    const instance = await run({ tick: `${store(4096, words)} ${submit(4096, 12)}` }, { limits });
    if (fits) expect((await instance.tick(0)).data.length).toBe(4096);
    else await expect(instance.tick(0)).rejects.toThrow('DATA_BYTES_MAX');
    await instance.close();
  });

  test.each([
    ['a submit outside linear memory', submit(65532, 8)],
    ['a submit of negative length', submit(0, -4)],
    ['a submit whose length is not a multiple of 4', submit(4096, 6)],
    ['a log line outside linear memory', '(call $log (i32.const 2) (i32.const -1) (i32.const 2))'],
  ])('%s traps', async (_, tick) => {
    const instance = await run({ tick });
    await expect(instance.tick(0)).rejects.toThrow('NL_GUEST_TRAP');
    await instance.close();
  });

  test.each(['init', 'tick', 'render', 'join', 'leave'] as const)(
    'a trap in %s is reported with the last line that was logged',
    async (name) => {
      const body = '(call $log (i32.const 0) (i32.const 64) (i32.const 8)) (unreachable)';
      const parts = { fields: '(data (i32.const 64) "gone\\n\\e2\\98\\83")', [name]: body };
      const settings = options();
      const failed = expect.objectContaining({
        code: 'NL_GUEST_TRAP',
        detail: expect.stringMatching(new RegExp(`unreachable in ${name}; it last logged: gone ☃`)),
      });
      if (name === 'init') {
        await expect(engine.load(good(parts), settings)).rejects.toEqual(failed);
      } else {
        const instance = await engine.load(good(parts), settings);
        const call = { tick: () => instance.tick(0), join: () => instance.join(0), leave: () => instance.leave(0) };
        const made = name === 'render' ? instance.render(0, 1, 1) : call[name]();
        await expect(made).rejects.toEqual(failed);
        await instance.close();
      }
      expect(settings.lines).toContain('error: gone ☃');
    },
  );

  test.each(['start', 'init', 'tick', 'render', 'join', 'leave'] as const)(
    'a game that calls exit in %s ends with its own status',
    async (name) => {
      const body = `(call $log (i32.const 2) (i32.const 64) (i32.const 3)) ${report('(i32.const 1)')}
      (call $exit (i32.const 7)) (call $log (i32.const 2) (i32.const 64) (i32.const 5))`;
      const start = name === 'start' ? `(start $begin) (func $begin ${body})` : '';
      const fields = `(data (i32.const 64) "bye, not") ${start}`;
      const init = name === 'init' ? `${body} (unreachable)` : undefined;
      const parts = { fields, ...(init ? { init } : { [name]: body }) };
      const settings = options();
      const where = name === 'start' ? /with status 7 in .*start/ : new RegExp(`with status 7 in ${name}$`);
      const ended = expect.objectContaining({ code: 'NL_GUEST_EXIT', status: 7, detail: expect.stringMatching(where) });
      if (name === 'init' || name === 'start') {
        await expect(engine.load(good(parts), settings)).rejects.toEqual(ended);
      } else {
        const instance = await engine.load(good(parts), settings);
        const call = { tick: () => instance.tick(0), join: () => instance.join(0), leave: () => instance.leave(0) };
        await expect(name === 'render' ? instance.render(0, 1, 1) : call[name]()).rejects.toEqual(ended);
        const error = await instance.ended;
        expect(error).toEqual(ended);
        expect(exitStatus(error)).toBe(7);
        await expect(instance.tick(1)).rejects.toBe(error);
        await instance.close();
      }
      expect(settings.lines.filter((line) => !line.startsWith('info: compil'))).toEqual(['info: bye']);
    },
  );

  test.each([
    [-1, undefined],
    [0, 0],
    [255, 255],
    [256, undefined],
  ])('exit(%i)', async (given, status) => {
    const instance = await run({ tick: `(call $exit (i32.const ${given}))` });
    const error = await instance.tick(0).catch((thrown: unknown) => thrown);
    if (status === undefined)
      expect(error).toHaveProperty('message', expect.stringMatching(/^NL_GUEST_TRAP: .*from 0 to 255 in tick/));
    else expect(error).toMatchObject({ code: 'NL_GUEST_EXIT', status });
    await instance.close();
  });

  test('a start function runs before init and can call imports', async () => {
    const fields = `(start $begin) (data (i32.const 64) "hello")
      (func $begin (call $log (i32.const 2) (i32.const 64) (i32.const 5)))`;
    const settings = options();
    const instance = await engine.load(good({ fields }), settings);
    expect(settings.lines).toContain('info: hello');
    await instance.close();
  });

  test('_initialize runs before version', async () => {
    const fields = `(global $v (mut i32) (i32.const 0)) (func (export "_initialize") (global.set $v (i32.const ${ABI_VERSION})))`;
    const version = '(func (export "version") (result i32) (global.get $v))';
    await (await run({ fields, version })).close();
  });

  test('log lines beyond the permitted rate are dropped and counted', async () => {
    const tick = `(local $i i32) (loop $again
      (call $log (i32.const 1) (i32.const 64) (i32.const 1))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 20000))))`;
    const settings = options();
    const instance = await engine.load(good({ fields: '(data (i32.const 64) "x")', tick }), settings);
    await instance.tick(0);
    await instance.close();
    expect(settings.lines.filter((line) => line === 'warn: x').length).toBe(100);
    expect(settings.lines).toContain('warn: 19900 log lines of the module were dropped');
  });

  test('a module can find an asset, query its size and read it', async () => {
    const name = '(data (i32.const 64) "arena.bin?")';
    const handle = '(call $asset_find (i32.const 64) (i32.const 9))';
    const read = `(call $asset_read ${handle} (i32.const 1) (i32.const 4200) (i32.const 100))`;
    const instance = await run(
      {
        fields: name,
        tick: `${report(`(call $asset_size ${handle})`)} ${report(read)} ${report('(i32.load8_u (i32.const 4200))')}`,
        join: report('(call $asset_find (i32.const 64) (i32.const 10))'),
        render: '(drop (call $asset_size (i32.const 7)))',
      },
      { assets: pack('arena.bin', [5, 6, 7]) },
    );
    expect([...(await instance.tick(0)).commands].filter((_, index) => index % 2)).toEqual([3, 2, 6]);
    expect((await instance.join(0)).commands[1]).toBe(0xffffffff);
    await expect(instance.render(0, 1, 1)).rejects.toThrow('asset_size: no asset has this handle');
    await instance.close();
  });

  test.each([
    ['the same bytes', 'a\u00e4', '61 c3 a4', 0],
    ['a byte order mark before the name', 'a', 'ef bb bf 61', 0xffffffff],
    ['no byte order mark', '\ufeffa', '61', 0xffffffff],
    ['the byte order mark', '\ufeffa', 'ef bb bf 61', 0],
    ['a byte that is not UTF-8, for which a decoder returns U+FFFD', '\ufffd', 'ff', 0xffffffff],
  ])('the name of an asset is compared byte by byte: %s', async (_, name, hex, handle) => {
    const bytes = hex.split(' ');
    const instance = await run(
      {
        fields: `(data (i32.const 64) "${bytes.map((byte) => `\\${byte}`).join('')}")`,
        tick: report(`(call $asset_find (i32.const 64) (i32.const ${bytes.length}))`),
      },
      { assets: pack(name, [1]) },
    );
    expect((await instance.tick(0)).commands[1]).toBe(handle);
    await instance.close();
  });

  test.each([
    [
      'another version of the contract, as a constant',
      { version: `(func (export "version") (result i32) (i32.const ${ABI_VERSION + 1}))` },
      new RegExp(`^NL_MODULE_VERSION: .*for version ${ABI_VERSION + 1} .* supports version ${ABI_VERSION}: update`),
    ],
    [
      'an older version of the contract, which a function computes',
      { fields: '(global $v i32 (i32.const 1))', version: '(func (export "version") (result i32) (global.get $v))' },
      new RegExp(`^NL_MODULE_VERSION: .*for version 1 .* supports version ${ABI_VERSION}: rebuild the module`),
    ],
    ['an init that fails', { init: '(i32.const 0)' }, /^NL_GUEST_PROTOCOL: .*returned 0/],
    ['an IO block outside linear memory', { init: '(i32.const 65532)' }, /^NL_GUEST_PROTOCOL: .*outside linear memory/],
    ['an IO block at a misaligned address', { init: '(i32.const 1026)' }, /^NL_GUEST_PROTOCOL: .*multiple of 4/],
    ['an IO block without its magic number', { init: '(i32.const 2048)' }, /^NL_GUEST_PROTOCOL: .*IO_MAGIC/],
    ['an IO block for another number of seats', { init: writeBlock('(i32.const 3)') }, /^NL_GUEST_PROTOCOL: .*size/],
  ])('a module with %s is refused', async (_, parts, message) => {
    // A failing assertion prints its value. An instance is too large to print, so it becomes undefined.
    const error = await run(parts).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(error?.message).toMatch(message);
  });

  test('a module with a function body that does not validate is refused', async () => {
    const bytes = good({ tick: '(drop (i32.const 123456))' });
    const at = bytes.findIndex(
      (_, index) => bytes[index] === 0x41 && bytes[index + 1] === 0xc0 && bytes[index + 2] === 0xc4,
    );
    bytes[at] = 0x43;
    await expect(engine.load(bytes, options())).rejects.toThrow('NL_MODULE_INVALID');
  });

  test("a module's memory grows up to its limit and no further", async () => {
    const limits = options({ memoryBytesMax: 4 * 65536 }).limits;
    const instance = await run(
      { tick: report('(memory.grow (i32.const 3))'), render: report('(memory.grow (i32.const 1))') },
      { limits },
    );
    expect((await instance.tick(0)).commands[1]).toBe(1);
    expect((await instance.render(0, 1, 1)).commands[1]).toBe(0xffffffff);
    await instance.close();
  });

  test('a module that traps with its memory nearly full is reported as out of memory', async () => {
    const limits = options({ memoryBytesMax: 64 * 65536 }).limits;
    const tick = '(loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))) (unreachable)';
    const instance = await run({ tick }, { limits });
    await expect(instance.tick(0)).rejects.toThrow('NL_GUEST_MEMORY');
    await instance.close();
  });

  test('an instance refuses calls after it was closed, and can be closed twice', async () => {
    const instance = await run({});
    await instance.close();
    await instance.close();
    await expect(instance.tick(0)).rejects.toThrow('NL_ROOM_ENDED');
    expect(await instance.ended).toBeUndefined();
  });
});

/** Makes the bytes of an asset pack with one asset. */
function pack(name: string, contents: number[]): Uint8Array {
  const text = Buffer.from(name);
  const bytes = new Uint8Array(24 + text.length + contents.length);
  new Uint32Array(bytes.buffer, 0, 6).set([0x50414c4e, 1, 24, text.length, 24 + text.length, contents.length]);
  bytes.set(text, 24);
  bytes.set(contents, 24 + text.length);
  return bytes;
}
