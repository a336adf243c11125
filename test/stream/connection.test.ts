import { readdirSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { MESSAGE_KEY, MESSAGE_PING, MESSAGE_PONG, PING_BYTES, PONG_BYTES } from '../../host/base/protocol.ts';
import { micro } from '../../host/base/time.ts';
import { NOTICE_BYTES_MAX } from '../../host/stream/messages.ts';
import { at } from '../at.ts';
import { sleep } from '../wait.ts';
import { CutPath } from './cut-path.ts';
import { accessUnit, type Fixture, type RecordedPlayer, startServer } from './fixture.ts';
import { Peer, pointerMessage, until } from './peer.ts';

const fixtures: Fixture[] = [];
const peers: Peer[] = [];

async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
  const fixture = await startServer(...args);
  fixtures.push(fixture);
  return fixture;
}

async function join(
  fixture: Fixture,
  options: Parameters<Peer['join']>[1] & { reports?: boolean; bytesMax?: number } = {},
) {
  const peer = new Peer(options);
  peers.push(peer);
  await peer.join(fixture.server.url, options);
  const player = at(fixture.players, -1);
  const { connection } = player;
  if (!connection) throw new Error('"joined" was sent before onConnected');
  return { peer, player, connection };
}

function frame(index: number, keyframe = index === 0) {
  return {
    rtpTimestamp: 1000 + index * 1500,
    keyframe,
    inputSequence: index,
    inputToSendUs: micro(5),
  };
}

afterEach(async () => {
  vi.useRealTimers();
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

test("a page gets its seat, and an answer that has the playout delay and only the host's address", async () => {
  const fixture = await start();
  const peer = new Peer();
  peers.push(peer);
  expect(await peer.join(fixture.server.url)).toEqual({
    kind: 'joined',
    seat: 0,
    seats: 4,
    width: 1280,
    height: 720,
    fps: 60,
    game: 'test',
  });
  expect(peer.answer).toMatch(/a=extmap:5 http:\S*playout-delay/);
  expect(peer.answer).toContain('a=sendonly');
  const candidates = peer.answer.match(/a=candidate:.*/g) ?? [];
  expect(candidates.length).toBeGreaterThan(0);
  for (const candidate of candidates) expect(candidate).toMatch(/ 127\.0\.0\.1 \d+ typ host/);
});

test('frames arrive as RTP packets with a playout delay of 0, and MESSAGE_FRAME describes each', async () => {
  const fixture = await start();
  const { peer, connection } = await join(fixture);
  await until(() => peer.state.isOpen(), 'the state channel');
  for (let index = 0; index < 10; index++) {
    expect(connection.sendFrame(accessUnit(5000, index === 0), frame(index))).toBe(true);
  }
  await until(() => peer.frames.length === 10 && peer.pictures === 10, 'ten frames');
  for (const packet of peer.packets) {
    expect(packet.readUInt8(1) & 0x7f).toBe(102);
    expect(packet.readUInt16BE(12)).toBe(0xbede);
    expect(packet.readUInt32BE(16)).toBe(0x52000000);
  }
  const times = [...new Set(peer.packets.map((packet) => packet.readUInt32BE(4)))];
  expect(times).toEqual(Array.from({ length: 10 }, (_, index) => 1000 + index * 1500));
  const fields = (message: Buffer) => [4, 8, 12, 16].map((offset) => message.readUInt32LE(offset));
  const described = peer.frames.map((message) => [...fields(message), message[1]]);
  described.sort(([a = 0], [b = 0]) => a - b);
  expect(described).toEqual(times.map((time, index) => [time, index, 5, 5000, index === 0 ? 1 : 0]));
  expect(connection.stats).toMatchObject({
    framesSent: 10,
    framesDropped: 0,
    bytesSent: 50_000,
  });
});

test('nothing is sent before a keyframe, and keyframes are requested at a limited rate', async () => {
  const fixture = await start({ keyframeMsMin: 100 });
  const { peer, player, connection } = await join(fixture);
  while (player.keyframes.length < 4) {
    expect(connection.sendFrame(accessUnit(100, false), frame(1))).toBe(false);
    await sleep(5);
  }
  expect(peer.packets).toEqual([]);
  for (const [index, time] of player.keyframes.entries())
    if (index > 0) expect(time - at(player.keyframes, index - 1)).toBeGreaterThanOrEqual(99);
  expect(connection.sendFrame(accessUnit(100, true), frame(2, true))).toBe(true);
  expect(connection.sendFrame(accessUnit(100, false), frame(3))).toBe(true);
});

test('a keyframe request that comes too early is delayed, not lost', async () => {
  const fixture = await start({ keyframeMsMin: 200 });
  const { peer, player, connection } = await join(fixture);
  connection.sendFrame(accessUnit(100, true), frame(0));
  await until(() => peer.packets.length > 0, 'a packet');
  peer.pictureLoss();
  await until(() => player.keyframes.length === 1, 'the first request');
  peer.pictureLoss();
  peer.pictureLoss();
  await until(() => player.keyframes.length === 2, 'the second request');
  expect(at(player.keyframes, 1) - at(player.keyframes, 0)).toBeGreaterThanOrEqual(199);
  await sleep(250);
  expect(player.keyframes).toHaveLength(2);
});

test("the player gets reports of the page's packet loss", async () => {
  const fixture = await start();
  const { player, connection } = await join(fixture);
  let index = 0;
  await until(() => {
    connection.sendFrame(accessUnit(2000, index === 0), frame(index++));
    return player.losses.length > 0;
  }, 'a receiver report');
  expect(player.losses[0]).toBeGreaterThanOrEqual(0);
  expect(player.losses[0]).toBeLessThan(1);
});

test('a silent page gets no frames until it sends something, and then a keyframe first', async () => {
  // Time stands still except where the test moves it: the page may take as long as it likes to connect.
  vi.useFakeTimers({ toFake: ['performance'] });
  const fixture = await start({ stallMsMax: 200 });
  const { peer, player, connection } = await join(fixture, { reports: false });
  await until(() => peer.state.isOpen(), 'the state channel');
  vi.advanceTimersByTime(200);
  expect(connection.sendFrame(accessUnit(100, true), frame(0))).toBe(true);
  vi.advanceTimersByTime(1);
  expect(connection.sendFrame(accessUnit(100, true), frame(1, true))).toBe(false);
  expect(player.keyframes).toHaveLength(1);
  peer.state.sendMessageBinary(Buffer.of(MESSAGE_PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  await until(() => peer.answers.length === 1, 'the pong');
  expect(connection.sendFrame(accessUnit(100, false), frame(2))).toBe(false);
  expect(connection.sendFrame(accessUnit(100, true), frame(3, true))).toBe(true);
});

test('a page from which nothing came for 0.4 s, during which frames were sent, gets a keyframe with its first packet', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const fixture = await start({ keyframeMsMin: 10_000 });
  const { peer, player, connection } = await join(fixture, { reports: false });
  await until(() => peer.state.isOpen(), 'the state channel');
  let sent = 0;
  /** Lets time pass, sends frames, and waits until a packet of the page has arrived. */
  const pass = async (ms: number, frames: number) => {
    vi.advanceTimersByTime(ms);
    for (let count = 0; count < frames; count++, sent++) connection.sendFrame(accessUnit(100, sent === 0), frame(sent));
    peer.state.sendMessageBinary(Buffer.of(MESSAGE_PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    await until(() => peer.answers.length > 0, 'the pong');
    peer.answers.length = 0;
    return player.keyframes.length;
  };
  expect(await pass(0, 3)).toBe(0);
  expect(await pass(400, 3)).toBe(0);
  expect(await pass(401, 2)).toBe(0);
  expect(await pass(401, 3)).toBe(1);
  // The limit on keyframes that pages request does not apply.
  expect(await pass(401, 3)).toBe(2);
  expect(await pass(2000, 0)).toBe(2);
  expect(await pass(2001, 0)).toBe(3);
});

test('input reaches the player, and pings are answered', async () => {
  const fixture = await start();
  const { peer, player } = await join(fixture);
  await until(() => peer.state.isOpen(), 'the state channel');
  peer.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0));
  peer.state.sendMessageBinary(pointerMessage({ sequence: 2, x: 0.5 }));
  const pingedAt = performance.now();
  peer.state.sendMessageBinary(Buffer.of(MESSAGE_PING, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8));
  await until(() => player.inputs.length === 2 && peer.answers.length === 1, 'input');
  expect(player.inputs).toContainEqual(['key', 4, true, 1]);
  expect(player.inputs).toContainEqual(['pointer', expect.objectContaining({ x: 0.5 }), 2]);
  const answer = at(peer.answers, 0);
  expect(answer.subarray(0, PING_BYTES)).toEqual(Buffer.of(MESSAGE_PONG, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8));
  expect(answer).toHaveLength(PONG_BYTES);
  const hostAt = answer.readDoubleLE(PING_BYTES);
  expect(hostAt).toBeGreaterThan(pingedAt);
  expect(hostAt).toBeLessThan(performance.now());
});

test('unreadable messages end their connection at the limit, not below it', async () => {
  const fixture = await start({ inputErrorsMax: 3 });
  const { peer, player } = await join(fixture);
  peer.events.sendMessageBinary(Buffer.of(99));
  peer.events.sendMessage('text');
  peer.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0));
  await until(() => player.inputs.length === 1, 'the key');
  expect(peer.notices.map((notice) => notice.kind)).toEqual(['joined']);
  peer.events.sendMessageBinary(Buffer.of(99));
  expect(await peer.ended()).toMatchObject({ code: 'NL_INPUT', retry: false });
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['input']);
});

test('unknown and repeated channels are closed and counted', async () => {
  const fixture = await start({ inputErrorsMax: 3 });
  const { peer, player } = await join(fixture);
  const extra = ['chat', 'events', 'state'].map((label) => peer.channel(label));
  expect(await peer.ended()).toMatchObject({ code: 'NL_INPUT' });
  await until(() => extra.every((channel) => !channel.isOpen()), 'the closing of the channels');
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['input']);
});

test.each(['events', 'state'] as const)('1 MB of invalid input on "%s" costs another player no frame', async (name) => {
  const fixture = await start({ stallMsMax: 600_000 });
  const good = await join(fixture);
  // This page believes that it may send messages of up to 4 MiB, which the host does not allow.
  const bad = await join(fixture, {
    edit: (sdp) => sdp.replace(/max-message-size:\d+/, 'max-message-size:4194304'),
  });
  await until(() => bad.peer.state.isOpen() && good.peer.state.isOpen(), 'the state channels');
  let sent = 0;
  const pump = setInterval(() => {
    if (good.connection.sendFrame(accessUnit(5000, sent === 0), frame(sent))) sent++;
  }, 8);
  try {
    await until(() => sent > 5, 'frames');
    for (let index = 0; index < 4; index++) bad.peer[name].sendMessageBinary(Buffer.alloc(2 ** 18, 0x7f));
    await sleep(100);
    for (let index = 0; index < 2 ** 20 / 1000 && bad.peer[name].isOpen(); index++)
      bad.peer[name].sendMessageBinary(Buffer.alloc(1000, index));
    await until(() => bad.player.closed.length > 0, 'the end of the bad connection');
    expect(bad.player.closed).toEqual(['input']);
    expect(bad.player.inputs).toEqual([]);
    await sleep(100);
  } finally {
    clearInterval(pump);
  }
  await until(() => good.peer.pictures === sent, 'every frame');
  expect(good.connection.stats).toMatchObject({
    framesSent: sent,
    framesDropped: 0,
  });
  expect(good.player.closed).toEqual([]);
});

test('a page may close in the middle of a frame, and frames are dropped from then on', async () => {
  const fixture = await start();
  const { peer, player, connection } = await join(fixture);
  let sent = 0;
  const pump = setInterval(() => connection.sendFrame(accessUnit(50_000, sent === 0), frame(sent++)), 2);
  await until(() => sent > 5, 'frames');
  peer.close();
  await until(() => player.closed.length > 0, 'the end');
  await sleep(50);
  clearInterval(pump);
  expect(player.closed).toEqual(['page']);
  expect(connection.sendFrame(accessUnit(100, true), frame(0))).toBe(false);
  expect(fixture.server.connections).toBe(0);
});

test('a page without a packet takes no seat and is forgotten', async () => {
  const fixture = await start({ iceMsMax: 200 });
  const peer = new Peer();
  peers.push(peer);
  const headers = { 'content-type': 'application/sdp' };
  await fetch(`${fixture.server.url}whep`, {
    method: 'POST',
    headers,
    body: await peer.offer(),
  });
  expect(fixture.server.connections).toBe(1);
  await until(() => fixture.server.connections === 0, 'the time limit');
  expect(fixture.players).toEqual([]);
});

test('a page that says nothing stays if its ICE answers probes, and loses its seat when no packet passes any more', async () => {
  const fixture = await start({ idleMsMax: 1000 });
  const path = await CutPath.open();
  const { player } = await join(fixture, { reports: false, edit: (sdp) => path.lead(sdp) });
  await until(() => fixture.server.relayStats.probesAnswered >= 4, 'answers to probes');
  expect(player.closed).toEqual([]);
  path.isUp = false;
  await until(() => player.closed.length > 0, 'the end');
  expect(player.closed).toEqual(['idle']);
  path.close();
});

test('the host can end a connection with a reason', async () => {
  const fixture = await start();
  const { peer, player, connection } = await join(fixture);
  await connection.end('NL_GUEST_TRAP', 'the game failed', false);
  expect(await peer.ended()).toEqual({
    kind: 'ended',
    code: 'NL_GUEST_TRAP',
    message: 'the game failed',
    retry: false,
  });
  expect(player.closed).toEqual(['host']);
  await connection.end('NL_GUEST_TRAP', 'again', false);
  expect(player.closed).toEqual(['host']);
});

test('an exception of one player ends its connection alone', async () => {
  const fixture = await start();
  const good = await join(fixture);
  const bad = await join(fixture);
  bad.player.input.key = () => {
    throw new Error('fault');
  };
  bad.peer.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0));
  await until(() => bad.player.closed.length > 0, 'the end');
  expect(bad.player.closed).toEqual(['failed']);
  expect(fixture.warnings).toHaveLength(1);
  expect(good.player.closed).toEqual([]);
});

test.each([
  { bytesMax: 262_144, message: 'é'.repeat(4000), isCut: false },
  { bytesMax: 262_144, message: 'é'.repeat(9000), isCut: true },
  { bytesMax: 200, message: '"'.repeat(500), isCut: true },
])('the page gets its last notice, if necessary cut to the $bytesMax bytes it allows', async (offered) => {
  const { bytesMax, message, isCut } = offered;
  const { peer, connection } = await join(await start(), { bytesMax });
  expect(peer.answer).toContain('a=max-message-size:1024\r\n');
  void connection.end('NL_GUEST_TRAP', message, true);
  const ended = await peer.ended();
  const text = ended.message.replace(/…$/, '');
  expect(message.startsWith(text)).toBe(true);
  expect([ended.message === message, ended.message.length - text.length]).toEqual(isCut ? [false, 1] : [true, 0]);
  expect(Buffer.byteLength(JSON.stringify(ended)) + 1).toBeLessThanOrEqual(Math.min(bytesMax, NOTICE_BYTES_MAX));
});

test('30 connections leave no files or threads behind', async () => {
  const fixture = await start({ offersPerSecondMax: 1000, addressOffersPerSecondMax: 1000 });
  const count = () => ['fd', 'task'].map((kind) => readdirSync(`/proc/self/${kind}`).length);
  const visit = async (): Promise<RecordedPlayer> => {
    const { peer, player, connection } = await join(fixture);
    connection.sendFrame(accessUnit(1000, true), frame(0));
    if (fixture.players.length % 2 === 0) await fetch(peer.location, { method: 'DELETE' });
    peer.close();
    await until(() => player.closed.length > 0, 'the end');
    return player;
  };
  await visit();
  await sleep(200);
  const [filesBefore = 0, threadsBefore = 0] = count();
  for (let index = 0; index < 30; index++) expect((await visit()).closed).toHaveLength(1);
  await until(() => at(count(), 0) <= filesBefore + 4, 'the closing of files');
  await until(() => at(count(), 1) <= threadsBefore + 4, 'the end of threads');
  expect(fixture.server.connections).toBe(0);
});
