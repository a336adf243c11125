import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { type Clock, systemClock } from '../../../host/base/clock.ts';
import { errors } from '../../../host/base/errors.ts';
import { milli } from '../../../host/base/time.ts';
import { startDash } from '../../../host/cli/dash/dash.ts';
import { BOARDS } from '../../../host/observe/boards.ts';
import { startBrowser } from '../../e2e/host.ts';
import { eventually } from '../../wait.ts';
import { type MetricsServer, play, serveMetrics } from './host.ts';

const MAIN = join(import.meta.dirname, '../../../host/cli/main.ts');

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

function keep<T extends { close(): unknown }>(part: T): T {
  open.push(part);
  return part;
}

function start(args: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, 'dash', ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (output.stdout += text));
  child.stderr.on('data', (text) => (output.stderr += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output, ended };
}

async function run(args: string[], environment: Record<string, string> = {}) {
  const { output, ended } = start(args, environment);
  return { code: await ended, ...output };
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const { url, close } = await serveMetrics();
  await close();
  return Number(new URL(url).port);
}

describe('the command', () => {
  test('it describes itself', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Shows what a host on this machine does[\s\S]*--metrics URL[\s\S]*--port N/);
  });

  test('without a host, it says where it has looked and what to do', async () => {
    const port = await freePort();
    const { code, stderr } = await run([], { OPERATOR_PORT: `${port}` });
    expect(code).toBe(errors.NL_NO_HOST.exit);
    expect(stderr).toBe(
      `dash: NL_NO_HOST: No host answers: http://127.0.0.1:${port}/metrics: nothing listens there; start a host with "npm start", ` +
        'and give the address that it prints for its metrics: --metrics URL\n',
    );
  });

  test.each<[string[], RegExp]>([
    [['arena'], /NL_USAGE.*arena is not an option; dash --help/],
    [['--metrics', 'here'], /NL_USAGE.*--metrics here is not a URL/],
    [['--metrics', 'ftp://127.0.0.1/'], /NL_USAGE.*is not a URL/],
    [['--port', '65536'], /NL_USAGE.*--port 65536 is not a whole number/],
    [['--port', '-1'], /NL_USAGE.*--port -1 is not a whole number/],
    [['--fast'], /NL_USAGE.*--fast/],
  ])('it refuses %j', async (args, message) => {
    const { code, stderr } = await run(args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each([
    ['an answer without metrics', 200, '<html>', /NL_METRICS.*is not in Prometheus's text format: <html>/],
    ['metrics of another program', 200, 'a 1\n', /NL_METRICS.*has metrics of something else than a host/],
    ['an error', 404, '{}', /NL_METRICS.*answers with status 404/],
  ])('it refuses %s', async (_, status, body, message) => {
    const server = createServer((_, response) => response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await run(['--metrics', `http://127.0.0.1:${port}`, '--port', '0']);
    server.close();
    expect([code, stderr]).toEqual([errors.NL_METRICS.exit, expect.stringMatching(message)]);
  });

  test('it serves its page until a signal', async () => {
    const host = keep(await serveMetrics());
    const { child, output, ended } = start(['--metrics', host.url, '--port', '0']);
    const url = await eventually(() => must(/Look at (\S+)/.exec(output.stdout)?.[1], 'address'));
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('/dash.js')]);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

/** Lets all pauses pass at four times their speed, so that the page is asked more often. */
const FAST: Clock = {
  now: () => systemClock.now(),
  until: (time) => systemClock.until(milli(systemClock.now() + (time - systemClock.now()) / 4)),
};

describe('the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  async function openPage(host: MetricsServer) {
    const said: string[] = [];
    const dash = keep(await startDash({ url: host.url, port: 0, log: (line) => said.push(line), clock: FAST }));
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', ({ message }) => faults.push(message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(dash.url);
    return { page, said, faults };
  }

  test('each board has its panels, and each panel has values', async () => {
    const host = keep(await serveMetrics());
    const { page, faults } = await openPage(host);
    // The host is asked every two seconds, so it has to go on playing until all rates are known.
    const timer = setInterval(() => play(host.meters, 1), 200);
    keep({ close: () => clearInterval(timer) });
    for (const { id, title, panels } of BOARDS) {
      await page.getByRole('link', { name: title, exact: true }).click();
      expect(new URL(page.url()).hash).toBe(`#${id}`);
      const cards = page.locator('section:not([hidden]) article');
      // The page shows the board when it hears of the new address.
      await eventually(async () =>
        expect(await cards.locator('h2').allTextContents()).toEqual(panels.map((panel) => panel.title)),
      );
      await eventually(async () =>
        expect(await page.locator('section:not([hidden]) .empty', { hasText: 'no values' }).allTextContents()).toEqual(
          [],
        ),
      );
      for (const text of await cards.locator('.figure').allTextContents()) expect(text).toMatch(/\d/);
    }
    // The rows have the order of the steps, although the first refusal by address comes after those that are known from the start.
    await page.getByRole('link', { name: 'Protection', exact: true }).click();
    const errors = page.locator('section:not([hidden]) article', { hasText: 'Refused, dropped and failed' });
    await eventually(async () =>
      expect((await errors.locator('li').allTextContents()).map((text) => text.split(' ')[0])).toEqual([
        'address',
        'policy',
        'input',
        'bus',
        'outbox',
      ]),
    );
    expect(faults).toEqual([]);
  });

  test('the legend has the values of the time that the reader points at', async () => {
    const host = keep(await serveMetrics());
    const { page } = await openPage(host);
    const card = page.locator('section:not([hidden]) article', { hasText: 'Seats of the running games' });
    const taken = card.locator('li', { hasText: 'taken' });
    await eventually(async () => expect(await taken.textContent()).toBe('taken 0'));
    host.meters.sessions = 4;
    await eventually(async () => expect(await taken.textContent()).toBe('taken 4'));
    // The chart shows at least a minute, so everything so far is at its right, the oldest farthest from it.
    const box = must(await card.locator('canvas').boundingBox(), 'chart');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await eventually(async () => expect(await taken.textContent()).not.toBe('taken 4'));
    await page.mouse.move(0, 0);
    await eventually(async () => expect(await taken.textContent()).toBe('taken 4'));
  });

  test('it says that the host is gone, and goes on when it is back', async () => {
    const host = await serveMetrics();
    const { page, said, faults } = await openPage(host);
    const state = page.locator('#state');
    await eventually(async () => expect(await state.textContent()).toBe(new URL(host.url).host));
    await host.close();
    await eventually(async () => expect(await state.textContent()).toMatch(/NL_NO_HOST.*nothing listens there/));
    expect(await state.getAttribute('class')).toBe('problem');
    keep(await serveMetrics(Number(new URL(host.url).port)));
    await eventually(async () => expect(await state.getAttribute('class')).toBe(''));
    expect(said).toEqual([expect.stringContaining('NL_NO_HOST'), 'the host answers again']);
    expect(faults).toEqual([]);
  });
});
