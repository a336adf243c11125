/** Each reason for which the gate of a host refuses a player, as the page shows it, with the real gate and its issuer in a browser. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Config, readConfig } from '../../host/base/config.ts';
import { milli } from '../../host/base/time.ts';
import { openGate } from '../../host/edge/admission/gate.ts';
import type { JoinRisk } from '../../host/edge/admission/risk.ts';
import { Meters } from '../../host/observe/meters.ts';
import { startBrowser } from '../e2e/host.ts';
import { Issuer } from '../edge/issuer.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';
import { openSite } from './site.ts';
import { shoot, shows } from './visit.ts';

const QUERY = '?size=320x180&fps=10';
/** No server listens at this port, which belongs to the service discard. */
const NOWHERE = 'http://127.0.0.1:9';

let browser: Browser;
let issuer: Issuer;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  [browser, issuer] = await Promise.all([startBrowser(), Issuer.open()]);
});
afterAll(async () => {
  await browser?.close();
  issuer?.close();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(settings: Partial<Config> = {}, risk?: JoinRisk) {
  const tokens = { admission: 'token', oidcIssuer: issuer.url, oidcAudience: 'games', ...settings };
  const meters = new Meters();
  const gate = await openGate({
    config: { ...readConfig({}), ...tokens },
    log: () => {},
    meters,
    game: () => ({ id: 'painted', isRunning: true, players: 0, seats: 4 }),
    clock: { now: () => milli(0) },
    ...(risk ? { risk } : {}),
  });
  closing.push(() => gate.close());
  const game = await startGame(tokens, { gate, meters });
  closing.push(() => game.close());
  return game;
}

async function open(url: string, locale = 'en'): Promise<Page> {
  const context = await browser.newContext({ locale, viewport: { width: 960, height: 600 } });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  await page.goto(url);
  return page;
}

const REFUSING: JoinRisk = { failsOpen: false, assess: () => ({ allowed: false, rule: 'velocity' }) };
const expired = () => ({ exp: Math.floor(Date.now() / 1000) - 3600 });

test.each([
  ['NL_TOKEN', { claims: () => ({ aud: 'shop' }) }, 'Your sign-in is not valid here', '你的登录在这里无效'],
  ['NL_TOKEN_EXPIRED', { claims: expired }, 'Your sign-in has expired', '你的登录已过期'],
  ['NL_POLICY', { claims: () => ({ role: 'guest' }) }, 'it is not for your account', '不对你的账号开放'],
  [
    'NL_POLICY_DOWN',
    { settings: { opaUrl: NOWHERE } },
    'rules of this game cannot be asked',
    '目前无法查询此游戏的规则',
  ],
  ['NL_ISSUER', { settings: { oidcIssuer: NOWHERE } }, 'Players cannot be recognised', '登录服务没有响应'],
  ['NL_RISK', { risk: REFUSING }, 'A protection rule keeps you out', '保护规则不允许你加入'],
] as [string, { claims?: () => object; settings?: Partial<Config>; risk?: JoinRisk }, string, string][])(
  'the page says in both languages what %s means',
  async (code, { claims, settings, risk }, english, chinese) => {
    const game = await start(settings, risk);
    const token = await issuer.token(claims?.() as Parameters<Issuer['token']>[0]);
    for (const [locale, words] of [
      ['en', english],
      ['zh-CN', chinese],
    ] as const) {
      const page = await open(`${game.url}${QUERY}#token=${token}`, locale);
      await eventually(async () => expect(await page.textContent('#message')).toContain(words));
      expect(await page.textContent('#code')).toBe(code);
      expect(await page.isVisible('#defaults')).toBe(false);
      await shoot(page, `gate-${code}-${locale}`);
    }
    expect(game.seats).toHaveLength(0);
  },
);

test('a join ticket in the address plays once, and the page says that it was used', async () => {
  const game = await start();
  const headers = { authorization: `Bearer ${await issuer.token()}` };
  const { ticket } = await (await fetch(`${game.url}whep/ticket`, { method: 'POST', headers })).json();
  const page = await open(`${game.url}${QUERY}#token=${ticket}`);
  await shows(page, 'playing');
  const other = await open(`${game.url}${QUERY}#token=${ticket}`);
  await eventually(async () => expect(await other.textContent('#message')).toContain('was used before'));
  expect(await other.textContent('#code')).toBe('NL_TICKET');
  await shoot(other, 'gate-NL_TICKET-en');
});

test("a site's page gives its element a function, which the element calls when it connects, and again after a refusal", async () => {
  const site = await openSite();
  closing.push(() => site.close());
  const game = await start({ allowedOrigins: site.origin });
  site.html = `<!doctype html><title>site</title><script type="module" src="${game.url}player.js"></script>
    <nearlight-player src="${game.url}" size="320x180" fps="10"></nearlight-player>`;
  const page = await open(site.origin);
  const kind = () => page.evaluate(() => document.querySelector('nearlight-player')?.state.kind);
  await eventually(async () => expect(await kind()).toBe('ended'));
  const good = await issuer.token();
  await page.evaluate((token) => {
    const player = document.querySelector('nearlight-player');
    if (!player) throw new Error('there is no player');
    let asked = 0;
    player.getToken = async () => `${asked++ === 0 ? 'bad' : ''}${token}`;
    player.connect();
  }, good);
  await eventually(async () => expect(await kind()).toBe('ended'));
  await page.evaluate(() => document.querySelector('nearlight-player')?.connect());
  await eventually(async () => expect(await kind()).toBe('playing'));
  expect(game.seats).toHaveLength(1);
});
