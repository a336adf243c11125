import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';

let browser: Browser;
let game: Awaited<ReturnType<typeof startGame>>;
let page: Page;

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
  await eventually(() => expect(game.seats.every((seat) => seat.closed !== undefined)).toBe(true));
  game.seats.length = 0;
  page = await (await browser.newContext({ viewport: { width: 800, height: 600 } })).newPage();
  // A keyboard alone does not lock the pointer.
  await page.addInitScript(() => {
    HTMLElement.prototype.requestPointerLock = () => Promise.reject(new DOMException('', 'NotAllowedError'));
  });
  await page.goto(`${game.url}?size=320x180&fps=30`);
  await page.waitForSelector('body[data-state=playing]', { timeout: WAIT_MS_MAX });
});

/** Returns the id of the element in the player that has the focus, and whether the browser draws a frame around it. */
const focused = () =>
  page.evaluate(() => {
    const element = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element as Element);
    return [element?.id, outlineStyle !== 'none' && outlineWidth !== '0px'];
  });

/** Presses Tab until an element has the focus. */
async function tabTo(id: string): Promise<void> {
  const passed: unknown[] = [];
  for (let press = 0; press < 12; press++) {
    await page.keyboard.press('Tab');
    const [now] = await focused();
    if (now === id) return;
    passed.push(now);
  }
  throw new Error(`Tab does not reach ${id}, but ${passed.join(', ')}`);
}

test('Tab reaches each control, with a visible focus, and Enter and Space operate it', async () => {
  void at(game.seats, -1).sing();
  await page.waitForSelector('#loudness', { state: 'visible', timeout: WAIT_MS_MAX });
  for (const id of ['play', 'volume', 'speaker', 'figures', 'full']) {
    await tabTo(id);
    expect(await focused()).toEqual([id, true]);
  }
  await tabTo('figures');
  await page.keyboard.press('Enter');
  expect(await page.isVisible('#stats')).toBe(true);
  await page.keyboard.press('Space');
  expect(await page.isVisible('#stats')).toBe(false);
  expect(at(game.seats, -1).pressed).toEqual([]);
});

test('Enter on Play gives the keyboard to the picture, and Tab takes it back', async () => {
  await tabTo('play');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#card', { state: 'hidden' });
  expect((await focused())[0]).toBe('stage');
  await page.keyboard.press('KeyW');
  await eventually(() => expect(at(game.seats, -1).pressed).toContain('key 26'));
  await tabTo('figures');
  await page.keyboard.press('Enter');
  expect(await page.isVisible('#stats')).toBe(true);
});

test('a screen reader hears of each state once, and not of the figures', async () => {
  const heard = () => page.textContent('#announcement');
  expect(await heard()).toBe('Arena: playing');
  await page.waitForFunction(() => /fps/.test(document.getElementById('status')?.textContent ?? ''));
  expect(await heard()).toBe('Arena: playing');
  await at(game.seats, -1).connection?.end('NL_GUEST_TRAP', 'the game divided by zero', false);
  await page.waitForSelector('body[data-state=ended]');
  expect(await heard()).toBe('The game stopped. the game divided by zero');
});
