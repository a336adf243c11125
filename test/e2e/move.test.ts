import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compile } from '../session/compile.ts';
import { type HostProcess, openGame, pictureColour, startBrowser, startHostProcess } from './host.ts';
import { freePort } from './line.ts';
import { SCORE } from './score.ts';

const KEY = 'k'.repeat(32);
const folder = mkdtempSync(join(tmpdir(), 'nearlight-move-'));
const [first, second] = [join(folder, 'score.wasm'), join(folder, 'other.wasm')];
let browser: Browser;
let east: HostProcess;
let west: HostProcess;

/** Starts two hosts that know each other. Their ports must be known before, because each gets the other's. */
async function startHosts(): Promise<[HostProcess, HostProcess]> {
  const ports = await Promise.all([1, 2, 3, 4].map(() => freePort('tcp')));
  const [pagesEast, pagesWest, movesEast, movesWest] = ports.map((port) => `http://127.0.0.1:${port}`);
  const common = {
    MOVE_KEY: KEY,
    MOVE_STEP_MS_MAX: '10000',
    MAX_PLAYERS: '1',
    // A busy browser takes long to load a page again.
    RELOAD_MS_MAX: '30000',
    ALLOWED_ORIGINS: `${pagesEast},${pagesWest}`,
  };
  const start = (name: 'east' | 'west', modules: string[], peer: string) => {
    const [page, moves] = name === 'east' ? [ports[0], ports[2]] : [ports[1], ports[3]];
    return startHostProcess(modules, {
      ...common,
      PORT: String(page),
      STORE_DIR: join(folder, name),
      MOVE_NAME: name,
      MOVE_PORT: String(moves),
      MOVE_PEERS: peer,
    });
  };
  return Promise.all([
    start('east', [first, second], `west=${movesWest}/|${pagesWest}/`),
    start('west', [first], `east=${movesEast}/|${pagesEast}/`),
  ]);
}

beforeAll(async () => {
  const module = await compile('score', SCORE);
  writeFileSync(first, module);
  copyFileSync(first, second);
  browser = await startBrowser();
  [east, west] = await startHosts();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await Promise.all([east?.stop(), west?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Opens the game, and scores. */
async function play(presses: number): Promise<Page> {
  const page = await openGame(browser, `${east.url}?size=320x180&fps=30`);
  await page.waitForFunction(() => document.body.dataset.state === 'playing');
  await page.click('#play');
  await press(page, presses);
  // From here on, the page must never show that it connects again.
  await page.evaluate(() => {
    const states: (string | undefined)[] = [];
    Object.assign(window, { states });
    new MutationObserver(() => states.push(document.body.dataset.state)).observe(document.body, { attributes: true });
  });
  return page;
}

async function press(page: Page, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const red = (await pictureColour(page))[0];
    await page.keyboard.down('Space');
    await expect.poll(async () => (await pictureColour(page))[0], { timeout: 20_000 }).toBeGreaterThan(red + 25);
    await page.keyboard.up('Space');
  }
}

async function move(order: object): Promise<{ outcome: string; milliseconds: number }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(new URL('moves', east.operatorUrl), {
    method: 'POST',
    headers,
    body: JSON.stringify(order),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as { outcome: string; milliseconds: number };
}

/** Numbers of players in each game. */
async function players(host: HostProcess): Promise<Record<string, number>> {
  const { rooms } = await host.status();
  return Object.fromEntries(rooms.map((room) => [room.name, room.players]));
}

/** Waits for the score. A browser that has just got another stream may not have decoded the first picture yet. */
async function expectRed(page: Page, red: number): Promise<void> {
  await expect.poll(async () => Math.abs((await pictureColour(page))[0] - red), { timeout: 20_000 }).toBeLessThan(20);
}

async function expectSeamless(page: Page, red: number): Promise<void> {
  await expectRed(page, red);
  const states = await page.evaluate(() => (window as unknown as { states: string[] }).states);
  expect([...new Set(states)].filter((state) => state !== 'playing')).toEqual([]);
}

test('a player moves to another game of the host, and on to another host: the score goes along, without a click', async () => {
  const page = await play(2);
  const [red] = await pictureColour(page);
  expect(await move({ game: 'score', seat: 0, toGame: 'other' })).toMatchObject({ outcome: 'committed' });
  await expect.poll(() => players(east), { timeout: 20_000 }).toEqual({ score: 0, other: 1 });
  await expect.poll(() => page.title(), { timeout: 20_000 }).toContain('other');
  await expectSeamless(page, red);

  expect(await move({ game: 'other', seat: 0, host: 'west', toGame: 'score' })).toMatchObject({ outcome: 'committed' });
  await expect.poll(() => players(west), { timeout: 20_000 }).toEqual({ score: 1 });
  await expect.poll(() => players(east), { timeout: 20_000 }).toEqual({ score: 0, other: 0 });
  await expect.poll(() => page.title(), { timeout: 20_000 }).toContain('score');
  await expectSeamless(page, red);
  // The player goes on there, also after the page was loaded again.
  await press(page, 1);
  const [more] = await pictureColour(page);
  await page.reload();
  await page.waitForFunction(() => document.body.dataset.state === 'playing');
  await expect.poll(() => page.title(), { timeout: 20_000 }).toContain('score');
  await expectRed(page, more);
  expect([await players(east), await players(west)]).toEqual([{ score: 0, other: 0 }, { score: 1 }]);
  const metrics = async () => (await fetch(new URL('metrics', east.operatorUrl))).text();
  await expect.poll(metrics, { timeout: 20_000 }).toContain('nearlight_moves_open{way="departures"} 0');
  expect(await metrics()).toContain('nearlight_moves_total{outcome="committed"} 2');
});

test('a player for whom the other host has no seat goes on with the score', async () => {
  // The player of the test above has the only seat there.
  expect(await players(west)).toEqual({ score: 1 });
  const page = await play(1);
  const [red] = await pictureColour(page);
  const result = await move({ game: 'score', seat: 0, host: 'west' });
  expect(result).toMatchObject({ outcome: 'compensated', code: 'NL_ROOM_FULL' });
  await expectSeamless(page, red);
  await press(page, 1);
  await page.close();
});
