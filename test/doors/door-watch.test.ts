import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';

let browser: Browser;
let host: HostProcess;

beforeAll(async () => {
  browser = await startBrowser();
  host = await startHostProcess(['build/arena.wasm']);
});

afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

test('a page that knows nothing of Nearlight but WHEP watches and hears what a player plays', async () => {
  await openGame(browser, `${host.url}?size=640x360&fps=60`);
  const page = await browser.newPage();
  await page.goto(`${host.url}favicon.svg`);
  const seen = await page.evaluate(async () => {
    const peer = new RTCPeerConnection();
    for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
    await peer.setLocalDescription();
    const response = await fetch('/whep', {
      method: 'POST',
      headers: { 'content-type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
    });
    if (response.status !== 201) throw new Error(await response.text());
    const location = new URL(response.headers.get('location') ?? '', response.url).href;
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    const counts = { frames: 0, sound: 0 };
    for (let turn = 0; turn < 200 && (counts.frames < 60 || counts.sound < 100); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const report of (await peer.getStats()).values())
        if (report.type === 'inbound-rtp') {
          if (report.kind === 'video') counts.frames = report.framesDecoded ?? 0;
          else counts.sound = report.packetsReceived ?? 0;
        }
    }
    const left = await fetch(location, { method: 'DELETE' });
    return { ...counts, left: left.status };
  });
  expect(seen.frames).toBeGreaterThanOrEqual(60);
  expect(seen.sound).toBeGreaterThanOrEqual(100);
  expect(seen.left).toBe(200);
  const { rooms } = await host.status();
  expect(rooms[0]).toMatchObject({ players: 1, spectators: 0 });
});
