// A host that is killed at random points while a match goes on: what the match loses, and how soon its player plays again.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { Random } from '../random.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const KILLS = numberFrom('HOST_KILLS', 100, 1);
const TICK_RATE = 60;
const CHECKPOINT_SECONDS = 1;
/** A host lives this long at least, and at most as long as both together, after its player plays. */
const LIFE_MS_MIN = 1200;
const LIFE_MS_MORE = 2500;
/** Two pauses between checkpoints: one that was just about to begin, and the one that is being written. */
const LOST_MS_MAX = 2 * CHECKPOINT_SECONDS * 1000;
const QUERY = '?size=160x90&fps=30';

const build = join(import.meta.dirname, '../../build');
mkdirSync(build, { recursive: true });
const folder = mkdtempSync(join(build, 'resume-'));
const random = new Random(7);

const start = (port: string): Promise<HostProcess> =>
  startHostProcess(['build/arena.wasm'], {
    STORE_DIR: folder,
    CHECKPOINT_SECONDS: String(CHECKPOINT_SECONDS),
    PORT: port,
  });

const ticksOf = async (host: HostProcess): Promise<number> => (await host.status()).rooms[0]?.ticks ?? 0;

await benchmark('resume', async (bench) => {
  let host = await start('0');
  const { port } = new URL(host.url);
  let peer = new Peer();
  try {
    await peer.join(host.url, { query: QUERY, tokens: 'new' });
    peer.beat();
    const lost: number[] = [];
    const away: number[] = [];
    let otherSeats = 0;
    let lostMatches = 0;
    for (let n = 0; n < KILLS; n++) {
      await sleep(LIFE_MS_MIN + random.below(LIFE_MS_MORE));
      const before = await ticksOf(host);
      const { token } = peer;
      const exited = once(host.process, 'exit');
      host.process.kill('SIGKILL');
      const killedAt = performance.now();
      await exited;
      peer.close();
      host = await start(port);
      const resumed = Number(/the match goes on at tick (\d+)/.exec(host.output())?.[1] ?? Number.NaN);
      if (Number.isNaN(resumed)) lostMatches++;
      else lost.push(Math.max(0, ((before - resumed) * 1000) / TICK_RATE));
      peer = new Peer();
      const back = peer;
      const { seat } = await back.join(host.url, { query: QUERY, tokens: token });
      back.beat();
      if (seat !== 0) otherSeats++;
      await until(() => back.pictures > 0, 'a picture');
      away.push(performance.now() - killedAt);
    }
    bench.value('kills of the host', '', KILLS);
    const { max } = bench.figure('game time that the match lost', 'ms', lost);
    bench.figure('from the kill to the next picture, with the start of the host', 'ms', away);
    bench.goal('matches that did not go on', { direction: 'at most', limit: 0, value: lostMatches, unit: '' });
    bench.goal('returns to another seat', { direction: 'at most', limit: 0, value: otherSeats, unit: '' });
    bench.goal('game time lost', { direction: 'at most', limit: LOST_MS_MAX, value: max, unit: 'ms' });
  } finally {
    peer.close();
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
