import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { FrameReader } from '../../host/stream/ice-tcp.ts';
import { openRelay } from '../../host/stream/relay.ts';
import { at } from '../at.ts';
import { startServer } from './fixture.ts';
import { until } from './peer.ts';
import { DTLS, stun } from './stun.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function frame(packet: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}

interface TcpPage {
  readonly socket: Socket;
  readonly got: Buffer[];
  send(packet: Buffer): void;
  isClosed(): boolean;
}

async function open(port: number): Promise<TcpPage> {
  const socket = connect(port, '127.0.0.1');
  const got: Buffer[] = [];
  const reader = new FrameReader((packet) => got.push(Buffer.from(packet)));
  let closed = false;
  socket.on('data', (bytes) => reader.read(bytes));
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  closing.push(() => socket.destroy());
  await once(socket, 'connect');
  return { socket, got, send: (packet) => void socket.write(frame(packet)), isClosed: () => closed };
}

/** Starts a relay that accepts TCP connections, and a socket in the place of ICE. */
async function wire() {
  let now = 0;
  const got: Buffer[] = [];
  const ports: number[] = [];
  const ice = createSocket('udp4');
  ice.on('message', (packet, from) => {
    got.push(packet);
    ports.push(from.port);
  });
  ice.bind(0, '127.0.0.1');
  await once(ice, 'listening');
  const relay = openRelay({ sockets: [], idleMs: 30_000, clock: { now: () => milli(now) } });
  const server = createServer((socket) => relay.accept(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(
    () => server.close(),
    () => relay.close(),
    () => ice.close(),
  );
  relay.admit('host', { target: { address: '127.0.0.1', port: ice.address().port }, password: 'secret' });
  return {
    relay,
    ice,
    got,
    ports,
    wait: (ms: number) => {
      now += ms;
    },
    page: () => open((server.address() as AddressInfo).port),
  };
}

describe('the relay over TCP', () => {
  test('packets pass in both directions, and ICE need not verify the address first', async () => {
    const { relay, ice, got, ports, page } = await wire();
    const { send, got: answers } = await page();
    for (const packet of [stun(), DTLS, Buffer.of(64, 1), Buffer.of(128, 1)]) send(packet);
    await until(() => got.length === 3, 'the packets');
    expect(got).toEqual([stun(), DTLS, Buffer.of(128, 1)]);
    ice.send(DTLS, at(ports, 0));
    await until(() => answers.length === 1, 'the answer');
    expect(answers).toEqual([DTLS]);
    expect(relay.stats).toEqual({ paths: 1, packetsIn: 3, packetsOut: 1, packetsDropped: 1, probesAnswered: 0 });
  });

  test.each([
    ['DTLS', DTLS],
    ['a request for another connection', stun({ username: 'else:page' })],
    ['an empty packet', Buffer.alloc(0)],
  ])('a connection that begins with %s is closed', async (_, packet) => {
    const { relay, got, page } = await wire();
    const { send, isClosed } = await page();
    send(packet);
    send(stun());
    await until(isClosed, 'the end');
    expect([relay.stats.paths, got]).toEqual([0, []]);
  });

  test('a connection ends with a packet that is too long', async () => {
    const { relay, page } = await wire();
    const { socket, send, isClosed } = await page();
    send(stun());
    await until(() => relay.stats.paths === 1, 'the path');
    socket.write(Buffer.of(8, 1));
    await until(isClosed, 'the end');
    expect(relay.stats.paths).toBe(0);
  });

  test.each([
    ['leaves', (page: TcpPage) => void page.socket.end()],
    ['breaks off', (page: TcpPage) => void page.socket.resetAndDestroy()],
  ])('the relay forgets a page that %s', async (_, leave) => {
    const { relay, page } = await wire();
    const one = await page();
    one.send(stun());
    await until(() => relay.stats.paths === 1, 'the path');
    leave(one);
    await until(() => relay.stats.paths === 0, 'the end');
  });

  test('the TCP connections of a dismissed page are closed, and no other', async () => {
    const { relay, ice, page } = await wire();
    relay.admit('next', { target: { address: '127.0.0.1', port: ice.address().port }, password: 'secret' });
    const [one, other] = [await page(), await page()];
    one.send(stun());
    other.send(stun({ username: 'next:page' }));
    await until(() => relay.stats.paths === 2, 'the paths');
    relay.dismiss('host');
    await until(one.isClosed, 'the end');
    expect([relay.stats.paths, other.isClosed()]).toEqual([1, false]);
  });

  test('a page may send 1000 packets at once, and more when time has passed', async () => {
    const { relay, page, wait } = await wire();
    const { socket } = await page();
    const flood = async (packets: number) => {
      const before = relay.stats.packetsIn + relay.stats.packetsDropped;
      socket.write(Buffer.concat(new Array<Buffer>(packets).fill(frame(stun()))));
      await until(() => relay.stats.packetsIn + relay.stats.packetsDropped === before + packets, 'the packets');
    };
    await flood(1001);
    expect([relay.stats.packetsIn, relay.stats.packetsDropped]).toEqual([1000, 1]);
    wait(5);
    await flood(6);
    expect([relay.stats.packetsIn, relay.stats.packetsDropped]).toEqual([1005, 2]);
  });

  test('the port of the page serves requests and packets of ICE, also if the first bytes come one by one', async () => {
    const { server } = await startServer();
    closing.push(() => server.close());
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.setNoDelay(true);
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    for (const byte of 'GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n') {
      socket.write(byte);
      await new Promise(setImmediate);
    }
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    const page = await open(server.port);
    page.send(stun({ username: 'stranger:page' }));
    await until(page.isClosed, 'the end');
    expect(page.got).toEqual([]);
  });
});
