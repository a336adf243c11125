import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { at } from '../../at.ts';
import { serve, startGpuBrowser } from '../../cli/dev/browser.ts';
import { childrenOf } from '../processes.ts';
import {
  BITRATE,
  FPS,
  firstPicture,
  HEIGHT,
  START_MS_MAX,
  type Streamed,
  WIDTH,
  watchConnections,
} from './streamed.ts';

/** Height of the bar below the game in the page of `npm run dev`. */
const BAR_HEIGHT = 34;
/** Without an interval, Playwright would ask in each frame that a page draws, and a busy browser draws few. */
const POLL_MS = 50;
const VIEWER = 'http://127.0.0.1:9/viewer';
const root = join(import.meta.dirname, '../../..');

/** Runs `start`, which starts one process. Returns its result with the id of the process. */
async function withPid<T>(start: () => Promise<T>): Promise<{ made: T; pid: number }> {
  const before = new Set(childrenOf(process.pid));
  const made = await start();
  const started = childrenOf(process.pid).filter((pid) => !before.has(pid));
  return { made, pid: at(started, 0) };
}

/**
 * Starts headless browsers that show the page of `npm run dev` in one tab or several. Streams the canvas of each tab over Chromium's
 * own WebRTC to a page of the viewer's browser, and takes keys from there.
 */
export async function startChromium(
  source: string,
  options: { viewer: Browser; browsers?: number; tabs?: number },
): Promise<Streamed> {
  const { viewer, browsers: count = 1, tabs = 1 } = options;
  const dev = await serve(join(root, source));
  const pages: Page[] = [];
  const browsers: Browser[] = [];
  const games: Page[] = [];
  const pids: number[] = [];
  const stop = async (): Promise<void> => {
    for (const page of pages) await page.close();
    for (const browser of browsers) await browser.close();
    await dev.close();
  };
  try {
    for (let number = 0; number < count * tabs; number++) pages.push(await openViewer(viewer));
    const begun = performance.now();
    let startMs = 0;
    for (let number = 0; number < count; number++) {
      const { made: browser, pid } = await withPid(() => startGpuBrowser());
      browsers.push(browser);
      pids.push(pid);
      for (let tab = 0; tab < tabs; tab++) {
        const game = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT + BAR_HEIGHT } });
        games.push(game);
        await game.goto(dev.url);
        await game.waitForFunction(() => Number(document.body.dataset.build ?? 0) >= 1, undefined, {
          timeout: START_MS_MAX,
          polling: POLL_MS,
        });
      }
    }
    // Streams begin when all games run, because a browser that streams several tabs leaves little time for another to start.
    for (const [index, game] of games.entries()) {
      const page = at(pages, index);
      await connect(game, page);
      await firstPicture(page);
      startMs ||= performance.now() - begun;
    }
    return { pages, pids, startMs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openViewer(viewer: Browser): Promise<Page> {
  const page = await viewer.newPage();
  await watchConnections(page);
  await page.route(VIEWER, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<video muted autoplay playsinline>' }),
  );
  await page.goto(VIEWER);
  return page;
}

async function connect(game: Page, viewer: Page): Promise<void> {
  const offer = await game.evaluate(
    async ({ bitrate, fps }) => {
      const peer = new RTCPeerConnection();
      Object.assign(globalThis, { peer });
      const canvas = document.querySelector('canvas');
      if (!canvas) throw new Error('the page has no canvas');
      const [track] = canvas.captureStream(fps).getVideoTracks();
      if (!track) throw new Error('the canvas has no video track');
      track.contentHint = 'motion';
      const transceiver = peer.addTransceiver(track, { direction: 'sendonly' });
      const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
      const h264 = codecs.filter(({ mimeType }) => mimeType === 'video/H264');
      transceiver.setCodecPreferences(h264.length > 0 ? h264 : codecs);
      peer.createDataChannel('keys').onmessage = ({ data }) => {
        const [type, code] = (data as string).split(' ');
        window.dispatchEvent(new KeyboardEvent(type ?? '', { code: code ?? '', bubbles: true }));
      };
      await peer.setLocalDescription();
      const parameters = transceiver.sender.getParameters();
      for (const encoding of parameters.encodings) Object.assign(encoding, { maxBitrate: bitrate, maxFramerate: fps });
      parameters.degradationPreference = 'maintain-framerate';
      await transceiver.sender.setParameters(parameters);
      while (peer.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 5));
      return peer.localDescription?.sdp ?? '';
    },
    { bitrate: BITRATE, fps: FPS },
  );
  const answer = await viewer.evaluate(async (sdp) => {
    const peer = new RTCPeerConnection();
    Object.assign(globalThis, { peer });
    peer.ontrack = ({ receiver, track }) => {
      receiver.jitterBufferTarget = 0;
      const video = document.querySelector('video');
      if (video) video.srcObject = new MediaStream([track]);
    };
    peer.ondatachannel = ({ channel }) => {
      const send = ({ type, code }: KeyboardEvent) => channel.send(`${type} ${code}`);
      window.addEventListener('keydown', send);
      window.addEventListener('keyup', send);
    };
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 5));
    return peer.localDescription?.sdp ?? '';
  }, offer);
  await game.evaluate(async (sdp) => {
    const { peer } = globalThis as unknown as { peer: RTCPeerConnection };
    await peer.setRemoteDescription({ type: 'answer', sdp });
  }, answer);
}
