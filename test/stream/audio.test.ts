import { afterEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { accessUnit, type Fixture, startServer } from './fixture.ts';
import { Peer, until } from './peer.ts';

const fixtures: Fixture[] = [];
const peers: Peer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

async function join(sound?: 'opus' | 'redundant') {
  const fixture = await startServer();
  fixtures.push(fixture);
  const peer = new Peer({ sound });
  peers.push(peer);
  await peer.join(fixture.server.url);
  return { peer, connection: must(at(fixture.players, -1).connection, 'connection') };
}

/** The fields of an RTP packet's fixed header (RFC 3550, 5.1), and its payload. The packets have no header extensions. */
function readRtp(packet: Buffer) {
  return {
    type: packet.readUInt8(1) & 0x7f,
    sequence: packet.readUInt16BE(2),
    timestamp: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
    payload: [...packet.subarray(12)],
  };
}

const msid = (answer: string, mid: string) =>
  must(
    /^a=msid:(\S+)/m.exec(
      must(
        answer.split(/^m=/m).find((part) => part.includes(`a=mid:${mid}\r`)),
        'section',
      ),
    )?.[1],
    'msid',
  );

test.each([
  ['opus', 111, [] as number[]],
  ['redundant', 63, [111]],
] as const)('sound reaches a page that takes it as %s, in a media stream of its own', async (kind, type, head) => {
  const { peer, connection } = await join(kind);
  const send = must(connection.sendAudio, 'sendAudio');
  connection.sendFrame(accessUnit(100, true), {
    rtpTimestamp: 1,
    keyframe: true,
    inputSequence: 0,
    inputToSendUs: 5 as never,
  });
  const times = [2 ** 32 - 480, 0, 480, 2480];
  for (const [n, rtpTimestamp] of times.entries()) expect(send(Uint8Array.of(n, 7, 8), { rtpTimestamp })).toBe(true);
  await until(() => peer.soundPackets.length === times.length && peer.packets.length > 0, 'all packets');
  const packets = peer.soundPackets.map(readRtp);
  expect(packets.map(({ timestamp }) => timestamp)).toEqual(times);
  expect(packets.map(({ payload }) => payload)).toEqual(times.map((_, n) => [...head, n, 7, 8]));
  expect(new Set(packets.map((packet) => packet.type))).toEqual(new Set([type]));
  const first = at(packets, 0).sequence;
  expect(packets.map(({ sequence }) => (sequence - first) & 0xffff)).toEqual([0, 1, 2, 3]);
  expect(at(packets, 0).ssrc).not.toBe(readRtp(at(peer.packets, 0)).ssrc);
  expect(msid(peer.answer, 'a')).not.toBe(msid(peer.answer, 'v'));
});

test('a page that asks for no sound gets none', async () => {
  const { peer, connection } = await join();
  expect(connection.sendAudio).toBeUndefined();
  expect(peer.answer).not.toContain('m=audio');
});

test('no sound is sent once the connection has ended', async () => {
  const { connection } = await join('opus');
  const send = must(connection.sendAudio, 'sendAudio');
  expect(send(Uint8Array.of(1), { rtpTimestamp: 0 })).toBe(true);
  await connection.end('NL_SHUTDOWN', 'bye', false);
  expect(send(Uint8Array.of(1), { rtpTimestamp: 480 })).toBe(false);
});
