import { Codec, CodecContext, Dictionary, FFmpegError, Frame, Packet, Rational } from 'node-av';
import { AV_PIX_FMT_YUV420P, type FFEncoderCodec } from 'node-av/constants';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDoor, openRelay } from '../../host/stream/relay.ts';
import { sleep } from '../wait.ts';
import { type Fixture, startServer } from './fixture.ts';
import { until } from './peer.ts';

const WIDTH = 320;
const HEIGHT = 180;
const FPS = 60;
const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'];

const PAGE = `<!doctype html><title>stream</title><video muted autoplay playsinline></video><script src="/page.js"></script>`;
const SCRIPT = `
const peer = new RTCPeerConnection();
const video = document.querySelector('video');
const transceiver = peer.addTransceiver('video', { direction: 'recvonly' });
window.peer = peer;
window.refused = /(?!)/;
window.seen = { shown: 0, described: new Set(), matched: 0, notices: [], width: 0 };
peer.ontrack = (event) => { video.srcObject = event.streams[0]; };
const shown = (now, metadata) => {
  seen.shown++;
  seen.width = metadata.width;
  if (seen.described.has(metadata.rtpTimestamp)) seen.matched++;
  video.requestVideoFrameCallback(shown);
};
video.requestVideoFrameCallback(shown);
window.channels = {
  events: peer.createDataChannel('events'),
  state: peer.createDataChannel('state', { ordered: false, maxRetransmits: 0 }),
};
for (const channel of Object.values(channels)) channel.binaryType = 'arraybuffer';
channels.events.onmessage = ({ data }) => seen.notices.push(JSON.parse(new TextDecoder().decode(data.slice(1))));
channels.state.onmessage = ({ data }) => {
  const view = new DataView(data);
  if (view.getUint8(0) === 7) seen.described.add(view.getUint32(4, true));
};
window.join = async () => {
  await peer.setLocalDescription();
  const started = performance.now();
  const response = await fetch('/whep?size=${WIDTH}x${HEIGHT}&fps=${FPS}', {
    method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription.sdp });
  if (response.status !== 201) throw new Error(await response.text());
  const sdp = (await response.text()).replace(window.refused, '');
  await peer.setRemoteDescription({ type: 'answer', sdp });
  if (channels.events.readyState !== 'open') await new Promise((resolve) => { channels.events.onopen = resolve; });
  return performance.now() - started;
};
window.delay = async () => {
  for (const report of (await peer.getStats()).values())
    if (report.type === 'inbound-rtp')
      return { meanMs: 1000 * report.jitterBufferDelay / report.jitterBufferEmittedCount, decoded: report.framesDecoded };
};`;

const file = (type: string, body: string) => ({ type: `${type}; charset=utf-8`, body: Buffer.from(body) });
const files = new Map([
  ['/', file('text/html', PAGE)],
  ['/page.js', file('text/javascript', SCRIPT)],
]);

let fixture: Fixture;
let browser: Browser;
let stream: Buffer[];

/** One second of moving grey, of which the first frame alone is a keyframe. */
async function encode(): Promise<Buffer[]> {
  const codec = Codec.findEncoderByName('libx264' as FFEncoderCodec);
  const context = new CodecContext();
  context.allocContext3(codec);
  context.width = WIDTH;
  context.height = HEIGHT;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(1, FPS);
  context.maxBFrames = 0;
  const params = 'keyint=infinite:scenecut=0:repeat-headers=1';
  const options = { preset: 'ultrafast', tune: 'zerolatency', profile: 'baseline', 'x264-params': params };
  FFmpegError.throwIfError(await context.open2(codec, Dictionary.fromObject(options)));
  const frame = new Frame();
  frame.alloc();
  frame.width = WIDTH;
  frame.height = HEIGHT;
  frame.format = AV_PIX_FMT_YUV420P;
  FFmpegError.throwIfError(frame.allocBuffer());
  const packet = new Packet();
  packet.alloc();
  const units: Buffer[] = [];
  for (let index = 0; index < FPS; index++) {
    frame.makeWritable();
    const [luma, ...chroma] = frame.data ?? [];
    for (let row = 0; row < HEIGHT; row++)
      luma.fill((row + 4 * index) & 255, row * frame.linesize[0], (row + 1) * frame.linesize[0]);
    for (const plane of chroma) plane.fill(128);
    frame.pts = BigInt(index);
    FFmpegError.throwIfError(await context.sendFrame(frame));
    FFmpegError.throwIfError(await context.receivePacket(packet));
    if (packet.data) units.push(Buffer.from(packet.data));
    packet.unref();
  }
  context.freeContext();
  return units;
}

/** Sends the encoded second over and over, from its keyframe, until `stop` is called. */
function play(send: (unit: Buffer, index: number, keyframe: boolean) => boolean): { stop(): void } {
  const start = performance.now();
  let index = 0;
  const timer = setInterval(() => {
    while (index < ((performance.now() - start) * FPS) / 1000) {
      send(stream[index % FPS], index, index % FPS === 0);
      index++;
    }
  }, 4);
  return { stop: () => clearInterval(timer) };
}

/** Polls from here: the page's policy forbids it to evaluate strings itself. */
async function pageUntil(page: Page, condition: string): Promise<void> {
  for (let tries = 0; !(await page.evaluate<boolean>(condition)); tries++) {
    if (tries > 400) throw new Error(`waited for ${condition}`);
    await sleep(50);
  }
}

beforeAll(async () => {
  fixture = await startServer({ idleMsMax: 4000 }, { files });
  stream = await encode();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
});

afterAll(async () => {
  await browser?.close();
  await fixture?.server.close();
});

test('Chromium shows the stream without delay, and its closing is noticed', async () => {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => void faults.push(String(error)));
  await page.goto(fixture.server.url);
  const connectMs: number = await page.evaluate('join()');
  const player = fixture.players[0];
  const connection = await until(() => player.connection, 'the connection');
  expect([player.width, player.height, player.fps]).toEqual([WIDTH, HEIGHT, FPS]);
  let sendMs = 0;
  const { stop } = play((unit, index, keyframe) => {
    const before = performance.now();
    const sent = connection.sendFrame(unit, {
      rtpTimestamp: index * 1500,
      keyframe,
      inputSequence: 0,
      inputToSendUs: 0,
    });
    sendMs += performance.now() - before;
    return sent;
  });
  await pageUntil(page, 'seen.shown >= 90');
  const { meanMs, decoded } = await page.evaluate<{ meanMs: number; decoded: number }>('delay()');
  const seen = await page.evaluate<{ matched: number; width: number; notices: unknown[] }>(
    '({ matched: seen.matched, width: seen.width, notices: seen.notices })',
  );
  console.log(
    `connected ${connectMs.toFixed(0)} ms after the offer; jitter buffer ${meanMs.toFixed(2)} ms; ` +
      `sending ${(sendMs / connection.stats.framesSent).toFixed(2)} ms a frame`,
  );
  expect(seen.notices).toMatchObject([{ kind: 'joined', seat: 0, width: WIDTH, height: HEIGHT }]);
  expect(seen.width).toBe(WIDTH);
  expect(seen.matched).toBeGreaterThan(60);
  expect(decoded).toBeGreaterThanOrEqual(90);
  // One frame lasts 16.7 ms; without the playout delay of 0 the buffer holds more than one.
  expect(meanMs).toBeLessThan(12);
  await until(() => connection.stats.rembBitsPerSecond > 0 && player.losses.length > 0, 'feedback');
  expect(faults).toEqual([]);
  // Chromium sends nothing when its page is closed: the silence tells.
  await page.close();
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['idle']);
  stop();
});

test('1 MB from Chromium is refused there, and text ends the connection alone', async () => {
  const page = await browser.newPage();
  await page.goto(fixture.server.url);
  await page.evaluate('join()');
  const player = fixture.players[1];
  await until(() => player.connection, 'the connection');
  const refused = await page.evaluate<string>(
    'try { channels.events.send(new Uint8Array(2 ** 20)); "sent" } catch (error) { error.name }',
  );
  expect(refused).not.toBe('sent');
  await page.evaluate('for (let i = 0; i < 16; i++) channels.events.send("rubbish")');
  await pageUntil(page, 'seen.notices.some((notice) => notice.code === "NL_INPUT")');
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['input']);
  await sleep(50);
  await page.close();
});

test('Chromium plays through a relay where the own address is out of its reach', async () => {
  const icePort = 34_567;
  const address = '127.0.0.1';
  const socket = await openDoor({ address, first: 31_000, last: 31_999 });
  const relay = openRelay({ socket, address, target: { address, port: icePort }, peersMax: 8, idleMs: 30_000 });
  const { server, players } = await startServer({ icePort }, { files, relay });
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate(String.raw`window.refused = /a=candidate:(?!nearlight).*\r\n/g; join()`);
  const connection = await until(() => players[0]?.connection, 'the connection');
  const { stop } = play((unit, index, keyframe) =>
    connection.sendFrame(unit, { rtpTimestamp: index * 1500, keyframe, inputSequence: 0, inputToSendUs: 0 }),
  );
  await pageUntil(page, 'seen.shown >= 90');
  expect(relay.stats.packetsOut).toBeGreaterThan(90);
  const dropped = relay.stats.packetsDropped;
  stop();
  await page.close();
  await server.close();
  relay.close();
  expect(dropped).toBe(0);
});
