import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, sleep } from '../wait.ts';
import { cutLine, seatsOf, watchPictures } from './cuts.ts';
import { type HostProcess, openGame, pictureColour, startBrowser, startHostProcess } from './host.ts';
import { freePort, Line } from './line.ts';

const SIZE = '?size=320x180&fps=60';
const PORTS = { httpPort: 0, icePort: 0 };

let host: HostProcess;
let browser: Browser;
let line: Line;
let page: Page;

const environment = () => ({ PORT: String(PORTS.httpPort), ICE_PORT: String(PORTS.icePort), MAX_PLAYERS: '1' });
const start = () => startHostProcess(['build/latency.wasm'], environment());

beforeAll(async () => {
  [PORTS.httpPort, PORTS.icePort] = [await freePort('tcp'), await freePort('udp')];
  [host, browser] = await Promise.all([start(), startBrowser()]);
  line = await Line.open(PORTS);
  page = await openGame(browser, line.url + SIZE);
  await page.locator('#play').click();
});

afterAll(async () => {
  await browser?.close();
  line?.close();
  await host?.stop();
});

const brightness = async () => (await pictureColour(page)).reduce((a, b) => a + b) / 3;
const state = () => page.evaluate(() => document.body.dataset.state);

test('a player who holds a key keeps the only seat through cuts of the line, and the key acts again', async () => {
  await page.evaluate(watchPictures);
  await page.keyboard.down('KeyW');
  await eventually(async () => expect(await brightness()).toBeGreaterThan(245));
  for (const cutMs of [300, 2500, 7000]) {
    const { pictureMs, heldMs } = await cutLine(page, line, cutMs);
    expect(pictureMs).toBeGreaterThan(0);
    expect(heldMs).toBeGreaterThanOrEqual(pictureMs);
    await eventually(async () => expect(await state()).toBe('playing'));
    expect(await seatsOf(host)).toEqual({ taken: 1, seats: [0] });
    await sleep(500);
  }
  expect(line.dropped).toBeGreaterThan(0);
  await page.keyboard.up('KeyW');
  await eventually(async () => expect(await brightness()).toBeLessThan(10));
});

test('the page shows that it reconnects, with its last picture and the time that its seat is kept', async () => {
  await page.keyboard.down('KeyW');
  await eventually(async () => expect(await brightness()).toBeGreaterThan(245));
  line.cut();
  await eventually(async () => expect(await state()).toBe('reconnecting'));
  expect(await page.locator('#away-left').textContent()).toMatch(/^Your seat is kept for \d+ s\.$/);
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/cut.png` });
  line.mend();
  await eventually(async () => expect(await state()).toBe('playing'));
  await page.keyboard.up('KeyW');
});

test('a reload keeps the only seat, and a page that is closed frees it within seconds', async () => {
  await page.reload();
  await eventually(async () => expect(await state()).toBe('playing'));
  await page.close();
  const [waiting] = [await browser.newPage()];
  await waiting.goto(line.url + SIZE);
  await waiting.waitForSelector('body[data-state=playing]');
  page = waiting;
});

test('play goes on without a click after a restart of the host, and after it was killed and down for a while', async () => {
  await host.stop();
  host = await start();
  await eventually(async () => expect(await state()).toBe('playing'));
  host.process.kill('SIGKILL');
  await eventually(async () => expect(await state()).toBe('reconnecting'));
  await sleep(3000);
  host = await start();
  await eventually(async () => expect(await state()).toBe('playing'));
  expect(await seatsOf(host)).toMatchObject({ taken: 1 });
});
