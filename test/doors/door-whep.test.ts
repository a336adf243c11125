import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { eventually } from '../wait.ts';
import { installed } from './installed.ts';

/** The client of one of the authors of WHEP. */
const CLIENT = ['npm', 'whip-whep', '1.2.0'] as const;

const PAGE = `<!doctype html><title>watch</title><video muted autoplay playsinline></video>
<script type="module">
import { WHEPClient } from '/whep.js';
window.watch = async (url) => {
  const peer = window.peer = new RTCPeerConnection();
  for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
  const stream = new MediaStream();
  document.querySelector('video').srcObject = stream;
  peer.ontrack = ({ track }) => stream.addTrack(track);
  window.client = new WHEPClient();
  await client.view(peer, url);
};
window.counts = async () => {
  const counts = { state: peer.connectionState, packets: 0, frames: 0, sound: 0 };
  for (const report of (await peer.getStats()).values())
    if (report.type === 'inbound-rtp') {
      if (report.kind === 'audio') counts.sound = report.packetsReceived ?? 0;
      else [counts.packets, counts.frames] = [report.packetsReceived ?? 0, report.framesDecoded ?? 0];
    }
  return counts;
};
window.isReady = true;
</script>`;

let browser: Browser;
let site: Server;
let host: HostProcess | undefined;

const siteUrl = () => `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
const spectators = async () => (await host?.status())?.rooms[0]?.spectators;

beforeAll(async () => {
  const client = readFileSync(join(installed(...CLIENT), 'whep.js'));
  site = createServer(({ url }, response) => {
    const isClient = url === '/whep.js';
    response.setHeader('content-type', isClient ? 'text/javascript' : 'text/html');
    response.end(isClient ? client : PAGE);
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  browser = await startBrowser();
});

afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await host?.stop();
});

afterAll(async () => {
  await browser?.close();
  site?.close();
});

const atLeast = (bound: number) => expect.toSatisfy((value: number) => value >= bound, `at least ${bound}`);

async function openSite(): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(siteUrl());
  await page.waitForFunction('window.isReady');
  return page;
}

test("a WHEP client of npm on another site's page watches, hears, sends its candidates and leaves", async () => {
  const allowed = new URL(siteUrl()).origin;
  host = await startHostProcess(['build/arena.wasm'], {
    ALLOWED_ORIGINS: allowed,
    TURN_URLS: 'turn:127.0.0.1:9?transport=udp,stun:127.0.0.1:9',
    TURN_SECRET: 'a secret of this test',
  });
  await openGame(browser, `${host.url}?size=640x360&fps=60`);
  const page = await openSite();
  const answers: string[] = [];
  page.on('response', (response) => {
    if (response.url().includes('/whep')) answers.push(`${response.request().method()} ${response.status()}`);
  });
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  await page.evaluate(`watch(${JSON.stringify(`${host.url}whep`)})`);
  await eventually(async () => {
    // All of them are in the message if one of them is too low.
    expect(await page.evaluate('counts()')).toEqual({
      state: 'connected',
      packets: atLeast(60),
      frames: atLeast(60),
      sound: atLeast(100),
    });
  });
  // The client has read the servers in the answer's Link header.
  const servers = await page.evaluate<RTCIceServer[]>('peer.getConfiguration().iceServers');
  expect(servers.flatMap(({ urls }) => urls)).toEqual(['turn:127.0.0.1:9?transport=udp', 'stun:127.0.0.1:9']);
  expect(await spectators()).toBe(1);
  await page.evaluate('client.stop()');
  await eventually(async () => expect(await spectators()).toBe(0));
  // The client closes its connection first, of which the host may learn before the request arrives.
  const isEnd = (answer: string) => /^DELETE (200|404)$/.test(answer);
  expect(
    answers.map((answer) => (isEnd(answer) ? 'the end' : answer)).filter((answer) => /^(POST|the end)/.test(answer)),
  ).toEqual(['POST 201', 'the end']);
  // The client sends candidates that it finds late even after it has left.
  const before = answers.slice(0, answers.findIndex(isEnd));
  expect(new Set(before.filter((answer) => answer.startsWith('PATCH')))).toEqual(new Set(['PATCH 204']));
  expect(errors).toEqual([]);
});

test('the page of a site that is not allowed cannot watch', async () => {
  host = await startHostProcess(['build/arena.wasm']);
  const page = await openSite();
  await expect(page.evaluate(`watch(${JSON.stringify(`${host.url}whep`)})`)).rejects.toThrow('Failed to fetch');
  expect(await spectators()).toBe(0);
});

test('the client learns why it cannot watch', async () => {
  host = await startHostProcess(['build/arena.wasm'], {
    ALLOWED_ORIGINS: new URL(siteUrl()).origin,
    SPECTATORS_MAX: '0',
  });
  const page = await openSite();
  // The client does not read the answer, so a browser never ends it. The test reads it on its way.
  let refusal: unknown;
  await page.route('**/whep', async (route) => {
    const response = await route.fetch();
    refusal = await response.json();
    await route.fulfill({ response });
  });
  await expect(page.evaluate(`watch(${JSON.stringify(`${host.url}whep`)})`)).rejects.toThrow('status 503');
  expect(refusal).toMatchObject({ code: 'NL_SPECTATORS' });
});
