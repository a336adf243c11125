/**
 * Brings about each state of the player on a desktop and on a phone, upright and sideways, and checks each with axe. If the
 * environment variable SCREENSHOTS names a folder, a picture of each is written there.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { SHORT_HOLD_MS, startGame } from './game.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const QUERY = '?size=640x360&fps=30';

const DEVICES = {
  desktop: { viewport: { width: 1280, height: 720 } },
  upright: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  sideways: { viewport: { width: 844, height: 390 }, hasTouch: true, isMobile: true },
} as const;

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
    await page.waitForFunction(() => /seat/.test(document.getElementById('away-left')?.textContent ?? ''));
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
  spectator: () => open('playing', `${QUERY}&spectate`),
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

describe.each(Object.entries(DEVICES))('the page on a device: %s', (device, options) => {
  test.each(Object.keys(STATES))('axe finds nothing to mend in the state: %s', async (name) => {
    context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
    page = await context.newPage();
    page.on('response', (response) => {
      location = response.headers().location ?? location;
    });
    await must(STATES[name], name)();
    const folder = process.env.SCREENSHOTS;
    if (folder) await page.screenshot({ path: `${folder}/${name}-${device}.png` });
    expect(await faults()).toEqual([]);
    // A page that still holds its seat would keep it until the hold is over.
    await page.evaluate(() => nearlight.leave());
    // One that is not connected cannot say so.
    await fetch(new URL(location, game.url), { method: 'DELETE' });
  });
});

/** Returns the accessibility faults that axe finds in the page, each with the element. */
async function faults(): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => `${id}: ${target.join(' ')} ${html}`));
}

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
