import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';

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

test('the player learns that the host leaves input out, in the language of the page, and how much', async () => {
  const context = await browser.newContext({ locale: 'zh-CN' });
  const page = await context.newPage();
  await page.goto(`${game.url}?size=320x180&fps=30`);
  await page.waitForSelector('body[data-state=playing]', { timeout: WAIT_MS_MAX });
  const connection = must(at(game.seats, -1).connection, 'connection');
  const caption = () => page.evaluate(() => document.querySelector('.caption')?.textContent);
  const figure = (id: string) => page.evaluate((name) => document.getElementById(name)?.textContent, id);
  await page.click('#figures');
  await eventually(async () => expect(await figure('stat-tier')).toBe('hot'));
  // A game that pauses is still paused then.
  connection.notify({ kind: 'paused', code: 'NL_ROOM_ENDED', message: 'The game has ended' });
  connection.notify({ kind: 'dropped', code: 'NL_INPUT_RATE', message: 'too much', count: 42 });
  await eventually(async () => expect(await caption()).toBe('按键过多，游戏服务器略去了一部分。'));
  await eventually(async () => expect(await figure('stat-input')).toBe('42'));
  expect(await page.evaluate(() => document.querySelector('[data-paused]') !== null)).toBe(true);
  expect(await page.evaluate(() => document.getElementById('stat-tier')?.previousElementSibling?.textContent)).toBe(
    '连接层级',
  );
});

test('the player learns when a game that has failed starts again, and that the server is being updated', async () => {
  const context = await browser.newContext({ locale: 'zh-CN' });
  const page = await context.newPage();
  await page.goto(`${game.url}?size=320x180&fps=30`);
  await page.waitForSelector('body[data-state=playing]', { timeout: WAIT_MS_MAX });
  const connection = must(at(game.seats, -1).connection, 'connection');
  const text = (selector: string) => page.evaluate((name) => document.querySelector(name)?.textContent ?? '', selector);
  connection.notify({ kind: 'paused', code: 'NL_GUEST_TRAP', message: 'it failed', afterMs: 95_000 });
  await eventually(async () =>
    expect(await text('#interval-text')).toBe('游戏将在大约 100 秒后重新开始，你的座位会保留。'),
  );
  connection.notify({ kind: 'paused', code: 'NL_GUEST_TRAP', message: 'it failed' });
  await eventually(async () => expect(await text('#interval-text')).toBe('下一局即将开始，你的座位会保留。'));
  connection.notify({ kind: 'moved', game: 'test', token: 't'.repeat(22), holdMs: 30_000, why: 'update' });
  await eventually(async () => expect(await text('.caption')).toBe('服务器正在更新，马上继续'));
});
