import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRelay, type Relay } from '../../host/stream/relay.ts';
import { type ReservedPath, reservePath, withReserved } from '../../host/stream/reserved-path.ts';
import { at } from '../at.ts';
import { sleep } from '../wait.ts';
import { until } from './peer.ts';
import { DTLS, stun } from './stun.ts';

let reserved: ReservedPath;
let relay: Relay;
/** A socket in the place of ICE, what it got, and from which ports. */
let ice: ReturnType<typeof createSocket>;
let got: Buffer[];
let ports: number[];
const pages: ReturnType<typeof createSocket>[] = [];

async function socket() {
  const made = createSocket('udp4').bind(0, '127.0.0.1');
  await once(made, 'listening');
  return made;
}

/** A page's socket, what it got, and a function that sends a packet to the relay. */
async function openPage(port: number) {
  const page = await socket();
  pages.push(page);
  const answers: Buffer[] = [];
  page.on('message', (packet) => answers.push(packet));
  return { answers, send: (packet: Buffer) => page.send(packet, port, '127.0.0.1') };
}

let port: number;
beforeEach(async () => {
  [got, ports] = [[], []];
  const [outside, inside] = [await socket(), await socket()];
  ice = inside;
  ice.on('message', (packet, from) => {
    got.push(packet);
    ports.push(from.port);
  });
  port = outside.address().port;
  relay = openRelay({ sockets: [outside], idleMs: 30_000 });
  reserved = await reservePath();
  const target = { address: '127.0.0.1', port: ice.address().port };
  relay.admit('host', { target, password: 'secret', reserved });
});

afterEach(() => {
  relay.close();
  reserved.close();
  ice.close();
  for (const page of pages.splice(0)) page.close();
});

test("the newest check of ICE goes to the page with the page's first packet, and no other packet does", async () => {
  const { port: reservedPort } = reserved.address;
  for (const packet of [stun({ id: 6 }), stun({ id: 7 }), DTLS, stun({ type: 0x0101, id: 8 })])
    ice.send(packet, reservedPort);
  await sleep(50);
  const { answers, send } = await openPage(port);
  send(stun());
  await until(() => answers.length > 0 && got.length > 0, 'both packets');
  expect([answers, got, ports]).toEqual([[stun({ id: 7 })], [stun()], [reservedPort]]);
  send(stun({ type: 0x0101, id: 7 }));
  await until(() => got.length === 2, 'the answer to the check');
  ice.send(DTLS, reservedPort);
  await until(() => answers.length === 2, 'a packet of ICE');
  expect(answers[1]).toEqual(DTLS);
});

test('further addresses of the page get sockets of their own', async () => {
  const { port: reservedPort } = reserved.address;
  ice.send(stun({ id: 7 }), reservedPort);
  await sleep(50);
  const [first, second] = [await openPage(port), await openPage(port)];
  first.send(stun());
  await until(() => got.length === 1, 'the first request');
  second.send(stun());
  await until(() => got.length === 2, 'the second request');
  expect(at(ports, 0)).toBe(reservedPort);
  expect(at(ports, 1)).not.toBe(reservedPort);
  await sleep(50);
  expect(second.answers).toEqual([]);
});

test('a reserved path without a page is closed with its connection, and only once', () => {
  relay.dismiss('host');
  expect(reserved.take()).toBeUndefined();
  reserved.close();
});

test('the address of a reserved path becomes the candidate of the first section of an offer', () => {
  const section = (name: string) => `m=${name}\r\na=ice-ufrag:u\r\na=ice-pwd:${name}\r\na=mid:${name}\r\n`;
  const written = withReserved(`v=0\r\n${section('video')}${section('application')}`, reserved);
  const candidate = `a=candidate:nearlight 1 UDP 1 127.0.0.1 ${reserved.address.port} typ host\r\n`;
  expect(written).toBe(`v=0\r\n${section('video').replace('a=mid', `${candidate}a=mid`)}${section('application')}`);
});
