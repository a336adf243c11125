// Memory of the host with one player in the arena, its growth over 1,000 joins and leaves, and sizes of modules.
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { benchmark } from './harness.ts';
import { childrenOf, memoryOf } from './processes.ts';

const JOINS = 1000;
const JOINS_PER_REPORT = 100;
const QUERY = '?size=640x360&fps=60';
const ARENA_BYTES_MAX = 200_000;
/** Limit for the growth of the host's memory from join 200 to join 1,000; the joins before fill caches and pools. */
const GROWTH_MIB_MAX = 16;

const root = join(import.meta.dirname, '../..');

const pidOf = (host: HostProcess): number => must(host.process.pid, 'process id');

const guestOf = (host: HostProcess): number =>
  must(
    childrenOf(pidOf(host))
      .flatMap(childrenOf)
      .find((pid) => readlinkSync(`/proc/${pid}/exe`).endsWith('/guest')),
    'guest process',
  );

async function joinAndLeave(host: HostProcess): Promise<void> {
  const peer = new Peer();
  try {
    await peer.join(host.url, { query: QUERY });
    await until(() => peer.packets.length > 0, 'a picture');
  } finally {
    await peer.leave();
  }
}

await benchmark('memory', async (bench) => {
  const host = await startHostProcess(['build/arena.wasm']);
  const pid = pidOf(host);
  bench.value('arena.wasm', 'bytes', statSync(join(root, 'build/arena.wasm')).size);
  const player = new Peer();
  await player.join(host.url, { query: QUERY });
  await sleep(5000);
  const one = memoryOf(pid);
  const guest = memoryOf(guestOf(host));
  bench.value('host with one player: RSS', 'MiB', one.rss);
  bench.value('host with one player: PSS', 'MiB', one.pss);
  bench.value('guest with one player: RSS', 'MiB', guest.rss);
  bench.value('guest with one player: PSS', 'MiB', guest.pss);
  await player.leave();

  let early = 0;
  let failed = 0;
  for (let joins = 1; joins <= JOINS; joins++) {
    await joinAndLeave(host).catch(() => failed++);
    if (joins % JOINS_PER_REPORT !== 0) continue;
    const { rss } = memoryOf(pid);
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    bench.value(`after ${joins} joins: RSS`, 'MiB', rss);
    bench.value(`after ${joins} joins: descriptors`, '1', descriptors);
    if (joins === 2 * JOINS_PER_REPORT) early = rss;
  }
  bench.value('joins that failed', '1', failed);
  const growth = memoryOf(pid).rss - early;
  const guestGrowth = memoryOf(guestOf(host)).rss - guest.rss;
  bench.value('guest, growth over all joins', 'MiB', guestGrowth);
  const size = statSync(join(root, 'build/arena.wasm')).size;
  bench.goal('arena.wasm', { direction: 'at most', limit: ARENA_BYTES_MAX, value: size, unit: 'bytes' });
  bench.goal('growth from join 200 to 1,000', {
    direction: 'at most',
    limit: GROWTH_MIB_MAX,
    value: growth,
    unit: 'MiB',
  });
  await host.stop();
});
