import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import { fakeConnection } from '../room/fake.ts';
import { type Case, LIMITS } from './cases/case.ts';
import { commands } from './cases/commands.ts';
import { exports } from './cases/exports.ts';
import { imports } from './cases/imports.ts';
import { limits } from './cases/limits.ts';
import { counting } from './modules.ts';

/*
 * One host, a game that is played, and beside it a hundred modules that break the contract, one after the other, each on the
 * real engine, GPU and encoder. Each ends with its own error; the game's pictures keep coming.
 */

/** So many places take turns: a place is opened again after a second at the soonest. */
const PLACES = 8;
const FPS = 60;
/** Long enough to count pictures in. */
const WINDOW_MS = 250;
const PEACE_MS = 1000;
/** Of its pictures in peace, what a game keeps at least beside a bad module. */
const KEPT = 0.75;
const ENDED_MS_MAX = 8000;

const folder = mkdtempSync(join(tmpdir(), 'nearlight-contract-'));
const place = (n: number) => `place${n % PLACES}`;
const path = (name: string) => join(folder, `${name}.wasm`);
const sent: number[] = [];
const table: { name: string; code: string; fps: number; gapMs: number }[] = [];
let host: Host;
let peace = 0;
let turn = 0;

beforeAll(async () => {
  const names = ['game', ...Array.from({ length: PLACES }, (_, n) => place(n))];
  for (const name of names) writeFileSync(path(name), counting());
  const config = { ...readConfig({}), ...LIMITS, port: 0 };
  host = await startHost({ modules: names.map(path), config, log: () => {} });
  await Promise.all(host.lobby.rooms.filter(({ name }) => name !== 'game').map((room) => room.close()));
  const player = await host.lobby.accept('game', { width: 64, height: 64, fps: FPS });
  player.onConnected({ ...fakeConnection(), sendFrame: () => sent.push(performance.now()) > 0 });
  await vi.waitFor(() => expect(sent.length).toBeGreaterThan(10), 10_000);
  peace = (await beside(pause)).fps;
}, 60_000);

afterAll(async () => {
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
  report();
});

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PEACE_MS));

/** Pictures per second and the longest time without one, of the game that is played, while something happens. */
async function beside(happens: () => Promise<unknown>): Promise<{ fps: number; gapMs: number }> {
  const first = sent.length - 1;
  const begun = performance.now();
  await happens();
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + WINDOW_MS - performance.now())));
  const seen = sent.slice(first);
  const fps = ((seen.length - 1) / (performance.now() - begun)) * 1000;
  const gaps = [...seen, performance.now()].slice(1).map((time, index) => time - seen[index]!);
  return { fps, gapMs: Math.max(...gaps) };
}

/** The error that a module ends with: while it is loaded, or with its room. */
async function end({ module, afterwards }: Case): Promise<string> {
  const name = place(turn++);
  writeFileSync(path(name), module);
  let player: Awaited<ReturnType<typeof host.lobby.accept>>;
  try {
    player = await host.lobby.accept(name, { width: 64, height: 64, fps: 60 });
  } catch (error) {
    return (error as Error).message;
  }
  const room = host.lobby.rooms.find((one) => one.name === name)!;
  const connection = fakeConnection();
  player.onConnected(connection);
  if (afterwards) await vi.waitFor(() => expect(room.stats.ticks).toBeGreaterThan(2));
  if (afterwards === 'renew') void room.renew('as a test');
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
  const head = `${table.length} modules beside a game of ${peace.toFixed(1)} pictures a second; its pictures and longest gap:`;
  process.stdout.write(`${[head, ...lines].join('\n')}\n`);
}

const all = [...imports, ...exports, ...limits, ...commands].map((one) => ({
  ...one,
  title: `${one.of}: ${one.what}`,
}));

describe('each ends with its own error, and the game beside it keeps its pictures coming:', { retry: 2 }, () => {
  test.each(all)('$title', async (bad) => {
    let message = '';
    const { fps, gapMs } = await beside(async () => {
      message = await end(bad);
    });
    table.push({ name: bad.title, code: message.split(':')[0]!, fps, gapMs });
    expect(message).toMatch(bad.error);
    // Where the machine has other things to do, what it gives in peace is less by now.
    if (fps <= KEPT * peace) peace = Math.min(peace, (await beside(pause)).fps);
    expect(fps).toBeGreaterThan(KEPT * peace);
  });

  test('there are enough of them, of every import, export and limit', () => {
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
