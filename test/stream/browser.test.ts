import { Codec, CodecContext, Dictionary, FFmpegError, Frame, Packet, Rational } from 'node-av';
import { AV_PIX_FMT_YUV420P, type FFEncoderCodec } from 'node-av/constants';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { micro } from '../../host/base/time.ts';
import { openRelaySocket } from '../../host/stream/udp.ts';
import { at } from '../at.ts';
import { eventually, sleep } from '../wait.ts';
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
window.instead = '';
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
  const sdp = (await response.text()).replace(window.refused, window.instead);
  await peer.setRemoteDescription({ type: 'answer', sdp });
  while (seen.notices[0]?.kind !== 'joined') await new Promise((resolve) => setTimeout(resolve, 1));
  return performance.now() - started;
};
window.protocol = async () => {
  const reports = await peer.getStats();
  for (const report of reports.values())
    if (report.type === 'transport')
      return reports.get(reports.get(report.selectedCandidatePairId).localCandidateId).protocol;
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

/** Encodes one second of video, a moving grey pattern. Only the first frame is a keyframe. */
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
    const [luma = Buffer.alloc(0), ...chroma] = frame.data ?? [];
    const [stride = WIDTH] = frame.linesize;
    for (let row = 0; row < HEIGHT; row++) luma.fill((row + 4 * index) & 255, row * stride, (row + 1) * stride);
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

/** Sends the one second of encoded video in a loop until `stop` is called. */
function play(send: (unit: Buffer, index: number, keyframe: boolean) => boolean): { stop(): void } {
  const start = performance.now();
  let index = 0;
  const timer = setInterval(() => {
    while (index < ((performance.now() - start) * FPS) / 1000) {
      send(at(stream, index % FPS), index, index % FPS === 0);
      index++;
    }
  }, 4);
  return { stop: () => clearInterval(timer) };
}

/** Waits for a condition in the page. The test polls, because the page's content policy forbids it to evaluate strings. */
async function pageUntil(page: Page, condition: string): Promise<void> {
  await eventually(async () => expect(await page.evaluate<boolean>(condition), condition).toBe(true));
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

/**
 * Opens a page, which removes what `refused` matches from the SDP answer, and waits until the server has seated its player (the page's
 * channels open earlier). Returns how long it took.
 */
async function open(refused = '(?!)'): Promise<{ page: Page; connectMs: number }> {
  const page = await browser.newPage();
  await page.goto(fixture.server.url);
  await page.evaluate(`window.refused = new RegExp(${JSON.stringify(refused)}); null`);
  return { page, connectMs: await page.evaluate<number>('join()') };
}

test('Chromium shows the stream without delay, and the server notices that it was closed', async () => {
  const faults: string[] = [];
  const { page, connectMs } = await open();
  page.on('pageerror', (error) => void faults.push(String(error)));
  const player = at(fixture.players, 0);
  // For comparison, a page that does not know the playout delay, and so holds frames back, shows the same stream.
  const control = await open(String.raw`a=extmap:.*playout-delay.*\r\n`);
  const controlled = await until(() => at(fixture.players, 1).connection, 'the connection of the control');
  const connection = await until(() => player.connection, 'the connection');
  expect([player.width, player.height, player.fps]).toEqual([WIDTH, HEIGHT, FPS]);
  let sendMs = 0;
  const { stop } = play((unit, index, keyframe) => {
    const info = { rtpTimestamp: index * 1500, keyframe, inputSequence: 0, inputToSendUs: micro(0) };
    controlled.sendFrame(unit, info);
    const before = performance.now();
    const sent = connection.sendFrame(unit, info);
    sendMs += performance.now() - before;
    return sent;
  });
  await pageUntil(page, 'seen.shown >= 90 && seen.matched > 60');
  await pageUntil(control.page, 'seen.shown >= 90');
  const { meanMs, decoded } = await page.evaluate<{ meanMs: number; decoded: number }>('delay()');
  const held = await control.page.evaluate<{ meanMs: number }>('delay()');
  await control.page.close();
  const seen = await page.evaluate<{ width: number; notices: unknown[] }>(
    '({ width: seen.width, notices: seen.notices })',
  );
  console.log(
    `connected ${connectMs.toFixed(0)} ms after the offer; jitter buffer ${meanMs.toFixed(2)} ms, ` +
      `${held.meanMs.toFixed(2)} ms without a playout delay of 0; ` +
      `sending ${(sendMs / connection.stats.framesSent).toFixed(2)} ms a frame`,
  );
  expect(seen.notices).toMatchObject([{ kind: 'joined', seat: 0, width: WIDTH, height: HEIGHT }]);
  expect(seen.width).toBe(WIDTH);
  expect(decoded).toBeGreaterThanOrEqual(90);
  expect(meanMs).toBeLessThan(held.meanMs);
  await until(() => connection.stats.videoBitsPerSecond > 0 && player.losses.length > 0, 'feedback');
  expect(faults).toEqual([]);
  // Chromium sends nothing when a page is closed, so the server notices its silence.
  await page.close();
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['idle']);
  stop();
});

test('Chromium refuses to send 1 MB, and text messages end their own connection alone', async () => {
  const page = await browser.newPage();
  await page.goto(fixture.server.url);
  await page.evaluate('join()');
  const player = at(fixture.players, fixture.players.length - 1);
  await until(() => player.connection, 'the connection');
  const refused = await page.evaluate<string>(
    'try { channels.events.send(new Uint8Array(2 ** 20)); "sent" } catch (error) { error.name }',
  );
  expect(refused).not.toBe('sent');
  await page.evaluate('for (let i = 0; i < 16; i++) channels.events.send("text")');
  await pageUntil(page, 'seen.notices.some((notice) => notice.code === "NL_INPUT")');
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['input']);
  await sleep(50);
  await page.close();
});

test('Chromium answers the probes of a host that hears nothing else', async () => {
  const { server, players } = await startServer({ idleMsMax: 1000 }, { files });
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate('join()');
  await until(() => players[0]?.connection, 'the connection');
  await until(() => server.relayStats.probesAnswered >= 3, 'answers');
  expect(players[0]?.closed).toEqual([]);
  await page.close();
  await server.close();
});

test("Chromium plays through the node's port if it cannot reach the host's own address", async () => {
  const address = '127.0.0.1';
  const socket = await openRelaySocket({ address, first: 31_000, last: 31_999 });
  const { server, players } = await startServer({}, { files, nodePort: { socket, address } });
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate(String.raw`window.refused = /a=candidate:nearlight[02].*\r\n/g; join()`);
  const connection = await until(() => players[0]?.connection, 'the connection');
  const { stop } = play((unit, index, keyframe) =>
    connection.sendFrame(unit, { rtpTimestamp: index * 1500, keyframe, inputSequence: 0, inputToSendUs: micro(0) }),
  );
  await pageUntil(page, 'seen.shown >= 90');
  expect(server.relayStats.packetsOut).toBeGreaterThan(90);
  const dropped = server.relayStats.packetsDropped;
  stop();
  await page.close();
  await server.close();
  expect(dropped).toBe(0);
});

test.each([
  ['has no UDP', String.raw`a=candidate:\S+ 1 UDP.*\r\n`, ''],
  // No process listens at port 9.
  ['drops UDP packets', String.raw`(?<=UDP \d+ 127\.0\.0\.1 )\d+`, '9'],
])('Chromium plays over TCP at the port of the page if its network %s', async (_, refused, instead) => {
  const { server, players } = await startServer({}, { files });
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate(`window.refused = /${refused}/g; window.instead = '${instead}'; join()`);
  const connection = await until(() => players[0]?.connection, 'the connection');
  const { stop } = play((unit, index, keyframe) =>
    connection.sendFrame(unit, { rtpTimestamp: index * 1500, keyframe, inputSequence: 0, inputToSendUs: micro(0) }),
  );
  await pageUntil(page, 'seen.shown >= 90');
  expect(await page.evaluate('protocol()')).toBe('tcp');
  stop();
  await page.close();
  await until(() => server.relayStats.paths === 0, 'the end of the TCP connection');
  await server.close();
});
