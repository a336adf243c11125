import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { milli } from '../../host/base/time.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import { fakeConnection } from '../room/fake.ts';
import { eventually } from '../wait.ts';
import { type Case, LIMITS } from './cases/case.ts';
import { commands } from './cases/commands.ts';
import { exports } from './cases/exports.ts';
import { imports } from './cases/imports.ts';
import { limits } from './cases/limits.ts';
import { join as joinGame } from './join.ts';
import { counting } from './modules.ts';

/*
 * One host plays a good game and, one after the other, a hundred modules that break the contract, on the real engine, GPU and
 * video encoder. Each module must end with its own error, and the game must go on.
 *
 * No outcome depends on the machine's speed. The limits on calls are measured in the game's pictures: a module that never
 * returns is ended only because the game beside it has gone on. The limits on commands and compilations are measured in
 * work: see Case.chargeMs.
 */

/** Number of rooms in which the bad modules take turns, because a room cannot be opened again within a second. */
const PLACES = 8;
const FPS = 60;
const PICTURE_MS = 1000 / FPS;
/** Number of pictures that the good game must send after each bad module has ended. */
const PICTURES_AFTER = 5;
/** How long a bad module may take to end. It only ends a test that would hang; no outcome depends on it. */
const ENDED_MS_MAX = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'nearlight-contract-'));
const place = (n: number) => `place${n % PLACES}`;
const path = (name: string) => join(folder, `${name}.wasm`);
const sent: number[] = [];
const table: { name: string; code: string; fps: number; gapMs: number }[] = [];
const game = { ...fakeConnection(), sendFrame: () => sent.push(performance.now()) > 0 };
let host: Host;
let turn = 0;
let chargeMs = 0;
let chargedMs = 0;

const clocks = {
  calls: () => sent.length * PICTURE_MS,
  commands: () => {
    chargedMs += chargeMs;
    return milli(performance.now() + chargedMs);
  },
};

beforeAll(async () => {
  const names = ['game', ...Array.from({ length: PLACES }, (_, n) => place(n))];
  for (const name of names) writeFileSync(path(name), counting());
  const config = { ...readConfig({}), ...LIMITS, port: 0 };
  host = await startHost({ modules: names.map(path), config, log: () => {}, clocks });
  await Promise.all(host.lobby.rooms.filter(({ name }) => name !== 'game').map((room) => room.close()));
  const player = await host.lobby.accept('game', { width: 64, height: 64, fps: FPS });
  player.onConnected(game);
  await eventually(() => expect(sent.length).toBeGreaterThan(10));
});

afterAll(async () => {
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
  report();
});

/** Measures, for the report alone, the good game's pictures per second and its longest time without a picture. */
async function beside(happens: () => Promise<unknown>): Promise<{ fps: number; gapMs: number }> {
  const first = sent.length - 1;
  const begun = performance.now();
  await happens();
  await eventually(() => expect(sent.length).toBeGreaterThan(first + PICTURES_AFTER));
  const seen = sent.slice(first);
  const fps = ((seen.length - 1) / (performance.now() - begun)) * 1000;
  const gaps = seen.slice(1).map((time, index) => time - (seen[index] ?? 0));
  return { fps, gapMs: Math.max(...gaps) };
}

/** Runs a bad module until it ends. Returns the message of the error, from loading the module or from its room. */
async function end({ module, afterwards }: Case): Promise<string> {
  const name = place(turn++);
  writeFileSync(path(name), module);
  let player: Awaited<ReturnType<typeof host.lobby.accept>>;
  try {
    player = await joinGame(host.lobby, name);
  } catch (error) {
    return (error as Error).message;
  }
  const room = must(
    host.lobby.rooms.find((one) => one.name === name),
    'room',
  );
  const connection = fakeConnection();
  player.onConnected(connection);
  if (afterwards) await eventually(() => expect(room.stats.ticks).toBeGreaterThan(2));
  if (afterwards === 'renew') void room.recover('as a test');
  if (afterwards === 'leave') player.onClosed('page');
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, ENDED_MS_MAX));
  const error = await Promise.race([room.ended, late]);
  if (error && afterwards !== 'leave') expect(connection.notices).toEqual([error.code]);
  if (!error) await room.close();
  return error?.message ?? 'it goes on';
}

function report(): void {
  const worst = [...table].sort((a, b) => b.gapMs - a.gapMs);
  const line = ({ name, code, fps, gapMs }: (typeof table)[0]) =>
    `  ${name.padEnd(58)} ${code.padEnd(20)} ${fps.toFixed(1).padStart(5)} /s ${gapMs.toFixed(0).padStart(5)} ms`;
  const lines = (process.env.NEARLIGHT_TABLE === 'all' ? table : worst.slice(0, 5)).map(line);
  const head = `${table.length} bad modules beside a game of ${FPS} pictures a second; the game's pictures and longest gap:`;
  process.stdout.write(`${[head, ...lines].join('\n')}\n`);
}

const all = [...imports, ...exports, ...limits, ...commands].map((one) => ({
  ...one,
  title: `${one.of}: ${one.what}`,
}));

describe('each bad module ends with its own error, and the good game beside it goes on:', () => {
  test.each(all)('$title', async (bad) => {
    let message = '';
    chargeMs = bad.chargeMs ?? 0;
    const { fps, gapMs } = await beside(async () => {
      message = await end(bad);
      chargeMs = 0;
    });
    table.push({ name: bad.title, code: message.split(':', 1).join(), fps, gapMs });
    expect(message).toMatch(bad.error);
    expect(game.notices).toEqual([]);
  });

  test('there are cases for every import, export and limit', () => {
    expect(all.length).toBeGreaterThanOrEqual(60);
    const about = new Set(all.map(({ of }) => of));
    for (const name of [
      'submit',
      'log',
      'asset_find',
      'asset_size',
      'asset_read',
      'gpu_feature',
      'gpu_limit',
      'state_write',
      'state_read',
      'exit',
    ])
      expect(about).toContain(name);
  });
});
