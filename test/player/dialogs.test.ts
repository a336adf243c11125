/** The dialogs over the game: in each language on each device, axe finds nothing to mend, and nothing is cut off. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { LANGUAGES, type Language } from '../../host/player/languages.ts';
import { eventually } from '../wait.ts';
import { DEVICES, faults, layOutFor } from './axe.ts';
import { shoot, startVisits } from './visit.ts';

const ACTIONS = [
  { names: { en: 'Jump', zh: '跳跃' }, keys: ['Space'], buttons: [16] },
  { names: { en: 'Move forward', zh: '前进' }, keys: ['KeyW', 'ArrowUp'], buttons: [] },
];

let visits: Awaited<ReturnType<typeof startVisits>>;
let page: Page;

beforeAll(async () => {
  visits = await startVisits();
});
afterAll(() => visits?.close());

/** The parts of the page that cover the game: how each opens, and how it closes again. */
const COVERS: Readonly<Record<string, { part: string; open(): Promise<void>; close(): Promise<void> }>> = {
  settings: { part: '.settings[open]', open: openSettings, close: () => page.keyboard.press('Escape') },
  controls: {
    part: '.settings[open]',
    async open() {
      await openSettings();
      await page.click('.controls summary');
      await page.evaluate(() => document.querySelector('.controls-panel li')?.scrollIntoView());
    },
    close: () => page.keyboard.press('Escape'),
  },
  capture: {
    part: '.settings[open]',
    async open() {
      await openSettings();
      await page.click('.controls summary');
      await page.click('.controls-panel li button');
    },
    async close() {
      // The first Escape ends the wait for a key.
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
    },
  },
  invitation: {
    part: '.invitation[open]',
    async open() {
      await press('invite');
      await page.waitForSelector('.invitation[open] .qr');
    },
    close: () => page.keyboard.press('Escape'),
  },
  text: {
    part: '.text-entry',
    async open() {
      tell({ kind: 'text', number: ++questions, prompt: 'Your name', initial: 'Zoë', lengthMax: 16 });
      await page.waitForSelector('.text-entry', { state: 'visible' });
    },
    close: () => page.keyboard.press('Escape'),
  },
  caption: {
    part: '.caption',
    async open() {
      await press('screenshot');
      await page.waitForFunction(() => document.querySelector('.caption')?.classList.contains('empty') === false);
    },
    close: async () => {},
  },
};

let questions = 0;
const tell = (notice: object) => must(visits.seat().connection, 'connection').notify(notice as never);

async function openSettings(): Promise<void> {
  await press('settings');
  await page.waitForSelector('.settings[open]');
}

/** Presses a button of the bar, which a small page may hide. */
async function press(name: string): Promise<void> {
  await page.evaluate((tool) => document.querySelector<HTMLElement>(`nav .${tool}`)?.click(), name);
}

describe.each(Object.keys(LANGUAGES) as Language[])('in the language %s', (language) => {
  beforeAll(async () => {
    const settings = { size: '640x360', fps: '30', language };
    page = await visits.visit({ settings, reducedMotion: 'reduce' });
    await page.click('#play');
    await page.waitForSelector('#card', { state: 'hidden' });
    await page.evaluate(() => document.exitPointerLock());
    await page.waitForSelector('nav .settings');
    tell({ kind: 'joined', seat: 0, seats: 4, width: 640, height: 360, fps: 30, game: 'Arena', actions: ACTIONS });
    await page.waitForFunction(() => document.getElementById('hints')?.querySelectorAll('.action').length === 1);
  });

  test('the actions of the game name the buttons on the screen, and a button that does nothing is gone', async () => {
    const jump = language === 'zh' ? '跳跃' : 'Jump';
    expect(await page.textContent('#hints .action')).toBe(`Space${jump}`);
    expect(await page.getAttribute('#jump', 'aria-label')).toBe(jump);
    expect(
      await page.locator('#jump, #fire').evaluateAll((all) => all.map((one) => (one as HTMLElement).hidden)),
    ).toEqual([false, true]);
  });

  test('a key that is chosen for an action does it', async () => {
    await openSettings();
    await page.click('.controls summary');
    await page.click('.controls-panel li button');
    await page.keyboard.press('KeyJ');
    await page.keyboard.press('Escape');
    await eventually(async () => {
      await page.keyboard.press('KeyJ');
      expect(visits.seat().pressed).toContain('key 44');
    });
  });

  test.each(Object.keys(COVERS))('on every device: %s', async (name) => {
    const { part, open, close } = must(COVERS[name], name);
    await layOutFor(page, must(DEVICES[0], 'device'));
    await open();
    for (const device of DEVICES) {
      await layOutFor(page, device);
      // A caption is gone after some seconds.
      if (name === 'caption') await open();
      await shoot(page, `${name}-${device.name}-${language}`);
      expect([device.name, await faults(page, part)]).toEqual([device.name, []]);
      const box = must(await page.locator(part).boundingBox(), part);
      const { width, height } = device.viewport;
      expect([device.name, box.x >= 0, box.y >= 0, box.x + box.width <= width, box.y + box.height <= height]).toEqual([
        device.name,
        true,
        true,
        true,
        true,
      ]);
      // Nothing in it is wider than the part itself.
      const overflow = await page.evaluate((selector) => {
        const found = document.querySelector(selector);
        return found ? found.scrollWidth - found.clientWidth : Number.NaN;
      }, part);
      expect([device.name, overflow]).toEqual([device.name, 0]);
    }
    await close();
    expect(visits.complaints).toEqual([]);
  });
});
