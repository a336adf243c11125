import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { systemClock } from '../../host/base/clock.ts';
import { readConfig } from '../../host/base/config.ts';
import { milli } from '../../host/base/time.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import type { Room } from '../../host/room/room.ts';
import { good, writeBlock } from '../engine/modules.ts';
import { fakeConnection } from '../room/fake.ts';
import { eventually, sleep } from '../wait.ts';
import { command, streams, submitting } from './modules.ts';
import { ASSIGNMENT, BARRIERS, CONSTANTS, HOSTILE, LOCAL } from './shaders.ts';

/*
 * One host plays a good game and, one after the other, games with shaders that are hard on compilers. Limits are in processor
 * time and bytes, so no outcome depends on the machine's speed. The bounds on delays are generous: without the process that
 * tries shaders, the first shader stops the host for a minute, and the second takes all memory.
 */

/** The longest time for which the host's thread may be busy, and for which /healthz may take, on the slowest machine. */
const DELAY_MS_MAX = 10_000;
/** Memory by which the host may grow over all shaders. Its garbage counts, as do the guest programs' shared memories. */
const GROWTH_BYTES_MAX = 512 * 2 ** 20;
/** How long a room stays closed after one of its shaders overran. */
const PENALTY_MS = 60_000;
/** Longer than any penalty. */
const LONG_MS = 10_000_000;

const folder = mkdtempSync(join(tmpdir(), 'nearlight-shader-'));
const bad = join(folder, 'bad.wasm');
const game = { ...fakeConnection(), sendFrame: () => ++frames > 0 };
let frames = 0;
let host: Host;
let neighbour: Room;
/** Milliseconds by which the clock of penalties is ahead. */
let aheadMs = 0;
let looked = performance.now();
let delayMs = 0;
let bytes = 0;
let health: { answers: Set<number>; slowestMs: number };
let timer: NodeJS.Timeout;

beforeAll(async () => {
  const config = {
    ...readConfig({}),
    port: 0,
    cacheDir: join(folder, 'cache'),
    shaderMsMax: 2000,
    shaderMemoryBytesMax: 256 * 2 ** 20,
  };
  writeFileSync(bad, good());
  const modules = [join(import.meta.dirname, '../../build/latency.wasm'), bad];
  const rooms = { ...systemClock, now: () => milli(performance.now() + aheadMs) };
  host = await startHost({ modules, config, log: () => {}, clocks: { rooms } });
  neighbour = must(host.lobby.rooms[0], 'room');
  const player = await host.lobby.accept('latency', { width: 64, height: 64, fps: 60 });
  player.onConnected(game);
  await eventually(() => expect(frames).toBeGreaterThan(10));
  timer = setInterval(() => {
    const now = performance.now();
    delayMs = Math.max(delayMs, now - looked);
    looked = now;
    bytes = Math.max(bytes, process.memoryUsage.rss());
  }, 10);
});

afterAll(async () => {
  clearInterval(timer);
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
});

const pipeline = (code: string) => [
  command('createShaderModule', { id: 2, label: 'evil', code }),
  command('createComputePipeline', { id: 2, label: 'worse', module: 2 }),
];

/** Asks for /healthz again and again until `until` settles. */
async function watchHealth(until: Promise<unknown>): Promise<void> {
  let isOver = false;
  void until.finally(() => {
    isOver = true;
  });
  health = { answers: new Set(), slowestMs: 0 };
  while (!isOver) {
    const begun = performance.now();
    const { status } = await fetch(new URL('/healthz', host.servers.operator.url));
    health.answers.add(status);
    health.slowestMs = Math.max(health.slowestMs, performance.now() - begun);
    await sleep(20);
  }
}

/** Plays a bad game until it ends or has executed its commands. Resolves with its error, or with '' if it goes on. */
async function play(module: Uint8Array): Promise<string> {
  aheadMs += LONG_MS;
  await host.lobby.rooms.find(({ name }) => name === 'bad')?.close();
  writeFileSync(bad, module);
  aheadMs += LONG_MS;
  const player = await host.lobby.accept('bad', { width: 64, height: 64, fps: 60 });
  const room = must(
    host.lobby.rooms.find(({ name }) => name === 'bad'),
    'room',
  );
  const { ticks } = room.stats;
  player.onConnected(fakeConnection());
  let ended: string | undefined;
  void room.ended.then((error) => {
    ended = error?.message ?? 'closed';
  });
  // A game joins its player at the latest after eight ticks, and ticks again only when all commands of `join` are executed.
  await eventually(() => expect(ended !== undefined || room.stats.ticks > ticks + 20).toBe(true), 110_000);
  return ended ?? '';
}

/** Plays a bad game, and checks that the good one goes on meanwhile. */
async function besides(module: Uint8Array): Promise<string> {
  const before = { ticks: neighbour.stats.ticks, frames };
  looked = performance.now();
  delayMs = 0;
  const ended = play(module);
  await watchHealth(ended);
  const message = await ended;
  await eventually(() => {
    expect(neighbour.stats.ticks).toBeGreaterThan(before.ticks + 10);
    expect(frames).toBeGreaterThan(before.frames + 5);
  });
  // On a very slow machine, the host itself reports some turns of its event loop as slow.
  expect(health.answers).toContain(200);
  expect(health.slowestMs).toBeLessThan(DELAY_MS_MAX);
  expect(delayMs).toBeLessThan(DELAY_MS_MAX);
  expect(game.notices).toEqual([]);
  return message;
}

describe('a shader that takes too much to compile ends its own room, which stays closed:', () => {
  test.each([
    [
      'constants of nested structures',
      CONSTANTS,
      /command 0 \(createShaderModule "evil"\).*structure S1\d has more than/,
    ],
    [
      'an assignment of a nested structure',
      ASSIGNMENT,
      /command 0 \(createShaderModule "evil"\).*structure S1\d has more/,
    ],
    ['minutes of compiling', LOCAL, /command 1 \(createComputePipeline "worse"\).*more than 2000 ms \(SHADER_MS_MAX\)/],
    ['gigabytes of compiling', BARRIERS, /command 1 \(createComputePipeline "worse"\).*\(SHADER_MEMORY_BYTES_MAX\)/],
  ])('%s', async (_, code, expected) => {
    const message = await besides(submitting('join', pipeline(code)));
    expect(message).toMatch(/^NL_SHADER/);
    expect(message).toMatch(expected);
    const join = () => host.lobby.accept('bad', { width: 64, height: 64, fps: 60 });
    aheadMs += PENALTY_MS - 10_000;
    await expect(join()).rejects.toThrow(/NL_SHADER.* and opens again in \d+ s/);
    aheadMs += LONG_MS;
    await join();
  });

  test('a shader in init, which keeps the room from opening', async () => {
    aheadMs += LONG_MS;
    await host.lobby.rooms.find(({ name }) => name === 'bad')?.close();
    const { fields, memory, call } = streams({ it: pipeline(CONSTANTS) });
    writeFileSync(bad, good({ fields, memory, init: `${call.it} ${writeBlock()}` }));
    aheadMs += LONG_MS;
    const join = () => host.lobby.accept('bad', { width: 64, height: 64, fps: 60 });
    await expect(join()).rejects.toThrow(/^NL_SHADER.*createShaderModule "evil"/);
    await expect(join()).rejects.toThrow(/NL_SHADER.* and opens again in \d+ s/);
  });

  test('a pipeline that compiles in the background', async () => {
    const later = [
      command('createShaderModule', { id: 2, code: LOCAL }),
      command('createComputePipelineAsync', { id: 2, label: 'later', module: 2 }),
    ];
    const message = play(submitting('join', later));
    await message;
    const room = must(
      host.lobby.rooms.find(({ name }) => name === 'bad'),
      'room',
    );
    expect((await room.ended)?.message).toMatch(/^NL_SHADER: .*command 1 \(createComputePipelineAsync "later"\)/);
  });
});

/** The hardest shader of each kind. `npm run test:hostile` tries all of them. */
const HARDEST = [...new Map(HOSTILE.map((shader) => [shader[0].replace(/\d+/g, 'N'), shader])).values()];

test('the host outlives hostile shaders of thirty kinds, answers meanwhile, and keeps its memory', async () => {
  expect(HARDEST.length).toBeGreaterThanOrEqual(30);
  bytes = 0;
  const before = process.memoryUsage.rss();
  const codes: Record<string, number> = {};
  let slowestMs = 0;
  let longestMs = 0;
  for (const [name, code] of HARDEST) {
    const message = await besides(submitting('join', pipeline(code)));
    const [ended = ''] = message.split(':');
    expect(['', 'NL_SHADER', 'NL_COMMAND', 'NL_GPU_VALIDATION'], `${name}: ${message}`).toContain(ended);
    codes[ended] = (codes[ended] ?? 0) + 1;
    slowestMs = Math.max(slowestMs, health.slowestMs);
    longestMs = Math.max(longestMs, delayMs);
  }
  expect(bytes - before).toBeLessThan(GROWTH_BYTES_MAX);
  expect(host.gpu.lost).toBe(false);
  const grownMiB = Math.round((bytes - before) / 2 ** 20);
  process.stdout.write(
    `${HARDEST.length} hostile shaders: ${JSON.stringify(codes)}; the host grew by ${grownMiB} MiB, /healthz took ${Math.round(slowestMs)} ms at most, the thread was busy for ${Math.round(longestMs)} ms at most\n`,
  );
}, 1_800_000);
