import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FrameReader, isIceFrame, sendFramed } from '../../host/stream/ice-tcp.ts';
import { at } from '../at.ts';
import { until } from './peer.ts';

const PACKET_BYTES_MAX = 2048;
const QUEUE_BYTES_MAX = 65_536;

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

function frame(packet: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}

/** Reads chunks. Returns copies of the packets, and whether the reader accepted each chunk. */
function readAll(chunks: readonly Buffer[]): { packets: Buffer[]; accepted: boolean[] } {
  const packets: Buffer[] = [];
  const reader = new FrameReader((packet) => packets.push(Buffer.from(packet)));
  return { accepted: chunks.map((chunk) => reader.read(chunk)), packets };
}

/** Opens a TCP connection between two sockets of this process. */
async function connection(): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = await accepted;
  closing.push(
    () => server.close(),
    () => near.destroy(),
    () => far.destroy(),
  );
  return [near, far];
}

describe('packets over TCP', () => {
  const packets = [Buffer.of(1, 2, 3), Buffer.alloc(0), Buffer.alloc(1200, 7), Buffer.of(9)];
  const bytes = Buffer.concat(packets.map(frame));

  test.each([1, 2, 3, 5, 1203, bytes.length])('packets are the same when the bytes come in chunks of %i', (size) => {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const read = readAll(chunks);
    expect(read.packets).toEqual(packets);
    expect(read.accepted).not.toContain(false);
  });

  test('a packet of the greatest length is read, and one byte more is refused before it arrives', () => {
    const longest = Buffer.alloc(PACKET_BYTES_MAX, 1);
    expect(readAll([frame(longest)])).toEqual({ packets: [longest], accepted: [true] });
    expect(readAll([frame(Buffer.alloc(PACKET_BYTES_MAX + 1)).subarray(0, 2)])).toEqual({
      packets: [],
      accepted: [false],
    });
  });

  test('packets that came before one that is too long are read', () => {
    const read = readAll([Buffer.concat([frame(Buffer.of(5)), Buffer.of(0xff, 0xff)])]);
    expect(read).toEqual({ packets: [Buffer.of(5)], accepted: [false] });
  });

  test('the first byte tells a frame from a request of HTTP and from a TLS handshake', () => {
    expect([0, 1, PACKET_BYTES_MAX >> 8].map(isIceFrame)).toEqual([true, true, true]);
    expect([9, 0x16, ...Buffer.from('GPDOHCT')].map(isIceFrame)).not.toContain(true);
  });

  test('packets arrive in order, each after its length', async () => {
    const [near, far] = await connection();
    const got: Buffer[] = [];
    const reader = new FrameReader((packet) => got.push(Buffer.from(packet)));
    near.on('data', (chunk) => reader.read(chunk));
    for (const packet of packets) expect(sendFramed(far, packet)).toBe(true);
    await until(() => got.length === packets.length, 'the packets');
    expect(got).toEqual(packets);
  });

  test('a receiver that does not read loses packets, but what is sent afterwards arrives', async () => {
    const [near, far] = await connection();
    near.pause();
    const packet = Buffer.alloc(1200, 3);
    let sent = 0;
    while (sendFramed(far, packet)) {
      sent++;
      expect(far.writableLength).toBeLessThanOrEqual(QUEUE_BYTES_MAX + packet.length + 2);
      await new Promise(setImmediate);
    }
    let got = 0;
    const reader = new FrameReader(() => got++);
    near.on('data', (chunk) => reader.read(chunk));
    near.resume();
    await until(() => got === sent, 'all that was sent');
    expect(sendFramed(far, packet)).toBe(true);
    await until(() => got === sent + 1, 'the last packet');
  });

  test('nothing is sent over a connection that is closed', async () => {
    const [, far] = await connection();
    far.destroy();
    expect(sendFramed(far, at(packets, 0))).toBe(false);
  });
});
