// One player's pictures, and the time until another is seated, while strangers attack the host in five ways.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { Peer, pointerMessage } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const SECONDS = numberFrom('BENCH_SECONDS', 60, 1);
const QUERY = '?size=640x360&fps=30';
const VISITOR = '?size=320x180&fps=30';
/** A page asks again after this time if the server says that it should. */
const RETRY_MS = 1000;
const VISIT_PAUSE_MS = 4000;

interface Attack {
  name: string;
  kind: string;
  /** Whether the operator's port is attacked instead of the players'. */
  operator?: boolean;
  /** The address from which the attack comes. The players come from 127.0.0.1. */
  from?: string;
}

const ATTACKS: Attack[] = [
  { name: '40 offers in 32 s without a packet', kind: 'offers' },
  { name: 'a flood of offers from another address', kind: 'offer-flood', from: '127.0.0.2' },
  { name: "40 connections at the operator's port", kind: 'requests', operator: true },
  { name: "40 connections at the players' port", kind: 'requests' },
  { name: 'four seats of 1920x1088 at 120', kind: 'pixels' },
];

/** Starts an attack in a process of its own. */
async function startAttack(host: HostProcess, { kind, operator, from }: Attack): Promise<ChildProcess> {
  const args = [kind, operator ? host.operatorUrl : host.url, ...(from ? [from] : [])];
  const child = fork(join(import.meta.dirname, '../e2e/stranger.ts'), args);
  await once(child, 'message');
  return child;
}

/** Sends the pointer's state ten times a second, as a page does. A host sends no pictures to a page that is silent. */
function keepMoving(peer: Peer): NodeJS.Timeout {
  let sequence = 0;
  return setInterval(() => {
    if (peer.state.isOpen()) peer.state.sendMessageBinary(pointerMessage({ sequence: ++sequence }));
  }, 100);
}

/** Counts the pictures that a player gets. */
async function watch(peer: Peer, seconds: number): Promise<number> {
  const before = peer.pictures;
  await sleep(seconds * 1000);
  return peer.pictures - before;
}

/** Joins as a page does, which asks again when the server says so. @returns the milliseconds until it has a seat */
async function timeToSeat(url: string): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const peer = new Peer();
    try {
      await peer.join(url, { query: VISITOR });
      const ms = performance.now() - begun;
      await peer.leave();
      return ms;
    } catch (error) {
      peer.close();
      if (!/^(429|503) /.test((error as Error).message)) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function run(bench: Bench, attack: Attack): Promise<void> {
  const host = await startHostProcess(['build/arena.wasm'], { MAX_PLAYERS: '10' });
  try {
    const player = new Peer();
    const { width, height, fps } = await player.join(host.url, { query: QUERY });
    const moving = keepMoving(player);
    await watch(player, 5);
    const alone = (await watch(player, SECONDS / 3)) / (SECONDS / 3);
    const child = await startAttack(host, attack);
    let answered = 0;
    child.on('message', (count) => (answered = Number(count)));
    const seated: number[] = [];
    let ended = false;
    const visits = (async () => {
      while (!ended) {
        seated.push(await timeToSeat(host.url));
        await sleep(VISIT_PAUSE_MS);
      }
    })();
    const beside = (await watch(player, SECONDS)) / SECONDS;
    ended = true;
    bench.note(`${attack.name}: ${width}x${height} at ${fps}; ${answered} requests answered`);
    bench.value(`${attack.name}: pictures before`, '1/s', alone);
    bench.value(`${attack.name}: pictures during`, '1/s', beside);
    bench.goal(`${attack.name}: pictures kept`, {
      direction: 'at least',
      limit: 90,
      value: (beside / alone) * 100,
      unit: '%',
    });
    await visits;
    const { max } = bench.figure(`${attack.name}: until seated`, 'ms', seated);
    bench.goal(`${attack.name}: seated`, { direction: 'at most', limit: 2000, value: max, unit: 'ms' });
    child.disconnect();
    clearInterval(moving);
    player.close();
  } finally {
    await host.stop();
  }
}

await benchmark('strangers', async (bench) => {
  for (const attack of ATTACKS) await run(bench, attack);
  // The peers' library keeps threads running.
  setTimeout(() => process.exit(), 1000).unref();
});
