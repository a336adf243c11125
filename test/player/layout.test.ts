import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { CONTROL_BOUNDS } from '../../host/player/controls.ts';
import { startBrowser } from '../e2e/host.ts';
import { WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';

const SIZES = [
  ['a phone upright', 390, 844],
  ['a small phone upright', 320, 568],
  ['a phone sideways', 844, 390],
  ['a small phone sideways', 568, 320],
  ['a tablet upright', 820, 1180],
  ['a tablet sideways', 1180, 820],
] as const;

let browser: Browser;
let game: Awaited<ReturnType<typeof startGame>>;

beforeAll(async () => {
  game = await startGame();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await game?.close();
});

/** Opens the page on a touch screen, begins to play, and returns the page. */
async function play(width: number, height: number): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    hasTouch: true,
    isMobile: true,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(`${game.url}?size=320x180&fps=10`);
  await page.waitForSelector('body[data-state=playing]', { timeout: WAIT_MS_MAX });
  await page.locator('#card').tap({ position: { x: 10, y: 10 } });
  await page.locator('#fire').waitFor();
  return page;
}

/** Gives the touch controls another size and other sides, as the player does in the settings. */
function arrange(page: Page, touchScale: number, leftHanded: boolean): Promise<void> {
  return page.evaluate(
    (change) => {
      const area = document.getElementById('touch');
      area?.style.setProperty('--touch-scale', String(change.touchScale));
      area?.classList.toggle('left-handed', change.leftHanded);
    },
    { touchScale, leftHanded },
  );
}

describe.each(SIZES)('the touch controls on %s', (name, width, height) => {
  test('the touch controls lie in the page and do not cover each other, in each size and for both hands', async () => {
    const page = await play(width, height);
    const { min, usual, max } = CONTROL_BOUNDS.touchScale;
    for (const touchScale of [min, usual, max])
      for (const leftHanded of [false, true]) {
        const where = `${name}, size ${touchScale}, ${leftHanded ? 'left-handed' : 'right-handed'}`;
        await arrange(page, touchScale, leftHanded);
        const boxes = [];
        for (const id of ['#stick', '#fire', '#jump', '#bar nav'])
          boxes.push({ id, ...must(await page.locator(id).boundingBox(), id) });
        for (const { id, x, y, width: w, height: h } of boxes.slice(0, 3))
          expect([x >= 0, y >= 0, x + w <= width, y + h <= height], `${id} on ${where}`).toEqual([
            true,
            true,
            true,
            true,
          ]);
        for (const [n, one] of boxes.entries())
          for (const other of boxes.slice(n + 1)) {
            const apart =
              one.x + one.width <= other.x ||
              other.x + other.width <= one.x ||
              one.y + one.height <= other.y ||
              other.y + other.height <= one.y;
            expect(apart, `${one.id} and ${other.id} on ${where}`).toBe(true);
          }
        const [stick, fire] = [must(boxes[0], 'stick'), must(boxes[1], 'fire button')];
        expect(stick.x > fire.x).toBe(leftHanded);
        const folder = process.env.SCREENSHOTS;
        if (folder && touchScale === usual) await page.screenshot({ path: `${folder}/${where}.png` });
      }
    await page.context().close();
  });
});

test('the page arranges the touch controls as the player has once chosen', async () => {
  const page = await play(844, 390);
  const before = must(await page.locator('#fire').boundingBox(), 'fire button');
  await page.evaluate(() => localStorage.setItem('nearlight controls', '{"touchScale":1.5,"leftHanded":true}'));
  await page.reload();
  await page.waitForSelector('body[data-state=playing]', { timeout: WAIT_MS_MAX });
  await page.locator('#card').tap({ position: { x: 10, y: 10 } });
  await page.locator('#fire').waitFor();
  const after = must(await page.locator('#fire').boundingBox(), 'fire button');
  expect([Math.round(after.width / before.width / 0.1), after.x < 422]).toEqual([15, true]);
  await page.context().close();
});
