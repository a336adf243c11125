import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import type { Room } from '../../host/room/room.ts';
import { assemble, good, store, submit, text } from '../engine/modules.ts';
import { fakeConnection } from '../room/fake.ts';
import { eventually } from '../wait.ts';
import { join as joinGame } from './join.ts';

/*
 * Runs whole rooms on the real engine, GPU and video encoder; only the connection is a stand-in. A good game is played beside
 * each bad module and must go on. The limits on calls are measured in pictures of that game, so a module that never returns is
 * ended only because the game goes on. The tests of each layer check everything that it refuses, on both sides of each limit.
 */

const forever = '(loop $again (br $again))';
const commands = (...words: number[]): string => `${store(4096, words)} ${submit(4096, words.length * 4)}`;
const createBuffer = (id: number, sizeLow: number, sizeHigh = 0): number[] => [
  (6 << 16) | 1,
  id,
  sizeLow,
  sizeHigh,
  8,
  0,
];
const destroyBuffer = (id: number): number[] => [(3 << 16) | 13, 1, id];

function shader(code: string): number[] {
  const bytes = Buffer.from(code.padEnd(Math.ceil(code.length / 4) * 4));
  const words = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(index * 4));
  return [((4 + words.length) << 16) | 8, 2, 0, bytes.length, ...words];
}

const whileLoading: [name: string, module: Uint8Array | undefined, error: RegExp][] = [
  ['no file', undefined, /^NL_MODULE_NOT_FOUND.*bad\.wasm/],
  ['no Wasm', Buffer.from('#!/bin/sh\nexit 0\n'), /^NL_MODULE_INVALID/],
  [
    'another contract',
    good({ version: '(func (export "version") (result i32) (i32.const 999))' }),
    /^NL_MODULE_VERSION.*999/,
  ],
  ['a missing export', assemble(text().replace('(export "tick")', '(export "tock")')), /^NL_MODULE_EXPORT.*tick/],
  ['a trap in init', good({ init: '(unreachable)' }), /^NL_GUEST_TRAP.*init/],
  ['an endless start', good({ fields: `(start $s) (func $s ${forever})` }), /^NL_GUEST_TIMEOUT.*start function/],
  ['a table of four billion', good({ fields: '(table 4000000000 funcref)' }), /^NL_MODULE_LIMIT.*TABLE_ELEMENTS_MAX/],
  [
    'invalid WGSL in init',
    good({ init: `${commands(...shader('fn x( {'))} (i32.const 0)` }),
    /^NL_(GPU_VALIDATION|GUEST|MODULE)/,
  ],
];

const whilePlaying: [name: string, module: Uint8Array, error: RegExp][] = [
  ['a trap in tick', good({ tick: '(unreachable)' }), /^NL_GUEST_TRAP.*tick/],
  ['a trap in render', good({ render: '(unreachable)' }), /^NL_GUEST_TRAP.*render/],
  ['an endless tick', good({ tick: forever }), /^NL_GUEST_TIMEOUT.*tick/],
  ['an endless render', good({ render: forever }), /^NL_GUEST_TIMEOUT.*render/],
  [
    'endless recursion',
    good({
      fields:
        '(func $deep (param i32) (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.store (i32.const 4096) (local.get 0)))',
      tick: '(call $deep (i32.const 1))',
    }),
    /^NL_GUEST_(CRASH|TRAP)/,
  ],
  [
    'memory beyond the limit',
    good({ tick: '(loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))) (unreachable))' }),
    /^NL_GUEST_MEMORY.*MEMORY_BYTES_MAX/,
  ],
  ['a truncated stream', good({ tick: commands(...createBuffer(2, 16).slice(0, 3)) }), /^NL_COMMAND.*command 0/],
  ['an unknown opcode', good({ tick: commands((1 << 16) | 999) }), /^NL_COMMAND.*999/],
  [
    'a stale id',
    good({ tick: commands(...createBuffer(2, 16), ...destroyBuffer(2), ...destroyBuffer(2)) }),
    /^NL_COMMAND.*command 2 \(destroy\).*stale/,
  ],
  [
    'an offset past linear memory',
    good({ tick: commands((5 << 16) | 0x8020, 2, 0, 0x7fffff00, 64) }),
    /^NL_COMMAND.*outside linear memory/,
  ],
  ['a buffer of 8 GB', good({ tick: commands(...createBuffer(2, 0, 2)) }), /^NL_COMMAND.*8589934592/],
  ['invalid WGSL', good({ tick: commands(...shader('@compute fn x( {')) }), /^NL_GPU_VALIDATION.*:1:16/s],
];

const folder = mkdtempSync(join(tmpdir(), 'nearlight-hostile-'));
const bad = join(folder, 'bad.wasm');
const lines: string[] = [];
const FPS = 60;
const PICTURE_MS = 1000 / FPS;
let host: Host;
let neighbour: Room;
/** Pictures that the good game's player got. */
let frames = 0;
const game = { ...fakeConnection(), sendFrame: () => ++frames > 0 };

beforeAll(async () => {
  const config = { ...readConfig({}), port: 0, initMsMax: 1000, callMsMax: 300, memoryBytesMax: 64 * 2 ** 20 };
  writeFileSync(bad, good());
  const modules = [join(import.meta.dirname, '../../build/latency.wasm'), bad];
  const clocks = { calls: () => frames * PICTURE_MS };
  host = await startHost({ modules, config, log: (level, message) => lines.push(`${level} ${message}`), clocks });
  neighbour = must(host.lobby.rooms[0], 'room');
  const player = await host.lobby.accept('latency', { width: 64, height: 64, fps: FPS });
  player.onConnected(game);
  await eventually(() => expect(frames).toBeGreaterThan(10));
});

afterAll(async () => {
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Lets a bad module run, and checks that the good game beside it goes on. */
async function beside(happens: () => Promise<void>): Promise<void> {
  await happens();
  const before = { ticks: neighbour.stats.ticks, frames };
  await eventually(() => {
    expect(neighbour.stats.ticks).toBeGreaterThan(before.ticks + 10);
    expect(frames).toBeGreaterThan(before.frames + 5);
  });
  expect(game.notices).toEqual([]);
}

/** Ends the room of the bad module, so that the lobby opens it again with another module. */
async function replace(module: Uint8Array | undefined): Promise<void> {
  const room = host.lobby.rooms.find(({ name }) => name === 'bad');
  await room?.close();
  if (module) writeFileSync(bad, module);
  else rmSync(bad);
}

describe('a bad room ends with a coded error, and a good room goes on:', () => {
  test.each(whileLoading)('%s', async (_, module, error) => {
    await replace(module);
    await beside(async () => {
      await expect(joinGame(host.lobby, 'bad')).rejects.toThrow(error);
    });
  });

  test.each(whilePlaying)('%s', async (_, module, error) => {
    await replace(module);
    await beside(async () => {
      const player = await joinGame(host.lobby, 'bad');
      const room = must(
        host.lobby.rooms.find(({ name }) => name === 'bad'),
        'room',
      );
      const connection = fakeConnection();
      player.onConnected(connection);
      const cause = await room.ended;
      expect(cause?.message).toMatch(error);
      expect(connection.notices).toEqual([cause?.code]);
      expect(lines.some((line) => line.startsWith('error') && line.includes(cause?.code ?? 'no code'))).toBe(true);
    });
  });
});
