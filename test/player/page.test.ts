import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { SHORT_HOLD_MS, startGame } from './game.ts';
import { brightness } from './visit.ts';

const SMALL = '?size=320x180&fps=30';

let browser: Browser;
let game: Awaited<ReturnType<typeof startGame>>;
let page: Page;
let complaints: string[];
let location: string;

beforeAll(async () => {
  game = await startGame();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await game?.close();
});

beforeEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await until(() => game.seats.every((seat) => seat.closed !== undefined));
  game.refuse = false;
  game.config.returnMsMax = SHORT_HOLD_MS;
  game.seats.length = 0;
  complaints = [];
});

describe('the page when something goes wrong', () => {
  test('the page waits for a seat, says its number, and plays without a click when its turn comes', async () => {
    game.refuse = true;
    await open(SMALL);
    await shows('waiting');
    expect(await page.textContent('#title')).toBe('All seats are taken');
    expect(await page.textContent('#message')).toContain('You are number 1 in the queue.');
    await shot('waiting');
    game.refuse = false;
    await shows('playing');
    expect(game.seats).toHaveLength(1);
  });

  test('the page takes back its own seat after a reload, and frees it when it leaves', async () => {
    game.config.returnMsMax = 30_000;
    await open(SMALL);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await until(() => seat().held.size === 1);
    await page.reload();
    await until(() => seat().lost === 1);
    await shows('playing');
    expect([game.seats.length, seat().closed]).toEqual([1, undefined]);
    await page.evaluate(() => nearlight.leave());
    await until(() => seat().closed === 'deleted');
  });

  test('the page shows its dimmed last picture and a countdown while it reconnects, and what is held acts again', async () => {
    game.config.returnMsMax = 30_000;
    await open(SMALL);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await page.waitForFunction(brightness, [150, 256] as const);
    await page.route('**/whep?*', (route) => route.abort());
    await fetch(new URL(`${location}?hold`, game.url), { method: 'DELETE' });
    await shows('reconnecting');
    expect(await page.textContent('#away-text')).toBe('Reconnecting…');
    expect(await page.textContent('#away-left')).toMatch(/^Your seat is kept for \d+ s\.$/);
    expect(await page.evaluate(brightnessOfCopy)).toBeGreaterThan(150);
    await shot('reconnecting');
    await page.unroute('**/whep?*');
    await shows('playing');
    await until(() => seat().held.has('key 26'));
    expect(game.seats).toHaveLength(1);
    await page.evaluate(() => nearlight.leave());
  });

  test('a page in the background takes no seat until it is in front, and tells the host when it is hidden', async () => {
    const context = await browser.newContext({ viewport: { width: 640, height: 400 } });
    page = await context.newPage();
    await page.addInitScript(() => {
      const state = globalThis as { away?: boolean };
      state.away = true;
      Object.defineProperty(document, 'hidden', { get: () => state.away });
    });
    await page.goto(game.url + SMALL);
    await page.waitForTimeout(500);
    expect([game.seats.length, await page.textContent('#message')]).toEqual([
      0,
      'The game begins when you look at this page.',
    ]);
    await look(true);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await until(() => seat().held.size === 1);
    await look(false);
    await until(() => seat().hidden && seat().held.size === 0);
    await look(true);
    await until(() => !seat().hidden);
    expect(game.seats).toHaveLength(1);
  });

  test('the page shows which sizes are allowed, and offers the default one', async () => {
    await open('?size=9999x10&fps=60');
    await shows('ended');
    expect(await page.textContent('#message')).toContain('size must be WIDTHxHEIGHT');
    expect(await page.isVisible('#retry')).toBe(false);
    expect(await page.isVisible('#defaults')).toBe(true);
    // The headline and the link do not mention the size, because the page also shows them for an unknown game.
    expect(await page.textContent('#title')).toBe('Not available here');
    expect(await page.textContent('#defaults')).toBe('Play with the default settings');
  });

  test('the page shows why the game has ended', async () => {
    await open(SMALL);
    await shows('playing');
    await must(seat().connection, 'connection').end('NL_GUEST_TRAP', 'the game divided by zero', false);
    await shows('ended');
    expect(await page.textContent('#message')).toBe('the game divided by zero');
    expect(await page.isVisible('#retry')).toBe(false);
  });

  test('the page connects again if the connection is lost without a notice', async () => {
    await open(SMALL);
    await shows('playing');
    await fetch(new URL(location, game.url), { method: 'DELETE' });
    await until(() => game.seats.length === 2);
    await shows('playing');
    await page.waitForFunction(brightness, [0, 100] as const);
  });
});

describe('the page while playing', () => {
  test('the page asks for the size in its address, measures latency, and obeys the content policy', async () => {
    await open(SMALL);
    await shows('playing');
    expect([seat().width, seat().height, seat().fps]).toEqual([320, 180, 30]);
    // The page's figures are about the last seconds, so a slow page may lack some of them for a while.
    const found = await page.waitForFunction(() => {
      const stats = nearlight.stats();
      const measured = [stats.fps, stats.latencyP50, stats.serverP50, stats.bitrate].every((figure) => figure > 0);
      return measured && stats.rtt >= 0 && stats.framesShown > 5 ? stats : undefined;
    });
    const stats = must(await found.jsonValue(), 'figures');
    expect(stats.width).toBe(320);
    expect(stats.latencyP99).toBeGreaterThanOrEqual(stats.latencyP50);
    // On a busy machine, answers take long, and the page calls the network unsteady or poor.
    const summary = /^\d+ fps · \d+ ms(?: · (?:unsteady|poor) network)?$/;
    await eventually(async () => expect(await page.textContent('#status')).toMatch(summary));
    expect(await page.textContent('#title')).toBe('Arena');
    expect(complaints).toEqual([]);
  });

  test('the page says when the server gives it a smaller picture than it asked for', async () => {
    game.wanted = { width: 1280, height: 720, fps: 60 };
    await open(SMALL);
    await shows('playing');
    game.wanted = undefined;
    await page.waitForSelector('#smaller', { state: 'visible' });
    expect(await page.textContent('#smaller-text')).toBe(
      'This server is busy: your picture is 320 × 180 at 30 fps instead of 1280 × 720 at 60 fps.',
    );
    await open(SMALL);
    await shows('playing');
    expect(await page.isVisible('#smaller')).toBe(false);
  });

  test('the page frees its seat at once when it is closed', async () => {
    await open(SMALL);
    await shows('playing');
    await page.goto('about:blank');
    await until(() => seat().closed !== undefined);
    // The DELETE request and the end of the connection may arrive in either order.
    expect(['page', 'deleted']).toContain(seat().closed);
  });
});

async function open(query: string): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 640, height: 400 } });
  page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', (response) => {
    location = response.headers().location ?? location;
  });
  await page.goto(game.url + query);
}

/** Returns the player that joined last. */
function seat() {
  return at(game.seats, -1);
}

/** Shows or hides the page, as far as it can tell. */
function look(isShown: boolean): Promise<void> {
  return page.evaluate((shown) => {
    (globalThis as { away?: boolean }).away = !shown;
    document.dispatchEvent(new Event('visibilitychange'));
  }, isShown);
}

/** Takes a picture of the page, if the environment says where to keep it. */
async function shot(name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

async function shows(state: string): Promise<void> {
  await page.waitForSelector(`body[data-state=${state}]`, { timeout: WAIT_MS_MAX });
}

async function until(done: () => boolean): Promise<void> {
  await eventually(() => expect(done(), `${done}; ${JSON.stringify(game.seats.at(-1)?.pointer)}`).toBe(true));
}

/** Runs in the page. Returns the brightness of the copy of the last picture, of 255. */
function brightnessOfCopy(): number {
  const [, green = -1] = document.querySelector('canvas')?.getContext('2d')?.getImageData(0, 0, 1, 1).data ?? [];
  return green;
}
