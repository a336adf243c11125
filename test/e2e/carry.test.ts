import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MESSAGE_KEY } from '../../host/base/protocol.ts';
import { compile } from '../session/compile.ts';
import { carryOn } from '../stream/carried.ts';
import { Peer, until } from '../stream/peer.ts';
import { Entrance } from './entrance.ts';
import { type HostProcess, openGame, pictureColour, startBrowser, startHostProcess } from './host.ts';
import { SCORE } from './score.ts';

const QUERY = '?size=320x180&fps=30';
const folder = mkdtempSync(join(tmpdir(), 'nearlight-carry-'));
const module = join(folder, 'score.wasm');
const hosts: HostProcess[] = [];
let browser: Browser;

beforeAll(async () => {
  writeFileSync(module, await compile('score', SCORE));
  browser = await startBrowser();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await Promise.all(hosts.map((host) => host.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<HostProcess> {
  const host = await startHostProcess([module], {
    DRAIN_SECONDS_MAX: '1',
    CARRY_KEY: 'k'.repeat(32),
    MAX_PLAYERS: '4',
  });
  hosts.push(host);
  return host;
}

const portOf = ({ url }: HostProcess) => Number(new URL(url).port);
const stateOf = async (host: HostProcess) => ((await host.status()) as unknown as { state: string }).state;

/** Presses and releases a key, as many times as that. */
async function press(peer: Peer, times: number): Promise<void> {
  for (let n = 0; n < times; n++)
    for (const down of [1, 0]) {
      peer.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 0x2c, down, 0, 2 * n + 2 - down, 0, 0, 0));
      const { pictures } = peer;
      await until(() => peer.pictures > pictures + 2, 'pictures');
    }
}

test('after SIGTERM, the players of a host go on at another one with their scores, without a click', async () => {
  const [first, second] = await Promise.all([start(), start()]);
  const entrance = await Entrance.open([portOf(first)]);
  expect(await stateOf(first)).toBe('ready');
  const page = await openGame(browser, `${entrance.url}${QUERY}`);
  await page.waitForFunction(() => document.body.dataset.state === 'playing');
  await page.click('#play');
  const peer = new Peer();
  await peer.join(entrance.url, { query: QUERY, tokens: 'new' });
  peer.beat();
  await press(peer, 3);
  for (let n = 0; n < 2; n++) {
    const red = (await pictureColour(page))[0];
    await page.keyboard.down('Space');
    await expect.poll(async () => (await pictureColour(page))[0]).toBeGreaterThan(red + 25);
    await page.keyboard.up('Space');
  }
  const [red] = await pictureColour(page);
  expect(await stateOf(first)).toBe('allocated');
  await page.evaluate(() => {
    const states: (string | undefined)[] = [];
    new MutationObserver(() => states.push(document.body.dataset.state)).observe(document.body, { attributes: true });
    const captions: (string | null)[] = [];
    const caption = document.querySelector('.caption');
    if (caption) new MutationObserver(() => captions.push(caption.textContent)).observe(caption, { childList: true });
    Object.assign(window, { states, captions });
  });

  const exited = once(first.process, 'exit');
  first.process.kill('SIGTERM');
  await expect.poll(() => stateOf(first)).toBe('draining');
  // Half of the new connections still reach the host that ends.
  entrance.ports = [portOf(first), portOf(second)];
  const carried = await carryOn(peer, entrance.url, QUERY);
  expect((await exited)[0]).toBe(0);
  entrance.ports = [portOf(second)];

  await until(() => carried.peer.pictures > 5, 'pictures of the other host');
  await expect.poll(async () => (await second.status()).seats).toMatchObject({ all: 4, taken: 2 });
  await expect.poll(async () => Math.abs((await pictureColour(page))[0] - red)).toBeLessThan(20);
  const states = await page.evaluate(() => (window as unknown as { states: string[] }).states);
  expect([...new Set(states)].filter((state) => state !== 'playing')).toEqual([]);
  const captions = await page.evaluate(() => (window as unknown as { captions: string[] }).captions);
  expect(captions).toContain('The server is being updated: you go on in a moment');
  expect(second.output()).toMatch(/seat \d has 3/);
  expect(second.output()).toMatch(/seat \d has 2/);
  carried.peer.close();
  await page.close();
  entrance.close();
});
