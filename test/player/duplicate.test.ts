import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WAIT_MS_MAX } from '../wait.ts';
import { shows, startVisits } from './visit.ts';

let visits: Awaited<ReturnType<typeof startVisits>>;

beforeAll(async () => {
  visits = await startVisits();
});

afterAll(async () => {
  await visits?.close();
});

/** Opens another tab as browsers do when they duplicate one: it has the same address and a copy of the session's storage. */
async function duplicate(page: Page): Promise<Page> {
  const stored = await page.evaluate(() => ({ ...sessionStorage }));
  const copy = await page.context().newPage();
  copy.setDefaultTimeout(WAIT_MS_MAX);
  await copy.addInitScript((entries) => {
    if (sessionStorage.length === 0)
      for (const [name, value] of Object.entries(entries)) sessionStorage.setItem(name, value);
  }, stored);
  await copy.goto(page.url());
  return copy;
}

const text = (page: Page, id: string) => page.textContent(id);

test('a duplicated tab leaves the first one alone, and takes over when the player wants that', async () => {
  // With a query, the site has a control of its own for a game that has ended. It would not lead back to the seat.
  const first = await visits.visit({ query: '?size=320x180' });
  const second = await duplicate(first);
  await shows(second, 'ended');
  expect([await text(second, '#title'), await text(second, '#retry')]).toEqual([
    'You play in another tab',
    'Play here',
  ]);
  await shows(first, 'playing');
  expect([visits.game.seats.length, visits.seat().lost]).toEqual([1, 0]);
  await second.click('#retry');
  await shows(second, 'playing');
  await shows(first, 'ended');
  expect([await text(first, '#title'), await text(first, '#retry')]).toEqual(['You play in another tab', 'Play here']);
  await first.click('#retry');
  await shows(first, 'playing');
  await shows(second, 'ended');
  expect([visits.game.seats.length, visits.seat().closed]).toEqual([1, undefined]);
  await second.close();
});

test('a tab that is loaded again, and one whose first tab has crashed, play on by themselves', async () => {
  visits.game.config.returnMsMax = 30_000;
  const first = await visits.visit();
  await first.reload();
  await shows(first, 'playing');
  const second = await duplicate(first);
  await shows(second, 'ended');
  const third = await duplicate(first);
  await shows(third, 'ended');
  const debug = await first.context().newCDPSession(first);
  const crashed = first.waitForEvent('crash');
  void debug.send('Page.crash').catch(() => {});
  await crashed;
  await third.reload();
  await shows(third, 'playing');
  expect(visits.game.seats).toHaveLength(1);
  // The player leaves, so that the seat does not wait for the next test.
  await third.evaluate(() => nearlight.leave());
});
