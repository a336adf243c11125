import { type ChildProcess, fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { micro, milli } from '../../host/base/time.ts';
import type { PlayerConnection } from '../../host/stream/player.ts';
import { openRelay, type Relay, type RelayedConnection, type RelayOptions } from '../../host/stream/relay.ts';
import { isBindingRequest, recipientOf, transactionOf } from '../../host/stream/stun.ts';
import { openRelaySocket } from '../../host/stream/udp.ts';
import { at } from '../at.ts';
import { settle, sleep } from '../wait.ts';
import { accessUnit, type Fixture, type RecordedPlayer, startServer } from './fixture.ts';
import { Peer, until } from './peer.ts';
import { DTLS, stun } from './stun.ts';

const PORTS = { address: '127.0.0.1', first: 31_000, last: 31_999 };
const IDLE_MS = 400;
/** Leaves only the candidate of the node's port in an SDP answer, as if the page could not reach the first one. */
const onlyNodePort = (sdp: string) => sdp.replace(/a=candidate:nearlight0 .*\r\n/g, '');

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function startRelay(options: Partial<RelayOptions> = {}): Promise<{ relay: Relay; port: number }> {
  const outside = await openRelaySocket(PORTS);
  const relay = openRelay({ sockets: [outside], idleMs: 30_000, ...options });
  closing.push(() => relay.close());
  return { relay, port: outside.address().port };
}

async function socket(port = 0): Promise<Socket & { got: Buffer[]; from: number[] }> {
  const made = Object.assign(createSocket('udp4'), { got: [] as Buffer[], from: [] as number[] });
  made.on('message', (packet, { port }) => {
    made.got.push(packet);
    made.from.push(port);
  });
  made.bind(port, '127.0.0.1');
  await once(made, 'listening');
  closing.push(() => made.close());
  return made;
}

/** Starts a relay between two sockets, one for a page and one for ICE. `verify` makes the relay trust the page's address. */
async function wire({
  admits,
  ...options
}: Parameters<typeof startRelay>[0] & { admits?: Partial<RelayedConnection> } = {}) {
  const ice = await socket();
  const page = await socket();
  const { relay, port } = await startRelay(options);
  const sendPacket = (packet: Buffer, from = page) => from.send(packet, port, '127.0.0.1');
  const admit = (name = 'host') =>
    relay.admit(name, { target: { address: '127.0.0.1', port: ice.address().port }, password: 'secret', ...admits });
  const verify = async () => {
    admit();
    sendPacket(stun());
    await until(() => ice.got.length === 1, 'the request');
    ice.send(stun({ id: 7 }), at(ice.from, 0));
    await until(() => page.got.length === 1, "ICE's request");
    sendPacket(stun({ type: 0x0101, id: 7 }));
    await until(() => ice.got.length === 2, 'the answer');
    ice.got.length = page.got.length = 0;
  };
  return { ice, page, relay, port, send: sendPacket, admit, verify };
}

describe('the relay', () => {
  test('the relay takes a free port of its range, and says so if none is free', async () => {
    const first = await openRelaySocket({ address: '127.0.0.1', first: 31_500, last: 31_501 });
    closing.push(() => first.close());
    const second = await openRelaySocket({ address: '127.0.0.1', first: 31_500, last: 31_501 });
    closing.push(() => second.close());
    expect([first.address().port, second.address().port].sort()).toEqual([31_500, 31_501]);
    await expect(openRelaySocket({ address: '127.0.0.1', first: 31_500, last: 31_501 })).rejects.toThrow(
      'NL_PORT_IN_USE: The port is in use: no UDP port from 31500 to 31501 is free; widen NODE_UDP_PORTS',
    );
  });

  test.each([
    ['DTLS', DTLS],
    ['a request for another connection', stun({ username: 'else:page' })],
    ['a request without a colon', stun({ username: 'host' })],
    ['a request without the magic cookie', stun({ cookie: 1 })],
    ['a response', stun({ type: 0x0101 })],
    ['a cut request', stun().subarray(0, 27)],
    [
      'a request whose user name is longer than the packet',
      Buffer.concat([stun().subarray(0, 22), Buffer.alloc(12, 0xff)]),
    ],
    ['an empty packet', Buffer.alloc(0)],
  ])('the relay opens no path for %s', async (_, packet) => {
    const { ice, relay, send, admit } = await wire();
    admit();
    send(packet);
    await until(() => relay.stats.packetsDropped === 1, 'the drop');
    expect([relay.stats.paths, ice.got]).toEqual([0, []]);
    send(stun());
    await until(() => ice.got.length === 1, 'a valid request');
    expect(ice.got[0]).toEqual(stun());
  });

  test('the relay passes WebRTC packets unchanged in both directions and drops all others', async () => {
    const { ice, page, port, relay, send, verify } = await wire();
    await verify();
    for (const first of [0, 3, 4, 19, 20, 63, 64, 127, 128, 191, 192, 255]) send(Buffer.of(first, 1, 2));
    await until(() => relay.stats.packetsDropped === 6, 'the drops');
    await until(() => ice.got.length === 6, 'the packets');
    expect(ice.got.map(([first]) => first)).toEqual([0, 3, 20, 63, 128, 191]);
    ice.send(DTLS, at(ice.from, 0));
    await until(() => page.got.length === 1, 'the way back');
    expect([page.got[0], page.from.at(-1)]).toEqual([DTLS, port]);
  });

  test('packets from an address that is verified count as arrivals, and those before do not', async () => {
    const { ice, page, relay, send } = await wire();
    let arrivals = 0;
    const target = { address: '127.0.0.1', port: ice.address().port };
    relay.admit('host', { target, password: 'secret', onArrival: () => arrivals++ });
    send(stun());
    await until(() => ice.got.length === 1, 'the request');
    ice.send(stun({ id: 7 }), at(ice.from, 0));
    await until(() => page.got.length === 1, "ICE's request");
    send(DTLS);
    await until(() => ice.got.length === 2, 'a packet');
    expect(arrivals).toBe(0);
    send(stun({ type: 0x0101, id: 7 }));
    await until(() => ice.got.length === 3, 'the answer');
    expect(arrivals).toBe(1);
    send(DTLS);
    send(Buffer.of(64));
    await until(() => relay.stats.packetsDropped === 1, 'the drop');
    expect(arrivals).toBe(2);
  });

  test('the relay never sends an unverified address more bytes than came from it, headers included', async () => {
    const { ice, page, relay, send, admit } = await wire();
    admit();
    const short = stun();
    const long = stun({ username: 'host:a-page-with-a-very-long-name-indeed' });
    const bytes = (packets: Buffer[]) => packets.reduce((sum, { length }) => sum + 28 + length, 0);
    send(short);
    await until(() => ice.got.length === 1, 'the request');
    ice.send(long, at(ice.from, 0));
    await settle();
    expect(page.got).toEqual([]);
    // The request that was held back follows when enough bytes have arrived.
    send(short);
    await until(() => page.got.length === 1, "ICE's request");
    expect(bytes(page.got)).toBeLessThanOrEqual(bytes(ice.got));
    // An answer to another request proves nothing.
    send(stun({ type: 0x0101, id: 9 }));
    await until(() => ice.got.length === 3, 'a forged answer');
    for (let index = 0; index < 50; index++) ice.send(index % 2 ? long : DTLS, at(ice.from, 0));
    await until(() => relay.stats.packetsDropped > 20, 'the drops');
    expect(bytes(page.got)).toBeLessThanOrEqual(bytes(ice.got));
  });

  test('the relay sends nothing but requests to an unverified address, so that the page proves the address first', async () => {
    const { ice, page, send, admit } = await wire();
    admit();
    send(stun());
    await until(() => ice.got.length === 1, 'the request');
    for (let index = 0; index < 9; index++) ice.send(stun({ type: 0x0101 }), at(ice.from, 0));
    ice.send(stun({ id: 7 }), at(ice.from, 0));
    await until(() => page.got.length === 1, "ICE's request");
    await settle();
    expect(page.got).toEqual([stun({ id: 7 })]);
  });

  test('the relay sends the packets that it held back to an address as soon as the address is verified', async () => {
    const { ice, page, send, admit } = await wire();
    admit();
    send(stun());
    await until(() => ice.got.length === 1, 'the request');
    ice.send(stun({ id: 7 }), at(ice.from, 0));
    for (let index = 0; index < 3; index++) ice.send(DTLS, at(ice.from, 0));
    await until(() => page.got.length === 1, "ICE's request");
    send(stun({ type: 0x0101, id: 7 }));
    await until(() => page.got.length === 4, 'the rest');
  });

  test.each([53, 123, 1023, 1900, 11_211])('the relay ignores packets from source port %i', async (from) => {
    const { ice, page, relay, send, admit } = await wire();
    const service = await socket(from);
    admit();
    for (let index = 0; index < 3; index++) send(stun(), service);
    await until(() => relay.stats.packetsDropped === 3, 'the drops');
    send(stun());
    await until(() => ice.got.length === 1, 'a request from another port');
    expect([relay.stats.paths, service.got, page.got]).toEqual([1, [], []]);
  });

  test('the relay serves pages at ports that are neither privileged nor those of a known service', async () => {
    const { ice, send, admit } = await wire();
    admit();
    for (const from of [1024, 1901]) send(stun(), await socket(from));
    await until(() => ice.got.length === 2, 'the requests');
  });

  test('the relay passes 1000 packets of a page at once and then 1000 per second, and drops the rest', async () => {
    let now = 0;
    const { relay, send, verify } = await wire({ clock: { now: () => milli(now) } });
    await verify();
    const { stats } = relay;
    const flood = async (packets: number) => {
      const before = stats.packetsIn + stats.packetsDropped;
      for (let index = 0; index < packets; index++) send(DTLS);
      await until(() => stats.packetsIn + stats.packetsDropped === before + packets, 'the packets');
    };
    while (stats.packetsIn < 1000 && stats.packetsDropped === 0) await flood(Math.min(100, 1000 - stats.packetsIn));
    expect(stats.packetsDropped).toBe(0);
    await flood(100);
    expect([stats.packetsIn, stats.packetsDropped]).toEqual([1000, 100]);
    now += 10;
    await flood(100);
    expect([stats.packetsIn, stats.packetsDropped]).toEqual([1010, 190]);
  });

  test('the limit is that of a page, whatever number of addresses it sends from', async () => {
    const { relay, send, verify } = await wire({ clock: { now: () => milli(0) } });
    await verify();
    const other = await socket();
    const { stats } = relay;
    const flood = async (packets: number, from?: typeof other) => {
      const before = stats.packetsIn + stats.packetsDropped;
      for (let index = 0; index < packets; index++) send(from ? stun() : DTLS, from);
      await until(() => stats.packetsIn + stats.packetsDropped === before + packets, 'the packets');
    };
    while (stats.packetsIn < 900 && stats.packetsDropped === 0) await flood(Math.min(100, 900 - stats.packetsIn));
    await flood(100, other);
    await flood(50);
    await flood(50, other);
    expect([stats.packetsIn, stats.packetsDropped]).toEqual([1000, 100]);
  });

  test('a probe goes to the address that was heard last, and ICE does not see the answer', async () => {
    let heard = 0;
    const { ice, page, relay, send, verify } = await wire({
      admits: { remote: { ufrag: 'page', password: 'remote' }, onArrival: () => void heard++ },
    });
    relay.probe('host');
    await verify();
    relay.probe('host');
    await until(() => page.got.length === 1, 'the probe');
    const probe = at(page.got, 0);
    expect([isBindingRequest(probe), recipientOf(probe)]).toEqual([true, 'page']);
    heard = 0;
    const answer = stun({ type: 0x0101 });
    transactionOf(probe).copy(answer, 8);
    send(answer);
    await until(() => relay.stats.probesAnswered === 1, 'the answer');
    // An answer to something else passes.
    send(stun({ type: 0x0101, id: 9 }));
    await until(() => ice.got.length === 1, 'the other answer');
    expect([ice.got, heard]).toEqual([[stun({ type: 0x0101, id: 9 })], 2]);
    relay.probe('stranger');
  });

  test('nothing more comes from a page that was muted, and packets to it still pass', async () => {
    const { ice, page, relay, send, verify } = await wire();
    await verify();
    send(DTLS);
    await until(() => ice.got.length === 1, 'a packet');
    relay.mute('host');
    relay.mute('stranger');
    send(DTLS);
    await until(() => relay.stats.packetsDropped === 1, 'the drop');
    ice.send(DTLS, at(ice.from, 0));
    await until(() => page.got.length === 1, 'a packet to the page');
    expect(ice.got).toHaveLength(1);
  });

  test('the relay limits the addresses of each connection and of all, and forgets silent and dismissed ones', async () => {
    const { ice, relay, send, admit } = await wire({ pathsMax: 10, idleMs: IDLE_MS });
    for (const name of ['host', 'next']) admit(name);
    const pages: Awaited<ReturnType<typeof socket>>[] = [];
    const knock = async (username: string) => {
      const page = await socket();
      const before = ice.got.length + relay.stats.packetsDropped;
      pages.push(page);
      send(stun({ username }), page);
      await until(() => ice.got.length + relay.stats.packetsDropped > before, 'the knock');
    };
    for (let index = 0; index < 9; index++) await knock('host:page');
    expect([relay.stats.paths, relay.stats.packetsDropped]).toEqual([8, 0]);
    for (let index = 0; index < 3; index++) await knock('next:page');
    expect([relay.stats.paths, relay.stats.packetsDropped]).toEqual([10, 1]);
    relay.dismiss('host');
    expect(relay.stats.paths).toBe(2);
    send(stun(), pages[0]);
    await until(() => relay.stats.packetsDropped === 2, 'the drop');
    await until(() => relay.stats.paths === 0, 'silence');
  });

  test('the relay survives an ICE port that is closed, and being closed while a path opens', async () => {
    const gone = await socket();
    const { port } = gone.address();
    gone.close();
    closing.pop();
    const { relay, port: outside } = await startRelay();
    relay.admit('host', { target: { address: '127.0.0.1', port }, password: 'secret' });
    const page = await socket();
    for (let index = 0; index < 3; index++) {
      page.send(stun(), outside, '127.0.0.1');
      await sleep(10);
    }
    expect(relay.stats.paths).toBe(1);
    page.send(stun({ username: 'host:other' }), outside, '127.0.0.1');
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const probe = createSocket('udp4');
  const bound = once(probe, 'listening');
  probe.bind(port, '127.0.0.1');
  const free = await bound.then(
    () => true,
    () => false,
  );
  probe.close();
  return free;
}

async function startReachable(): Promise<Fixture> {
  const nodePort = { socket: await openRelaySocket(PORTS), address: '127.0.0.1' };
  const fixture = await startServer({}, { nodePort });
  closing.push(() => fixture.server.close());
  return fixture;
}

function page(): Peer {
  const peer = new Peer();
  closing.push(() => peer.close());
  return peer;
}

describe('connections', () => {
  test('connections share one port, and each page gets its own frames', async () => {
    const icePort = await freePort();
    const { server, players } = await startServer({ icePort });
    closing.push(() => server.close());
    const peers = [page(), page(), page()];
    for (const peer of peers) {
      await peer.join(server.url);
      expect(peer.answer).toContain(` 127.0.0.1 ${icePort} typ host`);
    }
    for (const [index, player] of players.entries())
      for (let frame = 0; frame <= index; frame++) sendFrame(connectionOf(player), frame);
    for (const [index, peer] of peers.entries())
      await until(() => peer.pictures === index + 1, `pictures of page ${index}`);
    await at(peers, 0).leave();
    sendFrame(connectionOf(at(players, 1)), 2);
    await until(() => at(peers, 1).pictures === 3, 'a picture after another page has left');
    for (const peer of peers) peer.close();
    await until(() => server.connections === 0, 'all to leave');
    const late = page();
    await late.join(server.url);
    expect(late.answer).toContain(` 127.0.0.1 ${icePort} typ host`);
  });

  test('a server cannot start on a UDP port of another program, and frees its own port at the end', async () => {
    const other = await socket();
    const icePort = other.address().port;
    await expect(startServer({ icePort })).rejects.toThrow(`UDP port ${icePort} cannot be bound (EADDRINUSE)`);
    other.close();
    closing.pop();
    const { server } = await startServer({ icePort });
    const peer = page();
    await peer.join(server.url);
    expect(peer.answer).toContain(` 127.0.0.1 ${icePort} typ host`);
    await server.close();
    await expect.poll(() => isFree(icePort)).toBe(true);
  });

  test('connections offer ICE_ADDRESS in addition to the address of the request, with the same port', async () => {
    const { server } = await startServer({ iceAddress: '203.0.113.7' });
    closing.push(() => server.close());
    const peer = page();
    await peer.join(server.url);
    const [, first] = must(/ 127\.0\.0\.1 (\d+) typ host/.exec(peer.answer), 'own candidate');
    expect(peer.answer).toContain(` 203.0.113.7 ${first} typ host\r\n`);
  });

  test("connections go through the node's port if pages have no other way", async () => {
    const { server, players } = await startReachable();
    const { relayStats: stats } = server;
    const peers = [page(), page(), page()];
    for (const peer of peers) await peer.join(server.url, { edit: onlyNodePort });
    expect(stats.paths).toBe(3);
    for (let frame = 0; frame < 50; frame++) {
      for (const player of players) sendFrame(connectionOf(player), frame);
      await sleep(5);
    }
    for (const peer of peers) await until(() => peer.pictures === 50, 'pictures');
    await at(peers, 0).leave();
    await until(() => stats.paths === 2, 'its address to be forgotten');
    expect(stats.packetsDropped).toBe(0);
  });

  test('connections reach a host in a new network namespace through a socket that it opened before', async () => {
    const child = fork(join(import.meta.dirname, 'inside.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    closing.push(async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    });
    const peer = page();
    const answer = await ask(child, await peer.offer());
    expect(answer.match(/a=candidate.*/g)).toHaveLength(3);
    peer.peer.setRemoteDescription(answer, 'answer');
    await until(() => peer.notices[0]?.kind === 'joined', 'the notice "joined"');
    await until(() => peer.pictures > 30, 'pictures');
  });
});

function sendFrame(connection: PlayerConnection, frame: number): void {
  const info = { rtpTimestamp: 3000 * frame, keyframe: frame === 0, inputSequence: 0, inputToSendUs: micro(0) };
  connection.sendFrame(accessUnit(3000, frame === 0), info);
}

function connectionOf(player: RecordedPlayer): PlayerConnection {
  return must(player.connection, 'connection');
}

async function ask(child: ChildProcess, offer: string): Promise<string> {
  const [ready] = await once(child, 'message');
  if (ready !== 'ready') throw new Error(String(ready));
  child.send(offer);
  const [answer] = (await once(child, 'message')) as [string];
  return answer;
}
