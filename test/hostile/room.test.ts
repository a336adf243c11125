import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import type { Room } from '../../host/room/room.ts';
import { assemble, good, store, submit, text } from '../engine/modules.ts';
import { fakeConnection } from '../room/fake.ts';

/*
 * Whole rooms on the real engine, GPU and encoder; only the connection is a stand-in. Beside each bad module a good game is played,
 * which must keep its rates. What each layer refuses, and both sides of each bound, is tested with that layer.
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
let host: Host;
let neighbour: Room;

beforeAll(async () => {
  const config = { ...readConfig({}), port: 0, initMsMax: 1000, callMsMax: 300, memoryBytesMax: 64 * 2 ** 20 };
  writeFileSync(bad, good());
  const modules = [join(import.meta.dirname, '../../build/latency.wasm'), bad];
  host = await startHost({ modules, config, log: (level, message) => lines.push(`${level} ${message}`) });
  neighbour = host.lobby.rooms[0]!;
  const player = await host.lobby.accept('latency', { width: 64, height: 64, fps: 60 });
  player.onConnected(fakeConnection());
  await vi.waitFor(() => expect(frames()).toBeGreaterThan(10), 10_000);
}, 60_000);

afterAll(async () => {
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
});

function frames(): number {
  const { views } = neighbour.status() as { views: { frames: number }[] };
  return views[0]?.frames ?? 0;
}

/** The neighbour's ticks and frames per second while something happens, over a second at least. */
async function rates(happens: () => Promise<void>): Promise<{ ticks: number; frames: number }> {
  const begun = { time: performance.now(), ticks: neighbour.stats.ticks, frames: frames() };
  await happens();
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun.time + 1000 - performance.now())));
  const seconds = (performance.now() - begun.time) / 1000;
  return { ticks: (neighbour.stats.ticks - begun.ticks) / seconds, frames: (frames() - begun.frames) / seconds };
}

/** Lets something bad happen; the neighbour keeps its rates, against a second of peace before. What is left is the machine's noise. */
async function beside(happens: () => Promise<void>): Promise<void> {
  const before = await rates(async () => {});
  const during = await rates(happens);
  expect(during.ticks).toBeGreaterThan(0.85 * before.ticks);
  expect(during.frames).toBeGreaterThan(0.85 * before.frames);
}

/** Ends the room of the bad module and has the lobby open it again with another. */
async function replace(module: Uint8Array | undefined): Promise<void> {
  const room = host.lobby.rooms.find(({ name }) => name === 'bad');
  await room?.close();
  if (module) writeFileSync(bad, module);
  else rmSync(bad);
}

describe('a room ends with a coded error, and the room beside it plays on:', { retry: 2 }, () => {
  test.each(whileLoading)('%s', async (_, module, error) => {
    await replace(module);
    await beside(async () => {
      await expect(host.lobby.accept('bad', { width: 64, height: 64, fps: 60 })).rejects.toThrow(error);
    });
  });

  test.each(whilePlaying)('%s', async (_, module, error) => {
    await replace(module);
    await beside(async () => {
      const player = await host.lobby.accept('bad', { width: 64, height: 64, fps: 60 });
      const room = host.lobby.rooms.find(({ name }) => name === 'bad')!;
      const connection = fakeConnection();
      player.onConnected(connection);
      const cause = await room.ended;
      expect(cause?.message).toMatch(error);
      expect(connection.notices).toEqual([cause!.code]);
      expect(lines.some((line) => line.startsWith('error') && line.includes(cause!.code))).toBe(true);
    });
  });
});
