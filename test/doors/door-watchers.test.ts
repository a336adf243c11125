import { afterEach, expect, test } from 'vitest';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { Network } from '../net/network.ts';
import { Peer, pointerMessage } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { aiortc, gstreamer, type Watched, type Watcher } from './watchers.ts';

const FPS = 30;
const SECONDS = 10;
/** A packet that does not come at all costs the pictures until the next keyframe, and GStreamer notices it after a second. */
const GAP_MS_MAX = 1000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Starts a host in a network, and a player who moves on this machine. @returns the URL of the host in the network */
async function startGame(): Promise<{ network: Network; host: HostProcess; url: string }> {
  const network = Network.open();
  closing.push(() => network.close());
  const environment = { HOST: '0.0.0.0', ADMISSION: 'open', OPERATOR_HOST: network.operatorAddress };
  const command = [...network.onHost, process.execPath, 'host/cli/main.ts'];
  const host = await startHostProcess(['build/arena.wasm'], environment, command);
  closing.push(() => host.stop());
  const { port } = new URL(host.url);
  const player = new Peer({ address: network.ownAddress });
  closing.push(() => player.close());
  await player.join(`http://${network.operatorAddress}:${port}/`, { query: `?size=640x360&fps=${FPS}` });
  let sequence = 0;
  const moving = setInterval(() => {
    if (player.state.isOpen()) player.state.sendMessageBinary(pointerMessage({ sequence: ++sequence }));
  }, 100);
  closing.push(() => clearInterval(moving));
  return { network, host, url: `http://${network.hostAddress}:${port}/` };
}

const spectators = async (host: HostProcess) => (await host.status()).rooms[0]?.spectators;

/**
 * Expects that after the first two seconds this share of the frames that came was shown. How many the host makes depends on the machine,
 * and a busy decoder has a queue. A program that does not ask for missing packets shows one frame of nine with 3 % loss.
 */
function expectPictures({ framesLater, picturesLater, seconds }: Watched, share: number): void {
  expect(seconds).toBeGreaterThan(SECONDS / 4);
  expect(framesLater).toBeGreaterThan(20);
  expect(picturesLater).toBeGreaterThan(framesLater * share);
}

const WATCHERS: { name: string; watch: Watcher }[] = [
  { name: 'GStreamer', watch: gstreamer },
  { name: 'aiortc', watch: aiortc },
];

test.each(WATCHERS)('$name watches and hears what a player plays, and leaves', async ({ watch }) => {
  const { network, host, url } = await startGame();
  const watched = await watch(`${url}whep`, SECONDS, network.onPage);
  expect(watched.error).toBeNull();
  // Candidates are sent with PATCH if the program does not wait for them.
  expect(watched.statuses.filter(([method]) => method !== 'PATCH')).toEqual([
    ['POST', 201],
    ['DELETE', 200],
  ]);
  expect(watched.statuses.filter(([method, status]) => method === 'PATCH' && status !== 204)).toEqual([]);
  expect(watched.size).not.toBeNull();
  expectPictures(watched, 0.8);
  expect(watched.packets).toBeGreaterThan(0);
  expect(watched.packetsLost).toBe(0);
  expect(watched.soundSeconds).toBeGreaterThan(SECONDS / 2);
  // aiortc falls behind on a machine that is busy.
  expect(watched.soundFrames).toBeGreaterThan(48_000 * watched.soundSeconds * 0.5);
  expect(watched.loudest).toBeGreaterThan(0);
  await eventually(async () => expect(await spectators(host)).toBe(0));
});

test.each(WATCHERS)(
  '$name sees pictures all the time although 3 % of the packets are lost',
  async ({ name, watch }) => {
    const { network, url } = await startGame();
    await network.lose(30);
    const watched = await watch(`${url}whep`, SECONDS, network.onPage);
    expect(watched.error).toBeNull();
    process.stdout.write(`${name}, 3 % loss: ${JSON.stringify(watched)}\n`);
    expectPictures(watched, 0.9);
    expect(watched.longestGapMs).toBeLessThan(GAP_MS_MAX);
    // Without repeated packets, one of 30 would be missing, and pictures would stop until the next keyframe.
    expect(watched.packetsRepaired).toBeGreaterThan(0);
    expect(watched.packetsLost).toBeLessThan(watched.packets * 0.01);
  },
);
