import { writeFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HostProcess, openGame, pictureColour, startBrowser, startHostProcess } from './host.ts';

let host: HostProcess;
let browser: Browser;

beforeAll(async () => {
  [host, browser] = await Promise.all([
    startHostProcess(['build/latency.wasm', 'build/triangle.wasm', 'build/arena.wasm']),
    startBrowser(),
  ]);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

const brightness = async (page: Page): Promise<number> => (await pictureColour(page)).reduce((a, b) => a + b) / 3;
const players = async (game: string): Promise<number> =>
  (await host.status()).rooms.find((room) => room.name === game)?.players ?? -1;

describe('a browser', () => {
  test('joins, sees its key in the picture, lets go, and leaves', async () => {
    const page = await openGame(browser, `${host.url}?size=640x360`);
    expect(
      await page.evaluate(() => [
        document.querySelector('video')!.videoWidth,
        document.querySelector('video')!.videoHeight,
      ]),
    ).toEqual([640, 360]);
    await page.locator('#play').click();
    expect(await brightness(page)).toBeLessThan(10);
    await page.keyboard.down('KeyW');
    await expect.poll(() => brightness(page)).toBeGreaterThan(245);
    await page.keyboard.up('KeyW');
    await expect.poll(() => brightness(page)).toBeLessThan(10);
    expect(await players('latency')).toBe(1);
    await page.close();
    await expect.poll(() => players('latency'), { timeout: 5000 }).toBe(0);
  });

  test('releases its keys when the page loses the focus', async () => {
    const page = await openGame(browser, `${host.url}?size=320x180`);
    await page.locator('#play').click();
    await page.keyboard.down('KeyW');
    await expect.poll(() => brightness(page)).toBeGreaterThan(245);
    await page.evaluate(() => window.dispatchEvent(new Event('blur')));
    await expect.poll(() => brightness(page)).toBeLessThan(10);
    await page.close();
  });

  test('sees the picture move, in the game that it asks for', async () => {
    const page = await openGame(browser, `${host.url}?game=triangle&size=640x360`);
    const shot = () => page.locator('video').screenshot();
    const first = await shot();
    await page.waitForTimeout(300);
    expect(first.equals(await shot())).toBe(false);
    await page.close();
  });

  test('asks for what is not there and is told so', async () => {
    const page = await browser.newPage();
    await page.goto(`${host.url}?game=chess`);
    await expect.poll(() => page.locator('#message').textContent()).toContain('chess');
    await page.goto(`${host.url}?size=12345x9`);
    await expect.poll(() => page.locator('#message').textContent()).toMatch(/size/i);
    await page.close();
  });
});

test('two browsers in one arena see each other move', async () => {
  const first = await openGame(browser, `${host.url}?game=arena&size=640x360`);
  const second = await openGame(browser, `${host.url}?game=arena&size=640x360`);
  await expect.poll(() => players('arena')).toBe(2);
  await second.locator('#play').click();
  await second.keyboard.down('KeyW');
  await second.waitForTimeout(400);
  await second.keyboard.up('KeyW');
  const folder = process.env.SCREENSHOTS;
  if (folder) {
    await writeFile(`${folder}/first.png`, await first.screenshot());
    await writeFile(`${folder}/second.png`, await second.screenshot());
  }
  const { views } = (await host.status()).rooms.find((room) => room.name === 'arena')!;
  expect(views.map((view) => view.seat)).toEqual([0, 1]);
  expect(Math.min(...views.map((view) => view.frames))).toBeGreaterThan(10);
  await Promise.all([first.close(), second.close()]);
});

test('SIGTERM tells the players, closes everything and exits with 0 within two seconds', async () => {
  const other = await startHostProcess(['build/triangle.wasm']);
  const page = await openGame(browser, other.url);
  const { code, ms } = await other.stop();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(2000);
  await expect.poll(() => page.locator('#message').textContent()).toMatch(/shut/i);
  await page.close();
});
