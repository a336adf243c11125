import { writeFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HostProcess, openGame, pictureColour, pictureOf, startBrowser, startHostProcess } from './host.ts';

let host: HostProcess;
let browser: Browser;

beforeAll(async () => {
  [host, browser] = await Promise.all([
    startHostProcess(['build/latency.wasm', 'build/triangle.wasm', 'build/arena.wasm'], { SEED: '7' }),
    startBrowser(),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

/** Share of the picture's points that differ visibly; what coding alone changes stays below NOISE. */
function difference(a: number[], b: number[]): number {
  return a.filter((value, index) => Math.abs(value - b[index]!) > 24).length / a.length;
}
const NOISE = 0.002;

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
    await expect.poll(() => players('latency')).toBe(0);
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

/** Holds a key for some milliseconds; `usage` as in renderer/contract/contract.ts. */
const hold = (page: Page, usage: number, ms: number): Promise<void> =>
  page.evaluate(
    async ([key, time]) => {
      const { input } = (globalThis as unknown as { nearlight: { input: { key(usage: number, down: boolean): void } } })
        .nearlight;
      input.key(key, true);
      await new Promise((resolve) => setTimeout(resolve, time));
      input.key(key, false);
    },
    [usage, ms] as const,
  );

const W = 26;
const D = 7;

test('two browsers in one arena see each other move', async () => {
  const first = await openGame(browser, `${host.url}?game=arena&size=640x360`);
  const second = await openGame(browser, `${host.url}?game=arena&size=640x360`);
  await expect.poll(() => players('arena')).toBe(2);
  for (const page of [first, second]) await page.locator('#play').click();
  // They begin on opposite sides and meet at the tower in the middle.
  await Promise.all([hold(first, W, 3500), hold(second, W, 3500)]);
  // The control: while nobody moves, the picture comes to rest.
  let alone = await pictureOf(second);
  const settles = async () => {
    await second.waitForTimeout(300);
    const before = alone;
    alone = await pictureOf(second);
    return difference(before, alone);
  };
  await expect.poll(settles).toBeLessThan(NOISE);
  await hold(first, D, 900);
  await second.waitForTimeout(500);
  expect(difference(alone, await pictureOf(second))).toBeGreaterThan(2 * NOISE);
  const folder = process.env.SCREENSHOTS;
  if (folder) {
    await writeFile(`${folder}/first.png`, await first.screenshot());
    await writeFile(`${folder}/second.png`, await second.screenshot());
  }
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
