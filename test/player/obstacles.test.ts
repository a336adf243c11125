/** The obstacles that keep a page from connecting, in a real browser: the page names each, and goes on when it is gone. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';
import { openSite, type Site } from './site.ts';
import { shoot, shows } from './visit.ts';

const QUERY = '?size=320x180&fps=10';
const LOGIN = '<!doctype html><title>Welcome to our network</title>';

let browser: Browser;
let game: Awaited<ReturnType<typeof startGame>>;
let site: Site;
let page: Page;
const closing: (() => void)[] = [];

beforeAll(async () => {
  site = await openSite();
  [game, browser] = await Promise.all([startGame({ allowedOrigins: '*' }), startBrowser()]);
});

afterEach(async () => {
  await page?.context().close();
  for (const close of closing.splice(0)) close();
  await eventually(() => expect(game.seats.every(({ closed }) => closed !== undefined)).toBe(true));
});

afterAll(async () => {
  await browser?.close();
  await game?.close();
  site?.close();
});

describe("the page at the host's own address", () => {
  test.each([
    { status: 200, body: LOGIN, english: 'log in', chinese: '请先登录' },
    { status: 404, body: '<h1>Not Found</h1>', english: 'no game server at this address', chinese: '没有游戏服务器' },
    { status: 403, body: '<h1>Forbidden</h1>', english: 'proxy or firewall', chinese: '防火墙' },
  ])(
    'an answer with status $status is explained in both languages, and the game begins when it is gone',
    async (row) => {
      for (const [locale, words] of [
        ['en', row.english],
        ['zh-CN', row.chinese],
      ] as const) {
        await visit(locale);
        await page.route('**/whep?*', (route) => route.fulfill({ ...row, contentType: 'text/html' }));
        await page.goto(game.url + QUERY);
        await page.waitForSelector('[data-state=blocked]');
        await eventually(async () => expect(await page.textContent('#message')).toContain(words));
        expect(await page.textContent('#code')).toBe(`NL_ANSWER · HTTP ${row.status}`);
        await shoot(page, `blocked-${row.status}-${locale}`);
        await page.unroute('**/whep?*');
        await shows(page, 'playing');
      }
    },
  );

  test('while a proxy answers in place of its server, the page connects and says that the server is not ready', async () => {
    await visit();
    await page.route('**/whep?*', (route) => route.fulfill({ status: 502, body: '<h1>Bad Gateway</h1>' }));
    await page.goto(game.url + QUERY);
    await eventually(async () => expect(await page.textContent('#message')).toContain('not ready'));
    await shows(page, 'connecting');
    await page.unroute('**/whep?*');
    await shows(page, 'playing');
  });

  test('a page that plays meets a login page, says so over its last picture, and goes on by itself', async () => {
    await visit();
    await page.goto(game.url + QUERY);
    await shows(page, 'playing');
    await page.route('**/whep?*', (route) => route.fulfill({ status: 200, body: LOGIN, contentType: 'text/html' }));
    await page.evaluate(() => nearlight.connect({ size: '320x180', fps: '10' }));
    await page.waitForSelector('[data-state=blocked]');
    await page.unroute('**/whep?*');
    await page.evaluate(() => nearlight.wake());
    await shows(page, 'playing');
  });

  test('a page of another version loads itself again, and says so if that does not help', async () => {
    const refusal = { code: 'NL_PAGE_VERSION', message: 'load the page again' };
    await visit();
    let answers = 1;
    await page.route('**/whep?*', (route) =>
      answers-- > 0 ? route.fulfill({ status: 409, json: refusal }) : route.continue(),
    );
    let loads = 0;
    page.on('load', () => loads++);
    await page.goto(game.url + QUERY);
    await shows(page, 'playing');
    expect(loads).toBe(2);
    answers = 100;
    await page.reload();
    await shows(page, 'ended');
    await eventually(() => expect(loads).toBe(4));
    await shows(page, 'ended');
    expect(await page.textContent('#title')).toBe('This page is out of date');
    expect(loads).toBe(4);
  });
});

describe('an element on another site', () => {
  test.each([
    ['an answer that the site may read', { 'access-control-allow-origin': '*' }, 'NL_ANSWER · HTTP 404'],
    ['an answer that it may not read', {}, 'NL_ANSWER'],
  ])('a server of another kind is recognised by %s', async (_, headers, code) => {
    const url = await serve((_request, response) => response.writeHead(404, headers).end('<h1>Not Found</h1>'));
    await embed(url);
    await page.waitForSelector('[data-state=blocked]');
    expect(await page.textContent('#code')).toBe(code);
    expect(await page.textContent('#message')).toContain('correct the address');
  });

  test('a server that is gone is tried again, and says nothing about addresses', async () => {
    const url = await serve(() => {});
    for (const close of closing.splice(0)) close();
    await embed(url);
    await page.waitForFunction(() => (attempt() ?? 0) >= 3);
    expect(await page.evaluate(() => document.querySelector('nearlight-player')?.state)).toEqual({
      kind: 'connecting',
      attempt: expect.any(Number),
    });
  });

  test('a page with https reads that it cannot reach a server with http', async () => {
    await visit();
    const html = `${script('')}<nearlight-player src="http://games.example/"></nearlight-player>`;
    // The site has the player's files from a package.
    await page.route('https://arcade.example/**', async (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: html });
      const file = await fetch(new URL(pathname, game.url));
      return route.fulfill({ contentType: 'text/javascript', body: await file.text() });
    });
    await page.goto('https://arcade.example/');
    await page.waitForSelector('[data-state=ended]');
    expect([await page.textContent('#code'), await page.textContent('#message')]).toEqual([
      'NL_REQUEST',
      expect.stringContaining('https address'),
    ]);
  });
});

declare global {
  function attempt(): number | undefined;
}

async function visit(locale = 'en'): Promise<void> {
  await page?.context().close();
  page = await (await browser.newContext({ viewport: { width: 800, height: 600 }, locale })).newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  await page.addInitScript(() => {
    globalThis.attempt = () => {
      const state = document.querySelector('nearlight-player')?.state;
      return state?.kind === 'connecting' ? state.attempt : undefined;
    };
  });
}

function script(folder = game.url): string {
  return `<!doctype html><html lang="en"><title>site</title><script type="module" src="${folder}player.js"></script>`;
}

/** Opens a page of a site that embeds the player of the host at `url`. */
async function embed(url: string): Promise<void> {
  await visit();
  site.html = `${script()}<nearlight-player src="${url}"></nearlight-player>`;
  await page.goto(site.origin);
}

/** Starts a server of its own until the test ends. @returns its URL */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
