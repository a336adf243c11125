import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUCKETS } from '../../host/base/buckets.ts';
import { PAGE_STAGES } from '../../host/base/stages.ts';
import { BANDS } from '../../host/player/bands.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { eventually } from '../wait.ts';
import { probeLatency } from './probe.ts';
import { tableOf, unexplained } from './seats.ts';

const FRAME_MS = 1000 / 60;

let host: HostProcess;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  [host, browser] = await Promise.all([startHostProcess(['build/latency.wasm']), startBrowser()]);
  page = await openGame(browser, `${host.url}?size=320x180&fps=60`);
  await page.locator('#play').click();
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

test('the stages of a picture add up to the latency that pixels show', async () => {
  const { explained, callbackMs } = await probeLatency(page, 8);
  process.stdout.write(`${tableOf(explained).join('\n')}\n`);
  // A heartbeat that follows a key within a picture takes the key's place, which happens to few keys.
  expect(explained.length).toBeGreaterThan(callbackMs.length / 2);
  for (const { stages } of explained) for (const ms of stages) expect(ms).toBeGreaterThanOrEqual(0);
  const rests = unexplained(explained).sort((a, b) => a - b);
  expect(Math.abs(rests[Math.floor(rests.length / 2)] ?? Number.NaN)).toBeLessThan(FRAME_MS);
  // Every stage but a tick takes time. Ticks and pictures may coincide.
  const mean = (stage: number) => explained.reduce((sum, { stages }) => sum + (stages[stage] ?? 0), 0);
  for (const stage of [1, 4, 5, 6, 9, 10]) expect(mean(stage), `stage ${stage}`).toBeGreaterThan(0);
});

test('metrics have the times of the host and those that the page reports', async () => {
  const read = async () => (await fetch(new URL('metrics', host.operatorUrl))).text();
  const countOf = (text: string, name: string, stage: string) =>
    Number(new RegExp(`^nearlight_${name}_stage_seconds_count{stage="${stage}"} (\\d+)$`, 'm').exec(text)?.[1]);
  await eventually(async () => {
    const text = await read();
    for (const stage of PAGE_STAGES) expect(countOf(text, 'page', stage), stage).toBeGreaterThan(10);
    for (const stage of ['wait', 'tick', 'turn', 'pace'])
      expect(countOf(text, 'frame', stage), stage).toBeGreaterThan(10);
  });
  const text = await read();
  const below = BUCKETS.map((le) =>
    Number(new RegExp(`nearlight_page_stage_seconds_bucket{stage="total",le="${le}"} (\\d+)`).exec(text)?.[1]),
  );
  // Nothing is faster than half a millisecond, and few pictures take a second.
  expect(below[0]).toBe(0);
  expect(below.at(-1)).toBeGreaterThan(countOf(text, 'page', 'total') / 2);
});

describe('the graph', () => {
  /** Number of pixels of the graph by colour. */
  const colours = () =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#graph');
      const context = canvas?.getContext('2d');
      if (!canvas || !context || canvas.width === 0) return {};
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const found: Record<string, number> = {};
      for (let at = 0; at < data.length; at += 4) {
        const colour = `#${[0, 1, 2].map((part) => (data[at + part] ?? 0).toString(16).padStart(2, '0')).join('')}`;
        if (data[at + 3] === 255) found[colour] = (found[colour] ?? 0) + 1;
      }
      return found;
    });
  const legend = () => page.locator('#stages tbody tr').allInnerTexts();

  test('shows the stages in their colours, with their percentiles, while the statistics are open', async () => {
    expect(await colours()).toEqual({});
    await page.evaluate(() => document.querySelector<HTMLElement>('#figures')?.click());
    await eventually(async () => {
      const found = await colours();
      const visible = BANDS.filter(({ colour }) => (found[colour] ?? 0) > 0).map(({ name }) => name);
      expect(visible).toEqual(expect.arrayContaining(['Waiting', 'Drawing', 'Encoding', 'Display']));
    });
    await eventually(async () => {
      const rows = await legend();
      expect(rows).toHaveLength(BANDS.length + 1);
      for (const row of rows) expect(row).toMatch(/^\w+\s+\d+\.\d\s+\d+\.\d\s+\d+\.\d$/);
    });
    const folder = process.env.SCREENSHOTS;
    if (folder) await page.screenshot({ path: `${folder}/graph.png` });
  });

  test('takes its colours from the page', async () => {
    await page.evaluate(() => {
      document.querySelector<HTMLElement>('#graph')?.style.setProperty('--stage-display', '#010203');
      for (let time = 0; time < 2; time++) document.querySelector<HTMLElement>('#figures')?.click();
    });
    await eventually(async () => expect((await colours())['#010203']).toBeGreaterThan(0));
  });

  test('stops when the statistics are closed', async () => {
    const draws = await page.evaluate(async () => {
      let count = 0;
      const { clearRect } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        count++;
        clearRect.apply(this, box);
      };
      const pause = () => new Promise((resolve) => setTimeout(resolve, 1500));
      await pause();
      const open = count;
      document.querySelector<HTMLElement>('#figures')?.click();
      count = 0;
      await pause();
      return { open, closed: count };
    });
    expect(draws.open).toBeGreaterThan(0);
    expect(draws.open).toBeLessThanOrEqual(15);
    expect(draws.closed).toBe(0);
  });
});

test('a page that decodes the pictures itself knows their stages too', async () => {
  const other = await browser.newPage();
  await other.addInitScript(() => Reflect.deleteProperty(globalThis, 'RTCPeerConnection'));
  await other.goto(`${host.url}?size=320x180&fps=60`);
  const shown = await other.waitForFunction(() => {
    const { history } = nearlight;
    return history.size > 20 && Array.from({ length: 11 }, (_, stage) => history.timeOf(0, [stage]));
  });
  const stages = (await shown.jsonValue()) as number[];
  expect(await other.evaluate(() => nearlight.stats().door)).toMatch(/WebSocket|^$/);
  for (const ms of stages) expect(ms).toBeGreaterThanOrEqual(0);
  expect(stages[10]).toBeGreaterThan(0);
  await other.close();
});
