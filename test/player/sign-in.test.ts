/** A player signs in at a real OpenID Connect issuer and plays; the policies that come along refuse others. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildModules } from '../../host/play/modules.ts';
import { type HostProcess, startBrowser, startHostProcess } from '../e2e/host.ts';
import { type Arcade, openArcade, signIn } from '../edge/provider.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { shoot, shows } from './visit.ts';

const QUERY = '?size=320x180&fps=10';

let arcade: Arcade;
let host: HostProcess;
let browser: Browser;

beforeAll(async () => {
  await buildModules(['latency']);
  arcade = await openArcade();
  const settings = {
    ADMISSION: 'token',
    OIDC_ISSUER: arcade.issuer,
    OIDC_AUDIENCE: arcade.audience,
    ACCOUNT_SEATS_MAX: '1',
    DECISION_LOG: 'log',
  };
  [host, browser] = await Promise.all([startHostProcess(['build/latency.wasm'], settings), startBrowser()]);
  arcade.host = host.url + QUERY;
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
  arcade?.close();
});

async function open(locale = 'en'): Promise<Page> {
  const context = await browser.newContext({ locale, viewport: { width: 960, height: 600 } });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  return page;
}

/** Waits until the page says why the player cannot join. */
async function refused(page: Page, { code, words }: { code: string; words: string }): Promise<void> {
  await eventually(async () => expect(await page.textContent('#message')).toContain(words));
  expect(await page.textContent('#code')).toBe(code);
}

test('the host says at its start whose players may join', () => {
  expect(host.output()).toContain(`Players of ${arcade.issuer} may join (ADMISSION=token)`);
});

test('a player who has signed in plays, also after the page was loaded again, and the token leaves the address', async () => {
  const page = await open();
  await signIn(page, arcade, 'ada');
  await shows(page, 'playing');
  expect(page.url()).toBe(arcade.host);
  await shoot(page, 'admission-playing');
  await page.reload();
  await shows(page, 'playing');
  const other = await open();
  await signIn(other, arcade, 'ada');
  await refused(other, { code: 'NL_ACCOUNT_FULL', words: 'You play too many games at the same time' });
  await shoot(other, 'admission-account');
  await page.context().close();
  await shows(other, 'playing');
  await other.context().close();
  const decision = /decision: (\{.*\})/.exec(host.output())?.[1] ?? '{}';
  expect(JSON.parse(decision)).toMatchObject({
    path: 'gaming/allow',
    input: { action: 'join', user: { id: 'ada', role: 'player' }, game: { id: 'latency', status: 'waiting' } },
    result: true,
  });
});

test('a visitor who has not signed in reads where to go, and one whom the policy refuses reads that', async () => {
  for (const [locale, missing, policy] of [
    ['en', 'Open it from the site where you sign in', 'it is not for your account'],
    ['zh-CN', '请从你登录的网站打开', '不对你的账号开放'],
  ] as const) {
    const page = await open(locale);
    await page.goto(arcade.host);
    await refused(page, { code: 'NL_TOKEN_MISSING', words: missing });
    await shoot(page, `admission-missing-${locale}`);
    await signIn(page, arcade, 'guest');
    await refused(page, { code: 'NL_POLICY', words: policy });
    await shoot(page, `admission-policy-${locale}`);
    await page.context().close();
  }
  expect(host.output()).toContain('a join was refused: policy-join (NL_POLICY)');
});
