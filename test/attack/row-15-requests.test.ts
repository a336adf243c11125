import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import { good } from '../engine/modules.ts';
import { command, streams } from '../hostile/modules.ts';
import { Peer } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Arena, attackRoom, startArena } from './arena.ts';
import { requestFrom } from './players.ts';

/** By how much an announced time limit may be late. */
const LATE_MS_MAX = 1000;
/** Time limits for the head of a request and for a whole request. */
const [HEAD_MS, WHOLE_MS] = [5000, 10_000];
const OBJECTS = 60_000;

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

/** Opens a connection, sends a text, and resolves with the answer when the host has closed the connection. */
async function raw(url: string, text: string, more: (send: (text: string) => void) => void = () => {}) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  const begun = performance.now();
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  socket.on('error', () => {});
  socket.write(text);
  more((part) => socket.destroyed || socket.write(part));
  await Promise.race([once(socket, 'close'), sleep(60_000)]);
  socket.destroy();
  return { answer, ms: performance.now() - begun };
}

it('an offer through a name of a stranger’s own (DNS rebinding) is refused', async () => {
  arena = await startArena();
  const { port } = new URL(arena.host.url);
  const peer = new Peer();
  const name = `attacker.example:${port}`;
  const headers = { 'content-type': 'application/sdp', host: name, origin: `http://${name}` };
  const { status } = await requestFrom('127.0.0.1', new URL('whep', arena.host.url), {
    method: 'POST',
    headers,
    body: await peer.offer(),
  });
  peer.close();
  expect([403, 421]).toContain(status);
});

it('a request whose target is not a URL gets 400, and no line in the log', async () => {
  arena = await startArena();
  const lines = () => arena?.host.output().split('\n').length;
  const before = lines();
  for (let n = 0; n < 20; n++) {
    const { answer } = await raw(
      arena.host.url,
      'GET http://[ HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  }
  expect(lines()).toBe(before);
});

it('a request whose head does not end is closed after 5 s', async () => {
  arena = await startArena();
  const { ms } = await raw(arena.host.url, 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n');
  expect(ms).toBeLessThan(HEAD_MS + LATE_MS_MAX);
});

it('a request whose body comes byte by byte is closed after 10 s', async () => {
  arena = await startArena();
  const head =
    'POST /whep HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/sdp\r\ncontent-length: 1000\r\n\r\n';
  let timer: NodeJS.Timeout | undefined;
  const { ms } = await raw(arena.host.url, head, (send) => {
    timer = setInterval(() => send('v'), 500);
  });
  clearInterval(timer);
  expect(ms).toBeLessThan(WHOLE_MS + LATE_MS_MAX);
});

it('a stranger learns no address of the machine except the one it has asked', async () => {
  arena = await startArena({}, { HOST: '0.0.0.0', ADMISSION: 'open' });
  const peer = new Peer();
  const { text } = await requestFrom('127.0.0.1', new URL('whep', arena.host.url), {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: await peer.offer(),
  });
  peer.close();
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const others = own.filter(({ internal }) => !internal).map(({ address }) => address);
  expect(others.length).toBeGreaterThan(0);
  expect(text).toContain('127.0.0.1');
  expect(others.filter((address) => text.includes(` ${address} `))).toEqual([]);
});

it(`${OBJECTS} objects count for what they cost the host, and not for what they hold`, async () => {
  const samplers = Array.from({ length: OBJECTS }, (_, n) =>
    command('createSampler', { id: n + 2, maxAnisotropy: 1, lodMaxClamp: n }),
  );
  const { fields, memory, call } = streams({ samplers });
  const exit = '(if (i32.gt_u (local.get 0) (i32.const 600)) (then (call $exit (i32.const 0))))';
  // All objects together may have 8 MiB, which is 140 bytes for each.
  arena = await startArena(
    { bad: good({ fields, memory, join: call.samplers, tick: exit }) },
    { GPU_OBJECT_BYTES_MAX: String(8 * 2 ** 20), REPLAY_MS_MAX: '60000' },
  );
  expect(await attackRoom(arena, 'bad')).toMatch(/NL_COMMAND.*GPU_OBJECT_BYTES_MAX/);
});
