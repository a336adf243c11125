import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Meters } from '../../host/observe/meters.ts';
import { at } from '../at.ts';
import { eventually, sleep } from '../wait.ts';
import { type Fixture, startServer } from './fixture.ts';
import { Peer, until } from './peer.ts';
import { signedRequest } from './signed.ts';

/** Bytes of the IP and UDP headers of a packet. */
const UDP_HEADER_BYTES = 28;
const SDP = { 'content-type': 'application/sdp' };
const fixtures: Fixture[] = [];
const peers: Peer[] = [];
const closing: (() => void)[] = [];

async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
  const fixture = await startServer(...args);
  fixtures.push(fixture);
  return fixture;
}

function makePeer(): Peer {
  const peer = new Peer();
  peers.push(peer);
  return peer;
}

async function code(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { code: string; message: string };
  expect(body.message.length).toBeGreaterThan(3);
  return [response.status, body.code];
}

afterEach(async () => {
  for (const close of closing.splice(0)) close();
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

/** Writes a request as a program does that no browser is, and returns the server's answer as text. */
async function raw(url: string, request: string): Promise<string> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

test('40 offers without a packet take no seat, and a player is seated beside them', async () => {
  const { server, players } = await start();
  const body = await makePeer().offer();
  const statuses = new Set<number>();
  for (let offer = 0; offer < 40; offer++) {
    const response = await fetch(`${server.url}whep`, { method: 'POST', headers: SDP, body });
    statuses.add(response.status);
    if (response.status === 429) expect(response.headers.get('retry-after')).toBe('1');
    else expect(response.status).toBe(201);
  }
  expect(statuses).toContain(201);
  expect(server.connections).toBeGreaterThan(0);
  expect(players).toEqual([]);
  await eventually(() => makePeer().join(server.url));
  expect(players).toHaveLength(1);
});

test('an address cannot hold more half-open connections than its limit, and another page displaces the oldest', async () => {
  const meters = new Meters();
  const { server } = await start({ addressHalfOpenMax: 3 }, { meters });
  const body = await makePeer().offer();
  const post = () => fetch(`${server.url}whep`, { method: 'POST', headers: SDP, body });
  for (let offer = 0; offer < 3; offer++) expect((await post()).status).toBe(201);
  const refused = await post();
  expect([await code(refused), refused.headers.get('retry-after')]).toEqual([[503, 'NL_HALF_OPEN'], '1']);
  await eventually(() => makePeer().join(server.url));
  expect(meters.sessionsEnded.displaced).toBeGreaterThan(0);
  expect(server.connections).toBe(3);
});

test('players of one address take seats up to its limit', async () => {
  const { server } = await start({ addressSeatsMax: 2 });
  const joined = [makePeer(), makePeer()];
  for (const peer of joined) await peer.join(server.url);
  const body = await makePeer().offer();
  const response = await fetch(`${server.url}whep`, { method: 'POST', headers: SDP, body });
  expect([await code(response), response.headers.get('retry-after')]).toEqual([[429, 'NL_ADDRESS_FULL'], null]);
  await at(joined, 0).leave();
  await eventually(() => makePeer().join(server.url));
});

test('players behind a trusted proxy count by the address that the proxy names', async () => {
  const { server } = await start({ trustedProxies: '127.0.0.0/8', addressOffersPerSecondMax: 1 });
  const offer = async (from: string) => {
    const headers = { ...SDP, 'x-forwarded-for': from };
    return (await fetch(`${server.url}whep`, { method: 'POST', headers, body: 'v=1' })).status;
  };
  const statuses = [await offer('192.0.2.1'), await offer('192.0.2.1'), await offer('192.0.2.1')];
  expect(statuses).toEqual([400, 400, 429]);
  expect(await offer('192.0.2.2')).toBe(400);
});

test('a name that a stranger made to point here (DNS rebinding) is served nothing', async () => {
  const { server, players } = await start();
  const body = await makePeer().offer();
  const post = (host: string) =>
    raw(
      server.url,
      `POST /whep HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nContent-Type: application/sdp\r\n` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  expect(await post('attacker.test')).toMatch(/^HTTP\/1.1 421 .*NL_HOST/s);
  expect(await post(`attacker.test:${server.port}`)).toMatch(/^HTTP\/1.1 421 /);
  expect(await post(`localhost:${server.port}`)).toMatch(/^HTTP\/1.1 201 /);
  const named = await start({ allowedHosts: 'play.example' });
  const get = (host: string) => raw(named.server.url, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(await get('play.example')).toMatch(/^HTTP\/1.1 200 /);
  expect(await get('attacker.test')).toMatch(/^HTTP\/1.1 421 /);
  expect(players).toEqual([]);
});

test('malformed requests get status 400 without a line in the log, and are counted', async () => {
  const meters = new Meters();
  const { server, warnings } = await start({}, { meters });
  const targets = ['http://[', '*', 'http://', '/a b', '//%'];
  const lines = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  for (const target of targets.slice(0, -1)) expect(await raw(server.url, lines(target))).toMatch(/^HTTP\/1.1 400 /);
  expect(await raw(server.url, lines('//%'))).toMatch(/^HTTP\/1.1 404 /);
  expect(await raw(server.url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  expect(warnings).toEqual([]);
  expect(meters.requestsRefused.get('NL_REQUEST')).toBe(targets.length);
});

test('requests that are not completed end within a second of their time limits', async () => {
  const { server } = await start();
  const durationOf = async (request: string) => {
    const begun = performance.now();
    await raw(server.url, request);
    return (performance.now() - begun) / 1000;
  };
  const post =
    'POST /whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\nContent-Length: 9\r\n\r\nv=0';
  const [silent, headers, body, idle] = await Promise.all([
    durationOf(''),
    durationOf('GET / HTTP/1.1\r\nHost: loc'),
    durationOf(post),
    durationOf('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  ]);
  // Node checks the limits every half second, and by default every 30 s. Some seconds more are for a busy machine.
  for (const [seconds, limit] of [
    [silent, 5],
    [headers, 5],
    [body, 10],
    [idle, 6],
  ] as const) {
    expect(seconds).toBeGreaterThanOrEqual(limit - 1.1);
    expect(seconds).toBeLessThan(limit + 5);
  }
});

test('requests of one connection are paced, and those of other connections are not', async () => {
  const { server } = await start();
  const request = 'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const flood = connect(server.port, '127.0.0.1');
  closing.push(() => flood.destroy());
  flood.on('error', () => {});
  let answers = 0;
  const ask = () => flood.write(request);
  flood.on('data', (chunk) => {
    answers += chunk.toString().split('HTTP/1.1 404').length - 1;
    ask();
  });
  const begun = performance.now();
  ask();
  await until(() => answers >= 30, 'the first answers');
  expect((await fetch(server.url)).status).toBe(200);
  await until(() => answers >= 34, 'the paced answers');
  // Thirty requests may come at once and four a second later, so four more take at least three quarters of a second.
  expect(performance.now() - begun).toBeGreaterThan(740);
  // A connection that sends requests without reading the answers is closed.
  flood.write(request.repeat(60));
  await once(flood, 'close');
});

test('a host that listens on all addresses shows a page only the one at which its request arrived', async () => {
  for (const host of ['', '0.0.0.0']) {
    const { server } = await start({ host, iceAddress: '203.0.113.7' });
    const response = await fetch(`http://127.0.0.1:${server.port}/whep`, {
      method: 'POST',
      headers: SDP,
      body: await makePeer().offer(),
    });
    const shown = [...(await response.text()).matchAll(/\d+\.\d+\.\d+\.\d+/g)].map(([address]) => address);
    expect(new Set(shown)).toEqual(new Set(['127.0.0.1', '203.0.113.7']));
    await makePeer().join(`http://127.0.0.1:${server.port}/`);
  }
});

/** Gets the credentials of a connection, and sends valid STUN requests from a port that answers nothing, as if it were forged. */
async function reflect(from: number): Promise<{ sent: number; received: number }> {
  const { server } = await start({ iceMsMax: 2000 });
  const offer = await makePeer().offer();
  const response = await fetch(`${server.url}whep`, { method: 'POST', headers: SDP, body: offer });
  const answer = await response.text();
  const port = Number(/ 127\.0\.0\.1 (\d+) typ host/.exec(answer)?.[1]);
  const victim = createSocket('udp4');
  closing.push(() => victim.close());
  victim.bind(from, '127.0.0.1');
  await once(victim, 'listening');
  let received = 0;
  victim.on('message', (packet) => (received += UDP_HEADER_BYTES + packet.length));
  const request = signedRequest(answer, /^a=ice-ufrag:(\S+)/m.exec(offer)?.[1] ?? '');
  for (let index = 0; index < 3; index++) {
    victim.send(request, port, '127.0.0.1');
    await sleep(20);
  }
  await until(() => server.connections === 0, 'the end of the connection');
  return { sent: 3 * (UDP_HEADER_BYTES + request.length), received };
}

test('an address that answers nothing gets no more bytes than came from it', async () => {
  const { sent, received } = await reflect(0);
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThanOrEqual(sent);
});

test('services at the source ports 53, 123 and 1900 get no answer, so that they cannot be used to reflect', async () => {
  const reflected = await Promise.all([53, 123, 1900].map((port) => reflect(port)));
  expect(reflected.map(({ received }) => received)).toEqual([0, 0, 0]);
});
