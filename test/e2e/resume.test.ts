import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Peer } from '../stream/peer.ts';
import { type HostProcess, startBrowser, startHostProcess } from './host.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-resume-'));
const QUERY = '?size=160x90&fps=10';
const peers: Peer[] = [];
let browser: Browser;
let host: HostProcess;

beforeAll(async () => {
  browser = await startBrowser();
});
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  await host?.stop();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a host of the arena with a store, at the port of the last one. */
async function start(store: string, more: Record<string, string> = {}): Promise<void> {
  const port = host ? { PORT: new URL(host.url).port } : {};
  const settings = { STORE_DIR: join(folder, store), CHECKPOINT_SECONDS: '1', MAX_PLAYERS: '4', ...port, ...more };
  host = await startHostProcess(['build/arena.wasm'], settings);
}

/** Ends the host as a power cut would. */
async function kill(): Promise<void> {
  const exited = once(host.process, 'exit');
  host.process.kill('SIGKILL');
  await exited;
}

/** Joins as a page that can return, with a token if it has one. */
async function arrive(tokens = 'new'): Promise<{ peer: Peer; seat: number }> {
  const peer = new Peer();
  peers.push(peer);
  const { seat } = await peer.join(host.url, { query: QUERY, tokens });
  peer.beat();
  return { peer, seat };
}

const room = async () => (await host.status()).rooms[0];
const ticks = async () => (await room())?.ticks ?? 0;

/** Waits until the store has the match as it is after some more ticks. */
async function untilKept(): Promise<number> {
  const before = await ticks();
  // A checkpoint begins every second of the machine's time, and a tick is 1/60 of the game's time, which is never faster.
  await expect.poll(ticks).toBeGreaterThan(before + 150);
  return before;
}

const resumedAt = () => Number(/arena: the match goes on at tick (\d+)/.exec(host.output())?.[1] ?? Number.NaN);

test('after kill -9 the match goes on, and the players take back their seats, one of them in a browser without a click', async () => {
  await start('killed');
  const page = await browser.newPage();
  await page.goto(`${host.url}${QUERY}`);
  await page.waitForFunction(() => document.body.dataset.state === 'playing');
  const second = await arrive();
  expect(second.seat).toBe(1);
  const kept = await untilKept();
  await kill();
  await start('killed');
  expect(resumedAt()).toBeGreaterThanOrEqual(kept);
  // The seats wait for their players, so a newcomer gets the next one.
  const newcomer = await arrive();
  expect(newcomer.seat).toBe(2);
  expect((await arrive(second.peer.token)).seat).toBe(1);
  await page.waitForFunction(() => document.body.dataset.state === 'playing');
  await expect.poll(async () => (await room())?.views.map(({ seat }) => seat)).toEqual([0, 1, 2]);
  expect(await ticks()).toBeGreaterThan(kept);
  await page.close();
});

test('after an orderly end the match goes on at the very tick, and a forged token is a new player', async () => {
  await start('stopped');
  const { peer, seat } = await arrive();
  expect(seat).toBe(0);
  await expect.poll(ticks).toBeGreaterThan(100);
  const before = await ticks();
  expect(await host.stop()).toBe(0);
  // A host that cannot start leaves the match in the store.
  const other = createServer().listen(Number(new URL(host.url).port), '127.0.0.1');
  await once(other, 'listening');
  await expect(start('stopped')).rejects.toThrow('NL_PORT_IN_USE');
  other.close();
  await once(other, 'close');
  await start('stopped');
  expect(resumedAt()).toBeGreaterThanOrEqual(before);
  expect((await arrive('A'.repeat(22))).seat).toBe(1);
  expect((await arrive(peer.token)).seat).toBe(0);
});

test.each([
  ['CHECKPOINT_SECONDS=0', { CHECKPOINT_SECONDS: '0' }, undefined],
  [
    'a match with a player at a seat that is no longer there',
    { MAX_PLAYERS: '1' },
    /arena: the kept match does not go on.*MAX_PLAYERS=1/,
  ],
])('with %s a new match begins', async (name, more, said) => {
  await start(name);
  await arrive();
  const { peer } = await arrive();
  await untilKept();
  await kill();
  await start(name, more);
  expect(resumedAt()).toBeNaN();
  if (said) expect(host.output()).toMatch(said);
  expect((await arrive(peer.token)).seat).toBe(0);
});
