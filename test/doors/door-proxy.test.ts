import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { hideHost } from '../net/doors.ts';
import { freePort, type Program, startNginx } from '../net/programs.ts';
import { eventually, sleep, WAIT_MS_MAX } from '../wait.ts';
import { startEnvoy } from './envoy.ts';

/** Envoy ends a request that takes longer than this by default. */
const ENVOY_TIMEOUT_MS = 15_000;

let browser: Browser;
let host: HostProcess | undefined;
let proxy: Program | undefined;
const pages: Page[] = [];

beforeAll(async () => {
  browser = await startBrowser(['--host-resolver-rules=MAP play.test 127.0.0.1', '--ignore-certificate-errors']);
});

afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
  proxy?.stop();
  await host?.stop();
});

afterAll(() => browser?.close());

async function startHost(environment: Record<string, string> = {}): Promise<string> {
  host = await startHostProcess(['build/latency.wasm'], environment);
  return host.url;
}

async function open(url: string): Promise<Page> {
  const page = await openGame(browser, url);
  pages.push(page);
  return page;
}

/** Waits until the host has this number of players. */
async function players(count: number): Promise<void> {
  await eventually(async () => expect((await host?.status())?.rooms[0]?.players).toBe(count));
}

const leave = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { nearlight: { leave(): void } }).nearlight.leave());
const door = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { nearlight: { stats(): { door: string } } }).nearlight.stats().door);

describe.each([
  ['nginx', startNginx],
  ['Envoy', startEnvoy],
])('behind %s with its default settings', (_, start) => {
  test.each([
    ['HTTP at an address', { tls: false }, (port: number) => `http://127.0.0.1:${port}/`],
    ['HTTPS at a name', { tls: true }, (port: number) => `https://play.test:${port}/`],
  ])('a page plays over %s', async (_over, options, urlOf) => {
    // Envoy passes the name on, and nginx does not.
    proxy = await start({ to: await startHost({ ALLOWED_HOSTS: 'play.test' }), ...options });
    await open(urlOf(proxy.port));
    await players(1);
  });

  test('a page plays over HTTP at a name, if ALLOWED_ORIGINS has its origin', async () => {
    const port = await freePort();
    proxy = await start({
      to: await startHost({ ALLOWED_HOSTS: 'play.test', ALLOWED_ORIGINS: `http://play.test:${port}` }),
      port,
    });
    await open(`http://play.test:${port}/`);
    await players(1);
  });

  test('a page plays and leaves under a prefix of the path', async () => {
    proxy = await start({ to: await startHost(), prefix: '/games/latency/' });
    const page = await open(`http://127.0.0.1:${proxy.port}/games/latency/`);
    await players(1);
    await leave(page);
    await players(0);
  });

  test('a page plays over HTTPS and a WebSocket, under a prefix, for longer than a request may take', async () => {
    const port = await freePort();
    // A browser does not say of a WebSocket that it is of the same site, so nginx, which changes the host, needs the origin.
    const to = await startHost({ ALLOWED_HOSTS: 'play.test', ALLOWED_ORIGINS: `https://play.test:${port}` });
    proxy = await start({ to, port, prefix: '/games/latency/', tls: true, sockets: true });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await context.addInitScript(hideHost);
    const page = await context.newPage();
    pages.push(page);
    await page.goto(`https://play.test:${proxy.port}/games/latency/`);
    await page.waitForSelector('[data-state="playing"]', { timeout: WAIT_MS_MAX });
    await eventually(async () => expect(await door(page)).toBe('WebSocket'));
    const begun = await host?.status();
    await sleep(ENVOY_TIMEOUT_MS + 2000);
    expect(await page.evaluate(() => document.body.dataset.state)).toBe('playing');
    expect(await door(page)).toBe('WebSocket');
    const frames = (status = begun) => status?.rooms[0]?.views[0]?.frames ?? 0;
    expect(frames(await host?.status())).toBeGreaterThan(frames());
    await context.close();
  });
});

test.each([
  // The host serves the page, which cannot join, because nginx hides its name.
  ['nginx', startNginx, '#message', 'ALLOWED_ORIGINS'],
  // The host serves nothing under the name, which Envoy passes on.
  ['Envoy', startEnvoy, 'body', 'ALLOWED_HOSTS'],
])('a browser behind %s, whose name the host does not know, shows what is wrong', async (_, start, place, setting) => {
  proxy = await start({ to: await startHost() });
  const page = await browser.newPage();
  pages.push(page);
  await page.goto(`http://play.test:${proxy.port}/`);
  await eventually(async () => expect(await page.locator(place).textContent()).toContain(setting));
});
