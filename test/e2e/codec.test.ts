import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HostProcess, openGame, startBrowser, startHostProcess } from './host.ts';

let host: HostProcess;
let browser: Browser;

beforeAll(async () => {
  [host, browser] = await Promise.all([startHostProcess(['build/latency.wasm']), startBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await host?.stop();
});

test('a browser whose WebRTC has no H.264 plays VP8 over UDP, and sees the keys that it presses', async () => {
  const context = await browser.newContext();
  // The host reads an offer without H.264. To the browser, it remains the offer that it has made, which contains VP8.
  await context.route('**/whep*', (route) => {
    const body = route.request().postData() ?? '';
    return route.continue({ postData: body.replaceAll('H264/90000', 'X264/90000') });
  });
  await context.addInitScript(() => {
    const peers: RTCPeerConnection[] = [];
    const { RTCPeerConnection: Original } = globalThis;
    class Noted extends Original {
      constructor(options?: RTCConfiguration) {
        super(options);
        peers.push(this);
      }
    }
    Object.assign(globalThis, { peers, RTCPeerConnection: Noted });
  });
  const page = await openGame(context as unknown as Browser, `${host.url}?size=640x360&fps=60`);
  await page.locator('#play').click();
  const codec = () =>
    page.evaluate(async () => {
      const { peers } = globalThis as unknown as { peers: RTCPeerConnection[] };
      const reports = [...((await peers.at(-1)?.getStats())?.values() ?? [])];
      const video = reports.find((report) => report.type === 'inbound-rtp' && report.kind === 'video');
      return reports.find((report) => report.id === video?.codecId)?.mimeType;
    });
  expect(await codec()).toBe('video/VP8');
  const isWhite = () =>
    page.evaluate(async () => {
      const frame = new VideoFrame(document.querySelector('video') as HTMLVideoElement);
      const luma = new Uint8Array(64);
      await frame.copyTo(luma, { rect: { x: 320, y: 180, width: 4, height: 4 } });
      frame.close();
      return (luma[0] ?? 0) > 127;
    });
  for (const down of [true, false]) {
    if (down) await page.keyboard.down('w');
    else await page.keyboard.up('w');
    await expect.poll(isWhite, { timeout: 20_000 }).toBe(down);
  }
  await context.close();
});
