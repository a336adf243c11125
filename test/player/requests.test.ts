import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Notice } from '../../host/base/protocol.ts';
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
  await until(() => game.seats.every((seat) => seat.closed !== undefined));
  game.seats.length = 0;
});

/** Opens the page and plays. Effects of the page's one gamepad go to `globalThis.effects`. */
async function play(options: BrowserContextOptions = {}): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 640, height: 400 }, ...options });
  page = await context.newPage();
  await page.goto(`${game.url}?size=320x180&fps=30`);
  await page.waitForSelector('body[data-state=playing]', { timeout: WAIT_MS_MAX });
  await page.evaluate(() => {
    const effects: unknown[] = [];
    const vibrationActuator = {
      playEffect: async (type: string, effect: object) => void effects.push([type, effect]),
      reset: async () => void effects.push('reset'),
    };
    const buttons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
    const pad = { mapping: 'standard', buttons, axes: [0, 0, 0, 0], vibrationActuator };
    navigator.getGamepads = () => [pad as unknown as Gamepad];
    dispatchEvent(new Event('gamepadconnected'));
    Object.assign(globalThis, { effects });
  });
}

const seat = () => at(game.seats, -1);
const tell = (notice: Notice) => must(seat().connection, 'connection').notify(notice);
const ask = (number: number, change: Partial<Notice & { kind: 'text' }> = {}) =>
  tell({ kind: 'text', number, prompt: 'Your name', initial: '', lengthMax: 8, ...change });
const field = () => page.getByLabel('Your name');
const effects = (): Promise<unknown[]> =>
  page.evaluate(() => (globalThis as unknown as { effects: unknown[] }).effects);

async function until(done: () => boolean): Promise<void> {
  await eventually(() => expect(done(), `${done}`).toBe(true));
}

/** Takes a picture of the page, if the environment says where to keep it. */
async function shot(name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

describe('the form for a text', () => {
  test('the player enters a text with real keys, and none of them reaches the game or stays held', async () => {
    await play();
    await page.keyboard.down('KeyW');
    await until(() => seat().held.has('key 26'));
    ask(3, { initial: 'Bob' });
    await field().waitFor();
    await until(() => seat().held.size === 0);
    expect(await field().inputValue()).toBe('Bob');
    seat().pressed.length = 0;
    await page.keyboard.type('Zoë 12345');
    await shot('text');
    await page.keyboard.press('Enter');
    await until(() => seat().texts.length === 1);
    expect(seat().texts).toEqual([[3, 'Zoë 1234']]);
    expect([seat().pressed, seat().held.size]).toEqual([[], 0]);
    expect(await field().isVisible()).toBe(false);
    // The game has the focus again.
    await page.keyboard.up('KeyW');
    await page.keyboard.press('KeyA');
    await until(() => seat().pressed.includes('key 4'));
  });

  test('Escape and the button cancel, a press of the other button submits, and pasting works', async () => {
    await play();
    ask(1);
    await field().waitFor();
    await page.keyboard.press('Escape');
    await until(() => seat().texts.length === 1);
    ask(2);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await until(() => seat().texts.length === 2);
    ask(3);
    await field().waitFor();
    await page.evaluate(() => document.execCommand('insertText', false, 'a\tb'));
    await page.getByRole('button', { name: 'OK' }).click();
    await until(() => seat().texts.length === 3);
    expect(seat().texts).toEqual([
      [1, undefined],
      [2, undefined],
      [3, 'ab'],
    ]);
    expect(seat().pressed).toEqual([]);
  });

  test('an input method composes without submitting, and Escape ends only the composition', async () => {
    await play();
    ask(1);
    await field().waitFor();
    await page.evaluate(() => {
      const input = document.activeElement?.shadowRoot?.activeElement;
      for (const key of ['Escape', 'Enter'])
        input?.dispatchEvent(new KeyboardEvent('keydown', { code: key, key, isComposing: true, bubbles: true }));
    });
    expect(await field().isVisible()).toBe(true);
    expect([seat().texts, seat().pressed]).toEqual([[], []]);
  });

  test('the form closes when the game ends the request, pauses or is lost, and keeps what was entered', async () => {
    await play();
    ask(1);
    await field().waitFor();
    tell({ kind: 'text-end', number: 1 });
    await field().waitFor({ state: 'hidden' });
    ask(2);
    await field().waitFor();
    await page.keyboard.type('half');
    tell({ kind: 'paused', code: 'NL_ROOM_ENDED', message: '' });
    await field().waitFor({ state: 'hidden' });
    ask(2);
    await field().waitFor();
    expect(await field().inputValue()).toBe('half');
    ask(3);
    await until(() => seat().texts.length === 0);
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>('.text-entry input')?.value === '');
    // A gamepad goes on to be read afterwards.
    await page.keyboard.press('Escape');
    await until(() => seat().texts.length === 1);
  });

  test('the form fits a phone, above its keyboard', async () => {
    await play({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    ask(1);
    await field().waitFor();
    const box = must(await page.locator('.text-entry').boundingBox(), 'form');
    expect([box.x >= 0, box.x + box.width <= 390, box.y + box.height < 844 / 2]).toEqual([true, true, true]);
    await shot('text-phone');
    await page.getByRole('button', { name: 'Cancel' }).tap();
    await until(() => seat().texts.length === 1);
  });
});

describe('rumble', () => {
  const rumble = (strong: number, pad = 0) => tell({ kind: 'rumble', pad, strong, weak: 0, milliseconds: 100 });
  const effect = ['dual-rumble', { duration: 100, strongMagnitude: 1, weakMagnitude: 0 }];

  test('an effect shakes the gamepad of the player, and ends when the game pauses or the page is hidden', async () => {
    await play();
    rumble(1);
    rumble(1, 1);
    tell({ kind: 'paused', code: 'NL_ROOM_ENDED', message: '' });
    await eventually(async () => expect(await effects()).toEqual([effect, 'reset']));
    rumble(1);
    await eventually(async () => expect(await effects()).toHaveLength(3));
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { get: () => true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    rumble(1);
    ask(1);
    await field().waitFor();
    expect(await effects()).toEqual([effect, 'reset', effect, 'reset']);
  });
});
