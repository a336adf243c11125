/**
 * Brings about each state of the player, lays it out for a desktop, a tablet and a phone upright and sideways, and checks each with axe.
 * If the environment variable SCREENSHOTS names a folder, a picture of each is written there; LOCALE names their language.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { DEVICES, faults, layOutFor } from './axe.ts';
import { SHORT_HOLD_MS, startGame } from './game.ts';
import { shoot } from './visit.ts';

const QUERY = '?size=640x360&fps=30';

let browser: Browser;
let context: BrowserContext | undefined;
let game: Awaited<ReturnType<typeof startGame>>;
let page: Page;
let location = '';

/** How each state comes about. The page is blank at first. */
const STATES: Readonly<Record<string, () => Promise<void>>> = {
  async connecting() {
    await page.route('**/whep?*', () => {});
    await open();
    await shows('connecting');
  },
  card: () => open('playing'),
  playing: play,
  async statistics() {
    await play();
    await page.waitForFunction(() => nearlight.stats().latencyP50 > 0);
    await act('figures');
    await page.waitForFunction(() => document.getElementById('stat-p50')?.textContent !== '–');
  },
  async sound() {
    await play();
    void at(game.seats, -1).sing();
    await page.waitForSelector('[data-sound="on"]', { timeout: WAIT_MS_MAX });
    await page.focus('#volume');
  },
  async blocked() {
    await page.route('**/whep?*', (route) => route.fulfill({ status: 404, body: '<h1>Not Found</h1>' }));
    await open('connecting', '');
    await page.waitForSelector('[data-state=blocked]');
  },
  async waiting() {
    game.refuse = true;
    await open('waiting');
  },
  async reconnecting() {
    game.config.returnMsMax = 30_000;
    await play();
    await page.route('**/whep?*', (route) => route.abort());
    await fetch(new URL(`${location}?hold`, game.url), { method: 'DELETE' });
    await shows('reconnecting');
    await page.waitForFunction(() => document.getElementById('away-left')?.textContent !== '');
  },
  async away() {
    game.config.returnMsMax = 30_000;
    await play();
    await page.route('**/whep?*', (route) => route.fulfill({ status: 200, body: '<h1>Welcome</h1>' }));
    await fetch(new URL(`${location}?hold`, game.url), { method: 'DELETE' });
    await page.waitForFunction(() => (document.getElementById('away-text')?.textContent ?? '').length > 20);
  },
  async ended() {
    await play();
    await must(at(game.seats, -1).connection, 'connection').end('NL_GUEST_TRAP', 'the game divided by zero', false);
    await shows('ended');
  },
  error: () => open('ended', '?size=9999x10'),
  async smaller() {
    game.wanted = { width: 1280, height: 720, fps: 60 };
    await play();
    await page.waitForSelector('#smaller', { state: 'visible' });
  },
  async paused() {
    await play();
    const notice = { kind: 'paused', code: 'NL_ROOM_ENDED', message: 'the game has ended' } as const;
    must(at(game.seats, -1).connection, 'connection').notify(notice);
    await page.waitForSelector('#interval', { state: 'visible' });
  },
  async elsewhere() {
    await play();
    const message = 'you play in another tab';
    await must(at(game.seats, -1).connection, 'connection').end('NL_SEAT_IN_USE', message, false);
    await shows('ended');
  },
  spectator: () => open('playing', `${QUERY}&spectate`),
  async 'spectator-waiting'() {
    await open('playing', `${QUERY}&spectate`);
    const notice = { kind: 'paused', code: 'NL_NO_PLAYERS', message: 'No one plays the game' } as const;
    must(at(game.spectators, -1).connection, 'connection').notify(notice);
    await page.waitForSelector('#interval', { state: 'visible' });
  },
  async idle() {
    await play();
    await page.evaluate(() => nearlight.leave());
    await shows('idle');
  },
};

beforeAll(async () => {
  game = await startGame();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await game?.close();
});

beforeEach(async () => {
  await context?.close();
  // A seat that the queue has kept for a page which has left is free after ten seconds, and disturbs no other page.
  const isOver = (seat: (typeof game.seats)[number]) =>
    seat.closed !== undefined || (seat.connection === undefined && seat.lost === 0);
  await eventually(() => expect(game.seats.every(isOver)).toBe(true));
  game.refuse = false;
  game.wanted = undefined;
  game.config.returnMsMax = SHORT_HOLD_MS;
  game.seats.length = 0;
});

test.each(Object.keys(STATES))('axe finds nothing to mend in the state %s, whatever the device', async (name) => {
  context = await browser.newContext({ locale: process.env.LOCALE ?? 'en', reducedMotion: 'reduce' });
  page = await context.newPage();
  page.on('response', (response) => {
    location = response.headers().location ?? location;
  });
  await must(STATES[name], name)();
  for (const device of DEVICES) {
    await layOutFor(page, device);
    await shoot(page, `${name}-${device.name}`);
    expect([device.name, await faults(page)]).toEqual([device.name, []]);
  }
  // A page that still holds its seat would keep it until the hold is over.
  await page.evaluate(() => nearlight.leave());
  // One that is not connected cannot say so.
  await fetch(new URL(location, game.url), { method: 'DELETE' });
});

async function open(state = 'connecting', query = QUERY): Promise<void> {
  await page.goto(game.url + query);
  await shows(state);
}

/** Starts to play as a player on this device does. */
async function play(): Promise<void> {
  await open('playing');
  await page.locator('#play').click();
  await page.waitForSelector('#card', { state: 'hidden' });
  await page.evaluate(() => document.exitPointerLock());
}

const act = (id: string) => page.evaluate((name) => document.getElementById(name)?.click(), id);

async function shows(state: string): Promise<void> {
  await page.waitForSelector(`body[data-state=${state}]`, { timeout: WAIT_MS_MAX });
}
