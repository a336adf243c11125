import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  ARRIVED_BYTES,
  AUDIO_HEADER_BYTES,
  FRAME_BYTES,
  MESSAGE_ARRIVED,
  MESSAGE_AUDIO,
  MESSAGE_FRAME,
  MESSAGE_KEY,
  MESSAGE_NOTICE,
  MESSAGE_PING,
  MESSAGE_PONG,
  MESSAGE_VIDEO,
  type Notice,
  PING_BYTES,
  TIMED_FRAME_BYTES,
} from '../../host/base/protocol.ts';
import { micro, milli } from '../../host/base/time.ts';
import type { Feedback } from '../../host/stream/player.ts';
import { SocketSender } from '../../host/stream/socket-sender.ts';
import { at } from '../at.ts';
import { type Fixture, startServer } from './fixture.ts';
import { until } from './peer.ts';

const UNIT = Buffer.from('00000001658899', 'hex');
const FRAME = { rtpTimestamp: 90_000, keyframe: true, inputSequence: 3, inputToSendUs: micro(500) };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
  const fixture = await startServer(...args);
  closing.push(() => fixture.server.close());
  return fixture;
}

/** Asks for a connection over a WebSocket. Returns the URL at which to open it. */
async function ask(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${url}whep/socket?size=640x360&fps=30`, { method: 'POST', headers });
  expect(response.status).toBe(201);
  return new URL(response.headers.get('location') ?? '', response.url).href.replace(/^http/, 'ws');
}

interface Page {
  readonly socket: WebSocket;
  readonly got: Buffer[];
  /** Close code of the socket; undefined while it is open. */
  code(): number | undefined;
}

function open(url: string, headers: Record<string, string> = {}): Page {
  const socket = new WebSocket(url, { headers });
  const got: Buffer[] = [];
  let code: number | undefined;
  socket.on('message', (message: Buffer) => got.push(message));
  socket.on('error', () => {});
  socket.on('close', (found) => {
    code = found;
  });
  closing.push(() => socket.terminate());
  return { socket, got, code: () => code };
}

function noticesOf({ got }: Page): Notice[] {
  return got.filter(([type]) => type === MESSAGE_NOTICE).map((message) => JSON.parse(message.subarray(1).toString()));
}

async function join(fixture: Fixture) {
  const page = open(await ask(fixture.server.url));
  await until(() => noticesOf(page).length > 0, 'the notice "joined"');
  const player = at(fixture.players, -1);
  const connection = await until(() => player.connection, 'the connection');
  return { page, player, connection };
}

const message = (type: number, bytes: number): Buffer => Buffer.from([type, ...new Array<number>(bytes - 1).fill(0)]);

describe('a connection over a WebSocket', () => {
  test('a page gets its seat, pictures and sound, and the game gets its input', async () => {
    const { page, player, connection } = await join(await start());
    expect(noticesOf(page)).toMatchObject([{ kind: 'joined', seat: 0, width: 640, height: 360, fps: 30 }]);
    expect(connection.sendFrame(UNIT, FRAME)).toBe(true);
    expect(connection.sendAudio?.(Buffer.of(1, 2, 3), { rtpTimestamp: 2 ** 32 - 480 })).toBe(true);
    page.socket.send(Buffer.of(MESSAGE_KEY, 26, 1, 0, 9, 0, 0, 0));
    page.socket.send(message(MESSAGE_PING, PING_BYTES));
    const ofType = (type: number) => page.got.filter(([found]) => found === type);
    await until(() => ofType(MESSAGE_PONG).length === 1 && ofType(MESSAGE_AUDIO).length === 1, 'the answers');
    const picture = at(ofType(MESSAGE_VIDEO), 0);
    expect([picture[1], picture.readUInt32LE(4), picture.readUInt32LE(8)]).toEqual([1, 90_000, 3]);
    expect(picture.subarray(FRAME_BYTES)).toEqual(UNIT);
    const sound = at(ofType(MESSAGE_AUDIO), 0);
    expect([sound.readUInt32LE(4), sound.subarray(AUDIO_HEADER_BYTES)]).toEqual([2 ** 32 - 480, Buffer.of(1, 2, 3)]);
    expect(player.inputs).toContainEqual(['key', 26, true, 9]);
  });

  test('the times of a picture come in a message before the picture, which a page of another version understands', async () => {
    const { page, connection } = await join(await start());
    const times = { waitMs: 1, tickMs: 2, turnMs: 3, drawMs: 4, readbackMs: 5 };
    connection.sendFrame(UNIT, { ...FRAME, times });
    await until(() => page.got.some(([type]) => type === MESSAGE_VIDEO), 'the picture');
    const [first = Buffer.of(), second] = page.got.filter(([type]) => type === MESSAGE_FRAME || type === MESSAGE_VIDEO);
    expect([first[0], first.length, first.readUInt32LE(4)]).toEqual([MESSAGE_FRAME, TIMED_FRAME_BYTES, 90_000]);
    expect([20, 22, 24, 26, 28, 30].map((offset) => first.readUInt16LE(offset))).toEqual([100, 200, 300, 400, 500, 0]);
    expect(second?.subarray(FRAME_BYTES)).toEqual(UNIT);
  });

  test('the first picture must be a keyframe', async () => {
    const { player, connection } = await join(await start());
    expect(connection.sendFrame(UNIT, { ...FRAME, keyframe: false })).toBe(false);
    expect(player.keyframes).toHaveLength(1);
    expect(connection.stats).toMatchObject({ framesSent: 0, framesDropped: 1 });
  });

  test('a page that closes its socket leaves, and the game tells the one that it dismisses why', async () => {
    const fixture = await start();
    const first = await join(fixture);
    first.page.socket.close();
    await until(() => first.player.lost > 0 || first.player.closed.length > 0, 'the loss');
    const second = await join(fixture);
    await second.connection.end('NL_ROOM_ENDED', 'over', true);
    await until(() => second.page.code() !== undefined, 'the end');
    expect(noticesOf(second.page).at(-1)).toMatchObject({ kind: 'ended', code: 'NL_ROOM_ENDED', message: 'over' });
    expect(second.page.code()).toBe(1000);
  });

  test('a page that opens no socket in time loses its place', async () => {
    const { server } = await start({ iceMsMax: 200 });
    const url = await ask(server.url);
    expect(server.connections).toBe(1);
    await until(() => server.connections === 0, 'the time-out');
    const page = open(url);
    await until(() => page.code() !== undefined, 'the refusal');
    expect(page.got).toEqual([]);
  });

  test('a connection takes one socket, and none of a page of another site', async () => {
    const { server, players } = await start();
    const url = await ask(server.url);
    const foreign = open(url, { origin: 'https://play.example' });
    const [, refused] = await once(foreign.socket, 'unexpected-response');
    expect(refused.statusCode).toBe(403);
    const page = open(url, { origin: new URL(server.url).origin });
    await until(() => noticesOf(page).length > 0, 'the notice "joined"');
    const second = open(url);
    await until(() => second.code() !== undefined, 'the end of the second');
    expect([page.code(), players.length]).toEqual([undefined, 1]);
  });

  test.each(['whep', 'whep/socket', `whep/${'A'.repeat(22)}`, 'status'])('there is no socket at %s', async (path) => {
    const { server } = await start();
    const page = open(`${server.url}${path}`.replace(/^http/, 'ws'));
    const [, refused] = await once(page.socket, 'unexpected-response');
    expect(refused.statusCode).toBe(404);
  });

  test('a WebRTC connection takes no WebSocket', async () => {
    const { server } = await start();
    const { Peer } = await import('./peer.ts');
    const peer = new Peer();
    closing.push(() => peer.close());
    await peer.join(server.url);
    const page = open(peer.location.replace(/^http/, 'ws'));
    const [, refused] = await once(page.socket, 'unexpected-response');
    expect(refused.statusCode).toBe(404);
  });

  test.each([
    ['text', 'text'],
    ['an arrival that is too short', message(MESSAGE_ARRIVED, ARRIVED_BYTES - 1)],
    ['an arrival without a time', Buffer.concat([message(MESSAGE_ARRIVED, 8), Buffer.from('000000000000f87f', 'hex')])],
    ['a message that is unknown', message(200, 8)],
  ])('%s counts as an error, and too many errors end the connection', async (_, bad) => {
    const { page, player, connection } = await join(await start({ inputErrorsMax: 3 }));
    for (let sent = 0; sent < 2; sent++) page.socket.send(bad);
    await until(() => connection.stats.inputErrors === 2, 'the errors');
    expect(player.closed).toEqual([]);
    page.socket.send(bad);
    await until(() => page.code() !== undefined, 'the end');
    expect(noticesOf(page).at(-1)).toMatchObject({ kind: 'ended', code: 'NL_INPUT' });
  });

  test('a message of the greatest size is read, and a longer one closes the socket', async () => {
    const { page, connection } = await join(await start({ inputBytesMax: 100 }));
    page.socket.send(message(200, 100));
    await until(() => connection.stats.inputErrors === 1, 'the error');
    page.socket.send(message(200, 101));
    await until(() => page.code() !== undefined, 'the end');
    // 1009: the message is too big (RFC 6455, 7.4.1).
    expect(page.code()).toBe(1009);
  });

  test('reports of arrival become feedback about the path', async () => {
    const { page, player, connection } = await join(await start());
    for (let frame = 0; frame < 5; frame++) {
      const rtpTimestamp = 1500 * frame;
      connection.sendFrame(UNIT, { ...FRAME, rtpTimestamp });
      const report = message(MESSAGE_ARRIVED, ARRIVED_BYTES);
      report.writeUInt32LE(rtpTimestamp, 4);
      report.writeDoubleLE(1000 + 16.7 * frame, 8);
      page.socket.send(report);
    }
    await until(() => player.losses.length === 5, 'the feedback');
    expect(connection.stats.videoBitsPerSecond).toBeGreaterThan(100_000);
    expect(player.losses).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('the sender of a WebSocket', () => {
  const FRAME_MS = 1000 / 60;

  /** Sends frames for some seconds over a link of a given rate, whose queue holds them all. Returns what was found out. */
  function simulate(bitsPerSecond: number, seconds: number, wanted = 8_000_000) {
    let now = 0;
    let video = 500_000;
    const feedback: Feedback[] = [];
    const sender = new SocketSender({ now: () => milli(now) }, (found) => {
      feedback.push({ ...found });
      video = Math.min(wanted, found.videoBitsPerSecond);
    });
    const arrivals: { rtp: number; at: number }[] = [];
    let freeAt = 0;
    const delays: number[] = [];
    for (let frame = 0; frame * FRAME_MS < seconds * 1000; frame++) {
      now = frame * FRAME_MS;
      for (let next = arrivals[0]; next && next.at + 15 <= now; next = arrivals[0]) {
        sender.report(next.rtp, milli(5000 + next.at));
        arrivals.shift();
      }
      if (!sender.ready) continue;
      const bytes = Math.round((video * FRAME_MS) / 8000);
      freeAt = Math.max(freeAt, now) + (bytes * 8000) / bitsPerSecond;
      sender.add(frame * 1500, bytes);
      arrivals.push({ rtp: frame * 1500, at: freeAt + 15 });
      delays.push(freeAt - now);
    }
    return { feedback, video, delays };
  }

  test('the rate follows a slow link, and the delay stays small', () => {
    const { video, delays } = simulate(3_000_000, 20);
    const late = delays.slice(-600).sort((a, b) => a - b);
    expect(at(late, Math.floor(0.95 * late.length))).toBeLessThan(60);
    expect(video).toBeGreaterThan(0.6 * 3_000_000);
    expect(video).toBeLessThan(3_000_000);
  });

  test('the rate grows to what is wanted on a fast link', () => {
    expect(simulate(50_000_000, 20).video).toBe(8_000_000);
  });

  test('there is no room while a frame is late, and reports of unknown frames change nothing', () => {
    let now = 0;
    let told = 0;
    const sender = new SocketSender({ now: () => milli(now) }, () => told++);
    sender.add(1500, 1000);
    now = 20;
    sender.report(1500, milli(100));
    sender.add(3000, 1000);
    now = 99;
    expect(sender.ready).toBe(true);
    now = 100;
    expect(sender.ready).toBe(false);
    sender.report(4500, milli(100));
    expect([sender.ready, told]).toEqual([false, 1]);
    sender.report(3000, milli(190));
    expect([sender.ready, told]).toEqual([true, 2]);
  });

  test('frames that the page never reports are forgotten', () => {
    let now = 0;
    const sender = new SocketSender({ now: () => milli(now) }, () => {});
    for (let frame = 0; frame < 1000; frame++) sender.add(frame, 10);
    now = 1000;
    sender.report(0, milli(1));
    expect(sender.ready).toBe(false);
    sender.report(999, milli(1));
    expect(sender.ready).toBe(true);
  });
});

test('a page that decodes its video itself says in which format, and gets H.264 by default', async () => {
  const { server, players } = await start();
  for (const [query, codec] of [
    ['', 'h264'],
    ['?codec=h264', 'h264'],
    ['?codec=vp8', 'vp8'],
  ] as const) {
    const response = await fetch(`${server.url}whep/socket${query}`, { method: 'POST' });
    expect(response.status).toBe(201);
    open(new URL(response.headers.get('location') ?? '', response.url).href.replace(/^http/, 'ws'));
    await until(() => players.at(-1)?.connection?.codec === codec, 'a connection');
  }
  for (const query of ['?codec=av1', '?codec=', '?codec=vp8&codec=vp8']) {
    const response = await fetch(`${server.url}whep/socket${query}`, { method: 'POST' });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'NL_REQUEST' }]);
  }
});
