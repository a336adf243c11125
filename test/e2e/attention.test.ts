import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { eventually, sleep } from '../wait.ts';
import { watchPictures } from './cuts.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from './host.ts';

/** The host ends a connection after this time without a packet. */
const IDLE_MS_MAX = 5000;
const ATTEMPTS = 3;

let host: HostProcess;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  [host, browser] = await Promise.all([
    startHostProcess(['build/latency.wasm'], { IDLE_MS_MAX: `${IDLE_MS_MAX}` }),
    startBrowser(),
  ]);
  page = await openGame(browser, `${host.url}?size=320x180&fps=60`);
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

/** Number of pictures that the host has sent, or has drawn and dropped, and its players. */
async function figures(): Promise<{ pictures: number; players: number }> {
  const room = must((await host.status()).rooms[0], 'room');
  const { frames, dropped } = must(room.views[0], 'view');
  return { pictures: frames + dropped, players: room.players };
}

/** Makes the page believe that it is hidden or shown. A browser without a display has no other windows. */
const look = (isHidden: boolean) =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
    return Date.now();
  }, isHidden);

test('a hidden page keeps its seat and costs no picture, and has one soon after it is shown', async () => {
  await page.evaluate(watchPictures);
  const { pictures: before } = await figures();
  await eventually(async () => expect((await figures()).pictures).toBeGreaterThan(before + 30));
  await look(true);
  await sleep(500);
  // A picture or two may have been on their way. A machine that is very busy may cut the connection, too, and the next
  // one begins with a few pictures.
  const away = await eventually(
    async () => {
      const { pictures } = await figures();
      await sleep(IDLE_MS_MAX + 2000);
      const later = await figures();
      expect(later.pictures).toBeLessThanOrEqual(pictures + 2);
      return later;
    },
    ATTEMPTS * (IDLE_MS_MAX + 2000),
  );
  expect(away.players).toBe(1);
  const shownAt = await look(false);
  const found = await page.waitForFunction(
    (after) => (globalThis as unknown as { pictures: { at: number }[] }).pictures.find(({ at }) => at > after)?.at,
    shownAt,
    { polling: 10 },
  );
  process.stdout.write(`a picture ${must(await found.jsonValue(), 'picture') - shownAt} ms after the page was shown\n`);
  expect(await page.evaluate(() => nearlight.state.kind)).toBe('playing');
  const { fps } = await page.evaluate(() => nearlight.stats());
  expect(fps).toBeLessThan(100);
});
