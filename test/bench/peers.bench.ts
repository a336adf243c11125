// A game streamed by Nearlight beside the same game in a headless Chromium that streams its canvas: pictures, CPU, memory, latency.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { at } from '../at.ts';
import { serve, shown, startGpuBrowser } from '../cli/dev/browser.ts';
import { openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { WAIT_MS_MAX } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { probeLatency } from './probe.ts';
import { childrenOf, cpuSeconds, memoryOf, treeOf } from './processes.ts';

const WIDTH = 848;
const HEIGHT = 480;
const FPS = 60;
/** Height of the bar below the game in the page of `npm run dev`. */
const BAR_HEIGHT = 34;
const WARM_UP_SECONDS = 10;
const SECONDS = 30;
/** The rate at which Nearlight begins a stream of this size. Chromium's stream gets it as its limit. */
const BITRATE = 0.3 * WIDTH * HEIGHT * FPS;
const VIEWER = 'http://127.0.0.1:9/viewer';
const root = join(import.meta.dirname, '../..');

/** A game that is being streamed to a page of the viewer's browser. */
interface Streamed {
  page: Page;
  /** The process whose descendants, together with it, run the game. */
  pid: number;
  /** Milliseconds from starting that process to the first picture in the page. */
  startMs: number;
  stop(): Promise<unknown>;
}

interface Measured {
  /** Pictures shown per second of CPU time. */
  perCore: number;
  pssMib: number;
}

/** Runs `start`, which starts one process. Returns its result with the id of the process. */
async function withPid<T>(start: () => Promise<T>): Promise<{ made: T; pid: number }> {
  const before = new Set(childrenOf(process.pid));
  const made = await start();
  return {
    made,
    pid: at(
      childrenOf(process.pid).filter((pid) => !before.has(pid)),
      0,
    ),
  };
}

async function startNearlight(game: string, viewer: Browser): Promise<Streamed> {
  const begun = performance.now();
  const { made: host, pid } = await withPid(() => startHostProcess([`build/${game}.wasm`]));
  const page = await openGame(viewer, `${host.url}?size=${WIDTH}x${HEIGHT}&fps=${FPS}`);
  const startMs = performance.now() - begun;
  await page.locator('#play').click();
  return { page, pid, startMs, stop: () => host.stop() };
}

/** Streams the canvas of the page of `npm run dev`, and takes keys from the viewer's page, over Chromium's own WebRTC. */
async function startChromium(source: string, viewer: Browser): Promise<Streamed> {
  const dev = await serve(join(root, source));
  const page = await viewer.newPage();
  await page.route(VIEWER, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<video muted autoplay playsinline>' }),
  );
  await page.goto(VIEWER);
  const begun = performance.now();
  const { made: browser, pid } = await withPid(() => startGpuBrowser());
  const game = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT + BAR_HEIGHT } });
  await game.goto(dev.url);
  await shown(game, 1);
  await connect(game, page);
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, {
    timeout: WAIT_MS_MAX,
  });
  const startMs = performance.now() - begun;
  return { page, pid, startMs, stop: async () => Promise.all([browser.close(), dev.close()]) };
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

/** Counts the pictures that the page's video shows. Runs inside the page. */
function countPictures(page: Page, seconds: number): Promise<number> {
  return page.evaluate(async (duration) => {
    const video = document.querySelector('video');
    if (!video) throw new Error('the page has no video');
    let pictures = 0;
    const count = (): void => {
      pictures++;
      video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback(count);
    await new Promise((resolve) => setTimeout(resolve, duration * 1000));
    return pictures;
  }, seconds);
}

async function measureArena(bench: Bench, name: string, streamed: Streamed): Promise<Measured> {
  const { page, pid, startMs } = streamed;
  try {
    bench.value(`${name}: start to the first picture`, 'ms', startMs);
    await countPictures(page, WARM_UP_SECONDS);
    const before = cpuSeconds(pid);
    const pictures = await countPictures(page, SECONDS);
    const cpu = cpuSeconds(pid) - before;
    const pssMib = treeOf(pid).reduce((sum, each) => sum + memoryOf(each).pss, 0);
    const size = await page.evaluate(() => {
      const video = document.querySelector('video');
      return `${video?.videoWidth}x${video?.videoHeight}`;
    });
    bench.note(`${name}: ${size}`);
    bench.value(`${name}: pictures shown`, '1/s', pictures / SECONDS);
    bench.value(`${name}: CPU of the game and its stream`, '% of a core', (100 * cpu) / SECONDS);
    bench.value(`${name}: pictures per second of CPU time`, '1/s', pictures / cpu);
    bench.value(`${name}: memory of the game and its stream, PSS`, 'MiB', pssMib);
    return { perCore: pictures / cpu, pssMib };
  } finally {
    await page.close();
    await streamed.stop();
  }
}

async function measureLatency(bench: Bench, name: string, streamed: Streamed): Promise<void> {
  try {
    await probeLatency(streamed.page, WARM_UP_SECONDS);
    bench.figure(`${name}: input to picture`, 'ms', (await probeLatency(streamed.page, SECONDS)).callbackMs);
  } finally {
    await streamed.page.close();
    await streamed.stop();
  }
}

await benchmark('peers', async (bench) => {
  const viewer = await startBrowser();
  try {
    bench.machine({ browser: viewer.version() });
    const ours = await measureArena(bench, 'Nearlight, arena', await startNearlight('arena', viewer));
    const peer = await measureArena(bench, 'Chromium, arena', await startChromium('renderer/arena/index.ts', viewer));
    await measureLatency(bench, 'Nearlight, latency', await startNearlight('latency', viewer));
    await measureLatency(bench, 'Chromium, latency', await startChromium('renderer/examples/latency.ts', viewer));
    const times = { direction: 'at least', unit: 'times' } as const;
    bench.goal('pictures per core, beside Chromium', { ...times, limit: 10, value: ours.perCore / peer.perCore });
    bench.goal('memory, beside Chromium', {
      direction: 'at most',
      limit: 0.25,
      value: ours.pssMib / peer.pssMib,
      unit: 'of it',
    });
  } finally {
    await viewer.close();
  }
});
