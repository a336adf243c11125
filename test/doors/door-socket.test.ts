import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { probeLatency } from '../bench/probe.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';

let browser: Browser;
let host: HostProcess;
const pages: Page[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  host = await startHostProcess(['build/latency.wasm', 'build/arena.wasm']);
});

afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

test('a browser without WebRTC plays over a WebSocket', async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'RTCPeerConnection'));
  const page = await context.newPage();
  pages.push(page);
  page.on('console', (m) => console.log(m.text()));
  page.on('pageerror', (e) => console.log(String(e)));
  await page.goto(`${host.url}?game=latency&size=640x360&fps=60`);
  await page.waitForSelector('[data-state="playing"]');
  const { callbackMs, pictures, seconds } = await probeLatency(page, 4);
  const sorted = callbackMs.sort((a, b) => a - b);
  console.log(pictures / seconds, sorted.length, sorted[Math.floor(sorted.length / 2)], sorted.at(-1));
  console.log(await page.evaluate(() => JSON.stringify((globalThis as any).nearlight.stats())));
  expect(pictures / seconds).toBeGreaterThan(30);
});
