import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { eventually } from '../wait.ts';
import { freePort, type Program, startNginx } from './programs.ts';

let browser: Browser;
let host: HostProcess | undefined;
let nginx: Program | undefined;
const pages: Page[] = [];

beforeAll(async () => {
  browser = await startBrowser(['--host-resolver-rules=MAP play.test 127.0.0.1', '--ignore-certificate-errors']);
});

afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
  nginx?.stop();
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

test.each([
  ['HTTP at an address', { tls: false }, (port: number) => `http://127.0.0.1:${port}/`],
  ['HTTPS at a name', { tls: true }, (port: number) => `https://play.test:${port}/`],
])('a page plays behind nginx with its default settings, over %s', async (_, options, urlOf) => {
  const url = await startHost();
  nginx = await startNginx([`location / { proxy_pass ${url}; }`], options);
  await open(urlOf(nginx.port));
  await players(1);
});

test('a page plays behind nginx over HTTP at a name, if ALLOWED_ORIGINS has its origin', async () => {
  const port = await freePort();
  const url = await startHost({ ALLOWED_ORIGINS: `http://play.test:${port}` });
  nginx = await startNginx([`location / { proxy_pass ${url}; }`], { port });
  await open(`http://play.test:${port}/`);
  await players(1);
});

test('without that the page says what is wrong', async () => {
  const url = await startHost();
  nginx = await startNginx([`location / { proxy_pass ${url}; }`]);
  const page = await browser.newPage();
  pages.push(page);
  await page.goto(`http://play.test:${nginx.port}/`);
  await eventually(async () => expect(await page.locator('#message').textContent()).toContain('ALLOWED_ORIGINS'));
});

test('a page plays and leaves under a prefix of the path', async () => {
  const url = await startHost();
  nginx = await startNginx([`location /games/latency/ { proxy_pass ${url}; }`]);
  const page = await open(`http://127.0.0.1:${nginx.port}/games/latency/`);
  await players(1);
  await page.evaluate(() => (globalThis as unknown as { nearlight: { leave(): void } }).nearlight.leave());
  await players(0);
});
