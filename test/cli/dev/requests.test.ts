/** The requests of a game to its player, in the tab of its author: the same as on the page for streamed games. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../wait.ts';
import { copySources, serve, shown, startGpuBrowser } from './browser.ts';

const copy = copySources(['examples/controls.ts', 'examples/controls.assets/controls.json']);
let dev: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;
/** Lines that the game has logged. */
const lines: string[] = [];

/** Gives the page a gamepad whose effects go to `globalThis.effects`. Runs inside the page. */
function plugIn(): void {
  const effects: unknown[] = [];
  const vibrationActuator = {
    playEffect: async (type: string, effect: object) => void effects.push([type, effect]),
    reset: async () => void effects.push('reset'),
  };
  const buttons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
  const pad = { mapping: 'standard', buttons, axes: [0, 0, 0, 0], vibrationActuator };
  navigator.getGamepads = () => [pad as unknown as Gamepad];
  Object.assign(globalThis, {
    effects,
    press: (value: number) => Object.assign(buttons[0] ?? {}, { pressed: value > 0, value }),
  });
  addEventListener('load', () => dispatchEvent(new Event('gamepadconnected')));
}

beforeAll(async () => {
  [dev, browser] = await Promise.all([serve(copy.path('examples/controls.ts')), startGpuBrowser()]);
  page = await browser.newPage({ viewport: { width: 800, height: 600 } });
  page.on('console', (message) => lines.push(message.text()));
  await page.addInitScript(plugIn);
  await page.goto(dev.url);
  await shown(page, 1);
});

afterAll(async () => {
  await browser?.close();
  await dev?.close();
  copy.remove();
});

beforeEach(async () => {
  lines.length = 0;
  await page.focus('#stage');
});

const field = () => page.locator('.text-entry input');
const logged = (line: string) =>
  eventually(() =>
    expect(
      lines.some((one) => one.includes(line)),
      `${lines}`,
    ).toBe(true),
  );
const effects = (): Promise<unknown[]> =>
  page.evaluate(() => (globalThis as unknown as { effects: unknown[] }).effects);
const press = (value: number): Promise<void> =>
  page.evaluate((now) => (globalThis as unknown as { press(value: number): void }).press(now), value);

describe('a game in the tab of its author', () => {
  test('asks for a text, gets it, and gets the keys again afterwards', async () => {
    await page.keyboard.press('Enter');
    await field().waitFor();
    await page.keyboard.type('Zoë');
    await page.keyboard.press('Enter');
    await logged('hello Zoë');
    await field().waitFor({ state: 'hidden' });
    await page.keyboard.press('Enter');
    await field().waitFor();
    expect(await field().inputValue()).toBe('Zoë');
    await page.keyboard.press('Escape');
    await logged('has no new name');
  });

  test('shakes the gamepad whose button is pressed', async () => {
    await press(1);
    await logged('pressed gamepad 0');
    const effect = ['dual-rumble', { duration: 200, strongMagnitude: 1, weakMagnitude: 0.5 }];
    await eventually(async () => expect(await effects()).toContainEqual(effect));
    await press(0);
  });

  test('names its actions in the panel for the controls, and takes the key that is chosen there, also after a reload', async () => {
    const panel = page.locator('#panel');
    expect(await panel.isVisible()).toBe(false);
    await page.click('#controls');
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['Enter your nameEnter']);
    await page.getByRole('button', { name: 'Enter your name' }).click();
    await page.keyboard.press('KeyN');
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['Enter your nameN']);
    expect(await field().isVisible()).toBe(false);
    await page.click('#controls');
    expect(await panel.isVisible()).toBe(false);
    for (const reload of [false, true]) {
      if (reload) await page.reload();
      await shown(page, 1);
      await page.focus('#stage');
      await eventually(async () => {
        await page.keyboard.press('KeyN');
        expect(await field().isVisible()).toBe(true);
      });
      await page.keyboard.press('Escape');
      await field().waitFor({ state: 'hidden' });
    }
    // The button on the screen with which this game does nothing is gone.
    expect(await page.locator('#fire').getAttribute('hidden')).toBe('');
    expect(await page.locator('#jump').getAttribute('aria-label')).toBe('Shake the gamepad');
  });
});
