import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { probeLatency } from '../bench/probe.ts';
import { type HostProcess, startBrowser, startHostProcess } from '../e2e/host.ts';
import { hideHost } from '../net/doors.ts';
import { type Program, startCoturn } from '../net/programs.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';

const SECRET = 'a secret of this test';

let browser: Browser;
let host: HostProcess;
let turn: Program;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  turn = await startCoturn(SECRET);
  const urls = `turn:127.0.0.1:${turn.port}?transport=udp`;
  host = await startHostProcess(['build/latency.wasm'], { TURN_URLS: urls, TURN_SECRET: SECRET });
});

afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
  turn?.stop();
});

/** Opens the game's page after `script` has run in it, and waits until it plays. */
async function open(script: () => void): Promise<Page> {
  const context = await browser.newContext();
  contexts.push(context);
  await context.addInitScript(script);
  const page = await context.newPage();
  await page.goto(`${host.url}?size=640x360&fps=60`);
  await page.waitForSelector('[data-state="playing"]', { timeout: WAIT_MS_MAX });
  return page;
}

async function door(page: Page): Promise<string> {
  return eventually(async () => {
    const { door: found } = await page.evaluate(() =>
      (globalThis as unknown as { nearlight: { stats(): { door: string } } }).nearlight.stats(),
    );
    expect(found).not.toBe('');
    return found;
  });
}

test('a page plays over UDP where it can', async () => {
  expect(await door(await open(() => {}))).toBe('UDP');
});

test('a page that cannot reach the host goes through the TURN server', async () => {
  const page = await open(() => {
    // Only relayed packets find their way, like in a network that lets pass nothing else.
    const Peer = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Peer {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: 'relay' });
      }
    };
  });
  expect(await door(page)).toBe('TURN');
});

test('a page plays over a WebSocket if no packet of WebRTC finds its way', async () => {
  const page = await open(hideHost);
  expect(await door(page)).toBe('WebSocket');
});

test('a browser without WebRTC plays over a WebSocket, with pictures in time', async () => {
  const page = await open(() => Reflect.deleteProperty(globalThis, 'RTCPeerConnection'));
  const { callbackMs, pictures, seconds } = await probeLatency(page, 5);
  expect(pictures / seconds).toBeGreaterThan(20);
  const sorted = callbackMs.sort((a, b) => a - b);
  expect(sorted.length).toBeGreaterThan(20);
  expect(sorted[sorted.length >> 1]).toBeLessThan(150);
});
