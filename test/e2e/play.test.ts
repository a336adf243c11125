import { writeFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMeasures } from '../../host/base/measures.ts';
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

/** Fraction of a picture's values that may differ from another picture only because of the video coding. */
const NOISE = 0.001;

/** Returns the fraction of values that differ visibly between two pictures. */
function difference(a: number[], b: number[]): number {
  return a.filter((value, index) => Math.abs(value - (b[index] ?? 0)) > 24).length / a.length;
}

const brightness = async (page: Page): Promise<number> => (await pictureColour(page)).reduce((a, b) => a + b) / 3;
const players = async (game: string): Promise<number> =>
  (await host.status()).rooms.find((room) => room.name === game)?.players ?? -1;

describe('a browser', () => {
  test('joins, shows the effect of a key and of its release, and leaves', async () => {
    const page = await openGame(browser, `${host.url}?size=640x360`);
    expect(
      await page.evaluate(() => {
        const video = document.querySelector('video');
        return [video?.videoWidth, video?.videoHeight];
      }),
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

  test('shows in the status how busy the host is', async () => {
    const page = await openGame(browser, `${host.url}?size=320x180`);
    const measured = ['connectionsPerSecond', 'frameP99Ms', 'rttP95Ms', 'retransmissionRatio'];
    await expect.poll(async () => Object.keys((await host.status()).load)).toEqual(expect.arrayContaining(measured));
    const { load } = await host.status();
    expect(load).toMatchObject({ sessions: 1, queue: 0 });
    expect(readMeasures(load)).toEqual(load);
    expect(load.frameP99Ms).toBeGreaterThan(0);
    expect(load.rttP95Ms).toBeGreaterThan(0);
    await page.close();
    await expect.poll(async () => (await host.status()).load.sessions).toBe(0);
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

  test('shows a moving picture of the game that it asks for', async () => {
    const page = await openGame(browser, `${host.url}?game=triangle&size=640x360`);
    const shot = () => page.locator('video').screenshot();
    const first = await shot();
    await expect.poll(async () => first.equals(await shot())).toBe(false);
    await page.close();
  });

  test('shows an error when it asks for an unknown game or a wrong size', async () => {
    const page = await browser.newPage();
    await page.goto(`${host.url}?game=chess`);
    await expect.poll(() => page.locator('#message').textContent()).toContain('chess');
    await page.goto(`${host.url}?size=12345x9`);
    await expect.poll(() => page.locator('#message').textContent()).toMatch(/size/i);
    await page.close();
  });
});

/** Presses or releases a key. `usage` is the key's HID usage, as in renderer/contract/contract.ts. */
const press = (page: Page, usage: number, down: boolean): Promise<void> =>
  page.evaluate(
    ([key, pressed]) => {
      const { input } = (globalThis as unknown as { nearlight: { input: { key(usage: number, down: boolean): void } } })
        .nearlight;
      input.key(key, pressed);
    },
    [usage, down] as const,
  );

/** Holds a key in some pages for a number of ticks, so that the players move equally far on every machine. */
async function hold(pages: Page[], usage: number, ticks: number): Promise<void> {
  const now = async () => (await host.status()).rooms.find(({ name }) => name === 'arena')?.ticks ?? 0;
  await Promise.all(pages.map((page) => press(page, usage, true)));
  const end = (await now()) + ticks;
  await expect.poll(now, { interval: 10 }).toBeGreaterThan(end);
  await Promise.all(pages.map((page) => press(page, usage, false)));
}

const W = 26;
const D = 7;

test('two browsers in one arena show each other moving', async () => {
  const first = await openGame(browser, `${host.url}?game=arena&size=640x360`);
  const second = await openGame(browser, `${host.url}?game=arena&size=640x360`);
  await expect.poll(() => players('arena')).toBe(2);
  for (const page of [first, second]) await page.locator('#play').click();
  // The players start on opposite sides and meet at the tower in the middle.
  await hold([first, second], W, 420);
  // As a control, the picture must come to rest while neither player moves.
  let alone = await pictureOf(second);
  const settles = async () => {
    await second.waitForTimeout(300);
    const before = alone;
    alone = await pictureOf(second);
    return difference(before, alone);
  };
  await expect.poll(settles).toBeLessThan(NOISE);
  await hold([first], D, 108);
  await expect.poll(async () => difference(alone, await pictureOf(second))).toBeGreaterThan(2 * NOISE);
  const folder = process.env.SCREENSHOTS;
  if (folder) {
    await writeFile(`${folder}/first.png`, await first.screenshot());
    await writeFile(`${folder}/second.png`, await second.screenshot());
  }
  await Promise.all([first.close(), second.close()]);
});

test('SIGTERM notifies the players, closes everything and exits with 0', async () => {
  const other = await startHostProcess(['build/triangle.wasm']);
  const page = await openGame(browser, other.url);
  expect(await other.stop()).toBe(0);
  await expect.poll(() => page.locator('#away-text').textContent()).toMatch(/shut/i);
  await page.close();
});
