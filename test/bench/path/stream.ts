import { networkInterfaces } from 'node:os';
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
import { ChromiumSender } from './chromium.ts';
import { LibrarySender } from './library.ts';
import type { PathMeter } from './meter.ts';
import { type PathOptions, PathProxy } from './proxy.ts';
import { BITS, BLOCK, PATCH, Scene, TAKEN_PER_SECOND } from './scene.ts';

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
  /** Counts of the page's video receiver (RTCInboundRtpStreamStats), about once a second. */
  reports: ReceiverCounts[];
}

/** Counts since the connection began. */
export interface ReceiverCounts {
  atMs: number;
  packetsLost: number;
  framesDecoded: number;
  fecPacketsReceived: number;
  nackCount: number;
  pliCount: number;
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

/** Ways to send the scene: the host's own, libdatachannel's with the receiver's estimate (REMB) alone, and Chromium's. */
export const SENDERS = ['nearlight', 'libdatachannel', 'chromium'] as const;
export type Sender = (typeof SENDERS)[number];

const PAGE = `<!doctype html><title>path</title><video muted autoplay playsinline></video><script src="/page.js"></script>`;
const SCRIPT = `
const peer = new RTCPeerConnection();
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
window.reports = [];
setInterval(async () => {
  for (const report of (await peer.getStats()).values())
    if (report.type === 'inbound-rtp') reports.push({ ...report, atMs: performance.timeOrigin + performance.now() });
}, 1000);
const channels = [
  peer.createDataChannel('events'),
  peer.createDataChannel('state', { ordered: false, maxRetransmits: 0 }),
];
const ping = new Uint8Array(12);
ping[0] = 5;
setInterval(() => { if (channels[1].readyState === 'open') channels[1].send(ping); }, 500);
window.offer = async (requests) => {
  const { sdp } = await peer.createOffer();
  const edited = requests ? sdp : sdp.replace(/^a=rtcp-fb:[0-9]+ nack\\r\\n/gm, '');
  await peer.setLocalDescription({ type: 'offer', sdp: edited });
  return peer.localDescription.sdp;
};
window.accept = (sdp) => peer.setRemoteDescription({ type: 'answer', sdp });`;

const file = (type: string, body: string) => ({ type: `${type}; charset=utf-8`, body: Buffer.from(body) });

export interface StreamOptions {
  sender: Sender;
  /** The faults of the path to a page on this machine. */
  path?: PathOptions;
  /** Where the host's own sender listens for a page on another machine, and what counts the bytes between them. */
  place?: { address: string; port: number; meter: PathMeter };
  width: number;
  height: number;
  seconds: number;
  /** Whether the page asks for packets that it misses. Default: true. */
  requests?: boolean;
  /** Whether the page takes repair packets. Default: true. */
  repairs?: boolean;
  /** Changes the SDP answer before the page gets it. */
  edit?(answer: string): string;
}

/** Streams the scene to a page of a browser over a path with faults. One of `path` and `place` is set. */
export async function stream(browser: Browser, options: StreamOptions): Promise<Result> {
  const { sender, path, place, width, height, seconds } = options;
  const { requests = true, repairs = true, edit = (answer) => answer } = options;
  const files = new Map([
    ['/', file('text/html', PAGE)],
    ['/page.js', file('text/javascript', SCRIPT)],
  ]);
  const player = new ScenePlayer(0, { width, height, fps: FPS });
  const { server } = await startServer(
    { icePort: 0, ...(place ? { host: place.address, port: place.port } : {}) },
    { files, admit: async () => () => player },
  );
  const page = await browser.newPage();
  const closing: (() => unknown)[] = [() => server.close(), () => page.close()];
  try {
    await page.goto(server.url);
    const offer = await page.evaluate<string>(`offer(${requests})`);
    /** Connects the page to the one that made the answer, through the path. */
    const accept = async (answer: string): Promise<PathMeter> => {
      if (place) {
        closing.push(() => place.meter.close());
        await page.evaluate(`accept(${JSON.stringify(answer)})`);
        return place.meter;
      }
      const { port, address } = candidateOf(answer);
      const proxy = await PathProxy.open(port, must(path, 'path'), address);
      closing.push(() => proxy.close());
      const sdp = edit(onlyCandidate(answer, proxy.port));
      await page.evaluate(`accept(${JSON.stringify(sdp)})`);
      return proxy;
    };
    if (sender === 'chromium') {
      const source = await ChromiumSender.open(browser, { width, height, fps: FPS, bitrateMax: BITRATE_MAX });
      closing.push(() => source.close());
      const proxy = await accept(await source.answer(offer));
      await source.connected();
      const begunAt = performance.now();
      proxy.begin();
      const takenMs = await source.send(performance.timeOrigin + begunAt, seconds);
      return await resultOf({ page, proxy, takenMs, dropped: 0, begunAt });
    }
    let connection: PlayerConnection;
    let proxy: PathMeter;
    if (sender === 'libdatachannel') {
      const source = new LibrarySender(offer, player);
      closing.push(() => source.close());
      proxy = await accept(await source.answer());
      await source.connected();
      connection = source;
    } else {
      const response = await fetch(`${server.url}whep`, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp' },
        body: repairs ? offer : offer.replaceAll('flexfec-03', 'unknown'),
      });
      proxy = await accept(await response.text());
      connection = await eventually(() => must(player.connection, 'connection'));
    }
    return await play({ page, player, connection, proxy, width, height, seconds });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Returns the UDP address that an SDP answer offers. Chromium hides its address, which is that of an interface of this machine. */
function candidateOf(answer: string): { port: number; address: string } {
  const [, address = '', port] = must(/a=candidate:\S+ 1 udp \d+ (\S+) (\d+)/i.exec(answer), 'candidate');
  return { port: Number(port), address: address.endsWith('.local') ? ownAddress() : address };
}

function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return must(
    addresses.find(({ family, internal }) => family === 'IPv4' && !internal),
    'network interface other than loopback',
  ).address;
}

/** Replaces all candidates of an SDP answer by one for a UDP port of 127.0.0.1. */
function onlyCandidate(answer: string, port: number): string {
  const lines = answer.split(/\r?\n/).filter((line) => line !== '' && !/^a=(candidate|end-of-candidates)/.test(line));
  const at = lines.findIndex((line) => line.startsWith('a=ice-pwd'));
  lines.splice(at + 1, 0, `a=candidate:1 1 UDP 2122260223 127.0.0.1 ${port} typ host`);
  return `${lines.join('\r\n')}\r\n`;
}

interface Playing {
  page: Page;
  player: ScenePlayer;
  connection: PlayerConnection;
  proxy: PathMeter;
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
  proxy.begin();
  for (let next = begunAt; performance.now() - begunAt < seconds * 1000; next += 1000 / TAKEN_PER_SECOND) {
    await systemClock.until(milli(next));
    if (!view.ready) continue;
    number++;
    takenMs[number] = performance.now() - begunAt;
    view.present(number, systemClock.now());
  }
  const { dropped } = view.stats;
  const result = await resultOf({ page, proxy, takenMs, dropped, begunAt });
  player.view = undefined;
  await view.close();
  if (errors.length > 0) throw errors[0];
  return result;
}

async function resultOf(measured: {
  page: Page;
  proxy: PathMeter;
  takenMs: number[];
  dropped: number;
  begunAt: number;
}): Promise<Result> {
  const { page, proxy, takenMs, dropped, begunAt } = measured;
  const origin = performance.timeOrigin + begunAt;
  const shown = await page.evaluate<Shown[]>('window.shown');
  const reports = await page.evaluate<ReceiverCounts[]>('window.reports');
  return {
    shown: shown.map((entry) => ({ ...entry, atMs: entry.atMs - origin })),
    reports: reports.map((report) => ({ ...report, atMs: report.atMs - origin })),
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
