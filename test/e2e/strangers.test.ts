import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Peer, pointerMessage } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { type HostProcess, startHostProcess } from './host.ts';

const QUERY = '?size=320x180&fps=30';
const PICTURES = 90;
const CONNECTIONS = 40;
/** Pixels per second of all players. */
const BUDGET = 40_000_000;
/** The host counts offers by address. Beside a flood from the same address it is chance when a newcomer's turn comes. */
const OTHER_ADDRESS = '127.0.0.2';

let host: HostProcess;
let player: Peer;
let moving: NodeJS.Timeout;
let attack: ChildProcess | undefined;

beforeEach(async () => {
  host = await startHostProcess(['build/triangle.wasm'], {
    MAX_PLAYERS: '6',
    HOST_PIXELS_PER_SECOND_MAX: String(BUDGET),
  });
  player = new Peer();
  await player.join(host.url, { query: QUERY });
  // A host sends no pictures to a page that is silent.
  let sequence = 0;
  moving = setInterval(() => {
    if (player.state.isOpen()) player.state.sendMessageBinary(pointerMessage({ sequence: ++sequence }));
  }, 100);
});

afterEach(async () => {
  attack?.disconnect();
  attack = undefined;
  clearInterval(moving);
  player.close();
  await host.stop();
});

/** Starts an attack (stranger.ts), and returns a function that says how many of its requests were answered. */
async function begin(...args: string[]): Promise<() => number> {
  attack = fork(join(import.meta.dirname, 'stranger.ts'), args);
  await once(attack, 'message');
  let answered = 0;
  attack.on('message', (count) => {
    answered = Number(count);
  });
  return () => answered;
}

/** Waits for pictures of the player. @returns the seconds that they took */
async function play(): Promise<number> {
  const begun = performance.now();
  const end = player.pictures + PICTURES;
  await eventually(() => expect(player.pictures).toBeGreaterThanOrEqual(end));
  return (performance.now() - begun) / 1000;
}

/** Joins as a page does, which asks again when the server says so. */
async function visit(): Promise<void> {
  await eventually(async () => {
    const peer = new Peer();
    try {
      await peer.join(host.url, { query: QUERY });
    } finally {
      await peer.leave();
    }
  });
}

test.each([
  ['offers', '127.0.0.1'],
  ['offer-flood', OTHER_ADDRESS],
])('strangers with %s, but without a packet, take no seat', async (kind, address) => {
  await begin(kind, host.url, address);
  await play();
  await visit();
  await eventually(async () => expect((await host.status()).seats).toEqual({ all: 6, taken: 1, reserved: 0 }));
  expect((await fetch(new URL('readyz', host.operatorUrl))).status).toBe(200);
  expect(host.output()).not.toMatch(/warn.*request/);
});

test.each([['url'], ['operatorUrl']] as const)(
  '40 connections to %s get few answers, and a player pictures',
  async (port) => {
    const answered = await begin('requests', host[port]);
    const before = answered();
    const seconds = await play();
    // Each connection may send 30 requests at once and four a second later.
    expect(answered() - before).toBeLessThanOrEqual(CONNECTIONS * (30 + 4 * (seconds + 1)));
    await visit();
  },
);

test('four strangers with the largest pictures share what one player leaves', async () => {
  await begin('pixels', host.url);
  await play();
  const { rooms, seats } = await host.status();
  expect(seats.taken).toBe(5);
  const views = (rooms[0]?.views ?? []) as unknown as { seat: number; width: number; height: number; fps: number }[];
  const pixels = views.map(({ width, height, fps }) => width * height * fps);
  expect(views[0]).toMatchObject({ width: 320, height: 180, fps: 30 });
  expect(pixels.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(BUDGET);
  await visit();
});

test('a host whose seats are all taken is ready, and its status says that it is full', async () => {
  const others = Array.from({ length: 5 }, () => new Peer());
  for (const peer of others) await peer.join(host.url, { query: QUERY });
  await expect(new Peer().join(host.url, { query: QUERY })).rejects.toThrow('503');
  expect((await fetch(new URL('readyz', host.operatorUrl))).status).toBe(200);
  await eventually(async () => expect((await host.status()).seats).toEqual({ all: 6, taken: 6, reserved: 0 }));
  for (const peer of others) peer.close();
});
