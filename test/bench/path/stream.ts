import type { Browser, Page } from 'playwright-core';
import { must } from '../../../host/base/assert.ts';
import { systemClock } from '../../../host/base/clock.ts';
import { milli } from '../../../host/base/time.ts';
import { VideoView, type VideoViewOptions } from '../../../host/room/video.ts';
import type { Feedback, PlayerConnection } from '../../../host/stream/player.ts';
import { RateControl } from '../../../host/stream/rate.ts';
import { createVideoEncoder } from '../../../host/video/h264.ts';
import { RecordedPlayer, startServer } from '../../stream/fixture.ts';
import { eventually } from '../../wait.ts';
import { type PathOptions, PathProxy } from './proxy.ts';
import { BITS, BLOCK, PATCH, Scene } from './scene.ts';

const FPS = 60;
const BITRATE_MAX = 20_000_000;

/** A picture that the page showed. Times are in milliseconds since the start of the measurement. */
export interface Shown {
  /** Number of the picture. */
  number: number;
  atMs: number;
  /** Brightness of the part PATCH, of some pictures only. */
  patch?: number[];
}

export interface Result {
  shown: Shown[];
  /** When each picture was taken, by its number. */
  takenMs: number[];
  /** Bytes delivered to the page, and bytes that came from the host, in each 100 ms. */
  delivered: number[];
  offered: number[];
  dropped: number;
}

/** A player whose video is the scene. */
class ScenePlayer extends RecordedPlayer {
  view: VideoView | undefined;
  override onKeyframe(): void {
    this.view?.requestKeyframe();
  }
  override onFeedback(feedback: Readonly<Feedback>): void {
    this.view?.feedback(feedback);
  }
}

const PAGE = `<!doctype html><title>path</title><video muted autoplay playsinline></video><script src="/page.js"></script>`;
const SCRIPT = `
const peer = new RTCPeerConnection();
window.peer = peer;
const video = document.querySelector('video');
const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
receiver.jitterBufferTarget = 0;
peer.ontrack = ({ track }) => { video.srcObject = new MediaStream([track]); };
window.shown = [];
let count = 0;
const look = async () => {
  const at = performance.timeOrigin + performance.now();
  video.requestVideoFrameCallback(look);
  const frame = new VideoFrame(video);
  const line = new Uint8Array(${BITS * BLOCK * BLOCK * 2});
  const read = (buffer, rect) => frame.copyTo(buffer, { rect });
  await read(line, { x: 0, y: 0, width: ${BITS * BLOCK}, height: ${BLOCK} });
  let number = 0;
  for (let bit = 0; bit < ${BITS}; bit++)
    if (line[${BLOCK / 2} * ${BITS * BLOCK} + bit * ${BLOCK} + ${BLOCK / 2}] > 125) number |= 1 << bit;
  const entry = { number, atMs: at };
  if (count++ % 20 === 0) {
    const patch = new Uint8Array(${PATCH.side * PATCH.side * 2});
    await read(patch, { x: ${PATCH.x}, y: ${PATCH.y}, width: ${PATCH.side}, height: ${PATCH.side} });
    entry.patch = Array.from(patch.subarray(0, ${PATCH.side * PATCH.side}));
  }
  frame.close();
  shown.push(entry);
};
video.requestVideoFrameCallback(look);
const channels = [
  peer.createDataChannel('events'),
  peer.createDataChannel('state', { ordered: false, maxRetransmits: 0 }),
];
const ping = new Uint8Array(12);
ping[0] = 5;
setInterval(() => { if (channels[1].readyState === 'open') channels[1].send(ping); }, 500);
window.join = async (port) => {
  await peer.setLocalDescription();
  const response = await fetch('/whep', {
    method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription.sdp });
  const sdp = (await response.text()).replace(/(a=candidate:\\S+ 1 \\S+ \\d+ 127\\.0\\.0\\.1) \\d+/g, '$1 ' + port);
  await peer.setRemoteDescription({ type: 'answer', sdp });
};`;

const file = (type: string, body: string) => ({ type: `${type}; charset=utf-8`, body: Buffer.from(body) });

/** Streams the scene to a page of a browser over a path with faults. */
export async function stream(
  browser: Browser,
  options: { path: PathOptions; width: number; height: number; seconds: number },
): Promise<Result> {
  const { path, width, height, seconds } = options;
  const files = new Map([
    ['/', file('text/html', PAGE)],
    ['/page.js', file('text/javascript', SCRIPT)],
  ]);
  const player = new ScenePlayer(0, { width, height, fps: FPS });
  const { server } = await startServer({ icePort: 0 }, { files, admit: async () => () => player });
  const port = await relayPort(server.url);
  const proxy = await PathProxy.open(port, path);
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    await page.evaluate(`join(${proxy.port})`);
    const connection = await eventually(() => must(player.connection, 'connection'));
    return await play({ page, player, connection, proxy, width, height, seconds });
  } finally {
    await page.close();
    await server.close();
    proxy.close();
  }
}

/** Finds out the UDP port of a server's relay from an answer to an offer. */
async function relayPort(url: string): Promise<number> {
  const { Peer } = await import('../../stream/peer.ts');
  const peer = new Peer();
  const response = await fetch(`${url}whep`, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: await peer.offer(),
  });
  const answer = await response.text();
  await fetch(new URL(response.headers.get('location') ?? '', url), { method: 'DELETE' });
  peer.close();
  return Number(must(/a=candidate:\S+ 1 \S+ \d+ 127\.0\.0\.1 (\d+)/.exec(answer)?.[1], 'candidate'));
}

interface Playing {
  page: Page;
  player: ScenePlayer;
  connection: PlayerConnection;
  proxy: PathProxy;
  width: number;
  height: number;
  seconds: number;
}

async function play({ page, player, connection, proxy, width, height, seconds }: Playing): Promise<Result> {
  const scene = new Scene(width, height);
  const rate = new RateControl({ width, height, fps: FPS }, BITRATE_MAX);
  const encoder = await createVideoEncoder({
    width,
    height,
    fps: FPS,
    bitrate: rate.bitrate,
    hardware: false,
    log() {},
  });
  let number = 0;
  const readback = { texture: { createView: () => ({}) }, read: async () => scene.picture(number), destroy() {} };
  const errors: unknown[] = [];
  const view = new VideoView({
    readback,
    encoder,
    connection,
    rate,
    clock: systemClock,
    onError: (error: unknown) => errors.push(error),
  } as unknown as VideoViewOptions);
  player.view = view;
  const takenMs: number[] = [];
  const begunAt = performance.now();
  const origin = performance.timeOrigin + begunAt;
  proxy.begin();
  for (let next = begunAt; performance.now() - begunAt < seconds * 1000; next += 1000 / FPS) {
    await systemClock.until(milli(next));
    if (!view.ready) continue;
    number++;
    takenMs[number] = performance.now() - begunAt;
    view.present(number, systemClock.now());
  }
  const { dropped } = view.stats;
  const shown = await page.evaluate<Shown[]>('window.shown');
  player.view = undefined;
  await view.close();
  if (errors.length > 0) throw errors[0];
  return {
    shown: shown.map((entry) => ({ ...entry, atMs: entry.atMs - origin })),
    takenMs,
    delivered: [...proxy.delivered],
    offered: [...proxy.offered],
    dropped,
  };
}

/** Returns the PSNR of the compared pictures, in dB. */
export function qualities(result: Result, scene: Scene): number[] {
  return result.shown.flatMap(({ number, patch }) => (patch ? [scene.psnr(number, Uint8Array.from(patch))] : []));
}
