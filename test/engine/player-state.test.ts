import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { IO_REPLY_HEAD, PLAYER_BYTES_MAX, REPLY_MESSAGE } from '../../renderer/contract/abi.ts';
import { BLOCK, good, options, store, submit } from './modules.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const engines = [
  createWasmEdgeEngine({ cacheDir }),
  createWasmEdgeEngine({ cacheDir, interpreter: true }),
  createJavaScriptEngine(),
];

/** Parts that add the exports of a player's state, with these bodies as WAT, to a valid module. */
const moving = (give: string, take = '(i32.const 1)') => ({
  memory: '(memory (export "memory") 3)',
  fields: `(func (export "export_player") (param i32) ${give})
    (func (export "import_player") (param i32 i32) (result i32) ${take})`,
});
const write = (address: number, length: number) => `(call $state_write (i32.const ${address}) (i32.const ${length}))`;
/** WAT that submits one command, whose operands are the words at address 4096. */
const report = (words: number) =>
  `(i32.store (i32.const 4092) (i32.const ${((words + 1) << 16) | 1})) ${submit(4092, 4 + 4 * words)}`;

describe.each(engines)('$name', (engine) => {
  const run = (parts: Parameters<typeof good>[0], limits = options().limits) =>
    engine.load(good(parts), { ...options(), limits });

  test("what belongs to a seat's player leaves one instance and reaches the player of another seat", async () => {
    const give = `(i32.store (i32.const 8192) (local.get 0)) ${write(8192, 4)} ${store(8196, [0x04030201])} ${write(8196, 3)}`;
    const take = `(i32.store (i32.const 4096) (local.get 0)) (i32.store (i32.const 4100) (local.get 1))
      (drop (call $state_read (i32.const 0) (i32.const 4104) (i32.const 8))) ${report(4)} (i32.const 1)`;
    const [first, second] = [await run(moving(give, take)), await run(moving(give, take))];
    await first.join(1);
    const state = must(await first.exportPlayer(1), 'state');
    expect([...state]).toEqual([1, 0, 0, 0, 1, 2, 3]);
    await second.join(0);
    const { accepted, submission } = await second.importPlayer(0, state);
    expect(accepted).toBe(true);
    expect([...submission.commands.slice(1)]).toEqual([0, 7, 1, 0x030201]);
    expect((await second.tick(0)).commands.length).toBe(0);
    for (const instance of [first, second]) await instance.close();
  });

  test('a module can refuse what comes from another room, and goes on', async () => {
    const instance = await run(moving('', '(i32.const 0)'));
    await instance.join(0);
    expect((await instance.importPlayer(0, Uint8Array.of(1))).accepted).toBe(false);
    await instance.tick(0);
    expect(await instance.exportPlayer(0)).toEqual(new Uint8Array(0));
    await instance.close();
  });

  test('a module without these exports hands nothing over, and takes nothing', async () => {
    const instance = await run({});
    await instance.join(0);
    expect(await instance.exportPlayer(0)).toBeUndefined();
    await expect(instance.importPlayer(0, new Uint8Array(4))).rejects.toThrow('NL_MODULE_EXPORT');
    await instance.tick(0);
    await instance.close();
    await expect(instance.exportPlayer(0)).rejects.toThrow('NL_ROOM_ENDED');
  });

  test('a module is refused if it exports only one of them, or one with another type', async () => {
    await expect(run({ fields: '(func (export "export_player") (param i32))' })).rejects.toThrow(
      /^NL_MODULE_EXPORT: .*only one of "export_player" and "import_player"/,
    );
    const fields = '(func (export "export_player") (param i32)) (func (export "import_player") (param i32 i32))';
    await expect(run({ fields })).rejects.toThrow(/^NL_MODULE_EXPORT: .*"import_player" is not a function/);
  });

  test.each([
    [PLAYER_BYTES_MAX, {}, true],
    [PLAYER_BYTES_MAX + 1, {}, false],
    [4096, { dataBytesMax: 4096 }, true],
    [4097, { dataBytesMax: 4096 }, false],
  ])('a state of %i bytes with limits %o: accepted is %s', async (bytes, given, fits) => {
    const { limits } = options(given);
    const instance = await run(moving(`${write(0, 4000)} ${write(0, bytes - 4000)}`), limits);
    await instance.join(0);
    const taken = instance.importPlayer(0, new Uint8Array(bytes));
    if (fits) expect((await taken).accepted).toBe(true);
    else await expect(taken).rejects.toThrow(/^NL_GUEST_PROTOCOL: .*PLAYER_BYTES_MAX/);
    if (fits) expect((await instance.exportPlayer(0))?.length).toBe(bytes);
    else await expect(instance.exportPlayer(0)).rejects.toThrow(/^NL_GUEST_PROTOCOL: .*PLAYER_BYTES_MAX/);
    await instance.close();
  });

  test('replies and their bytes wait while a player comes in, and come with the next call', async () => {
    const see = `(i32.store (i32.const 4096) (i32.load (i32.const ${BLOCK + IO_REPLY_HEAD})))
      (i32.store (i32.const 4100) (i32.load (i32.const 12288))) ${report(2)}`;
    const instance = await run({ ...moving('', `${see} (i32.const 1)`), tick: see });
    await instance.join(0);
    instance.write(12_288, Uint8Array.of(4, 3, 2, 1));
    instance.reply([REPLY_MESSAGE, 1]);
    const { submission } = await instance.importPlayer(0, Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9));
    expect([...submission.commands.slice(1)]).toEqual([0, 0]);
    expect([...(await instance.tick(0)).commands.slice(1)]).toEqual([1, 0x01020304]);
    await instance.close();
  });

  test.each([
    ['submit during export_player', moving(submit(4096, 0)), 'export_player'],
    ['state_write during import_player', moving('', `${write(0, 4)} (i32.const 1)`), 'import_player'],
    ['import_player that traps', moving('', '(unreachable)'), 'import_player'],
  ])('%s traps', async (_, parts, call) => {
    const instance = await run(parts);
    await instance.join(0);
    const called = call === 'export_player' ? instance.exportPlayer(0) : instance.importPlayer(0, new Uint8Array(8));
    await expect(called).rejects.toThrow(new RegExp(`^NL_GUEST_TRAP: .* in ${call}`));
    expect((await instance.ended)?.code).toBe('NL_GUEST_TRAP');
    await instance.close();
  });
});
