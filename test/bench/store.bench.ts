// A node's store: rates and times of commits, and kill -9 at random points, offline and online, with a centre that is killed too.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type EdgeStore, openStore } from '../../host/edge/store/store.ts';
import { Random } from '../random.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const KILLS = numberFrom('STORE_KILLS', 2000, 1);
const EVENTS = numberFrom('STORE_EVENTS', 100_000, 1);
/** Lives of the node in a row during which the centre runs, and then does not. */
const STRETCH = 8;
/** One in so many of the centre's chances to be killed while it runs is taken. */
const CENTRE_KILL = 4;
const KILL_MS_MAX = 150;
const ROWS = 1000;

const build = join(import.meta.dirname, '../../build');
mkdirSync(build, { recursive: true });
const folder = mkdtempSync(join(build, 'store-'));
const random = new Random(12);
/** Returns a whole number from 0 to `below` - 1. */
const choose = (below: number) => random.u32() % below;

/** Starts one of the two programs, and collects the lines that it prints. */
function start(name: 'node' | 'centre', ...args: string[]): { child: ChildProcess; lines: string[] } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'store', `${name}.ts`), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return { child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

/** Waits until a program has printed a line that fits. */
async function lineOf({ child, lines }: ReturnType<typeof start>, fits: RegExp): Promise<string> {
  for (;;) {
    const found = lines.find((line) => fits.test(line));
    if (found !== undefined) return found;
    if (child.exitCode !== null)
      throw new Error(`a program ended with status ${child.exitCode} before it printed ${fits}`);
    await sleep(2);
  }
}

class Centre {
  #running: ReturnType<typeof start> | undefined;
  #port = '0';

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = start('centre', join(folder, 'centre'), this.#port);
    this.#port = (await lineOf(this.#running, /^port/)).slice('port '.length);
  }

  async kill(): Promise<void> {
    if (this.#running) await kill(this.#running.child);
    this.#running = undefined;
  }
}

/** Kills the node and the centre, then lets the rest of the events arrive. Returns the ids that the node acknowledged. */
async function killMany(bench: Bench): Promise<string[]> {
  const centre = new Centre();
  await centre.start();
  const acknowledged: string[] = [];
  const quota = Math.ceil(EVENTS / KILLS);
  let [early, offline, centreKills] = [0, 0, 0];
  for (let life = 0; life < KILLS; life++) {
    const isOnline = Math.floor(life / STRETCH) % 2 === 0;
    if (isOnline) await centre.start();
    else {
      offline++;
      await centre.kill();
    }
    const node = start('node', join(folder, 'node'), centre.url, String(life), String(quota));
    // Most kills come while events are added and sent, and some while the store opens.
    if (choose(8) === 0) {
      early++;
      await sleep(choose(300));
    } else {
      await lineOf(node, /^open$/);
      await sleep(choose(KILL_MS_MAX));
      if (isOnline && choose(CENTRE_KILL) === 0) {
        await centre.kill();
        centreKills++;
      }
    }
    await kill(node.child);
    acknowledged.push(...node.lines.filter((line) => line.includes('-')));
    if ((life + 1) % 100 === 0) bench.note(`${life + 1} kills, ${acknowledged.length} events acknowledged`);
  }
  await centre.start();
  const left = Math.max(0, EVENTS - acknowledged.length);
  const last = start('node', join(folder, 'node'), centre.url, String(KILLS), String(left));
  while (last.lines.filter((line) => line.includes('-')).length < left) await sleep(10);
  const after = last.lines.length;
  while (!last.lines.slice(after).includes('drained')) await sleep(10);
  acknowledged.push(...last.lines.filter((line) => line.includes('-')));
  await kill(last.child);
  await centre.kill();
  bench.value('kills of the node', '', KILLS);
  bench.value('of these while the store opened', '', early);
  bench.value('of these without a line', '', offline);
  bench.value('kills of the centre during a sending', '', centreKills);
  return acknowledged;
}

async function readAll(store: EdgeStore): Promise<{ id: string; subject: string; data: string }[]> {
  const all: { id: string; subject: string; data: string }[] = [];
  for (let after = 0; ; ) {
    const rows = await store.readInbox({ after, limit: ROWS });
    all.push(...rows);
    const last = rows.at(-1);
    if (!last) return all;
    after = last.sequence;
  }
}

/** Compares what the centre has with what the node acknowledged. */
async function compare(bench: Bench, acknowledged: readonly string[]): Promise<void> {
  const store = await openStore({
    folder: join(folder, 'centre'),
    bytesMax: 2 ** 30,
    log: (_, line) => bench.note(line),
  });
  const rows = await readAll(store);
  const damaged = store.figures.damaged;
  await store.close();
  const ids = new Set(rows.map(({ id }) => id));
  const newest = new Map<string, number>();
  let disordered = 0;
  for (const { subject, data } of rows) {
    const { n } = JSON.parse(data) as { n: number };
    if (n <= (newest.get(subject) ?? -1)) disordered++;
    newest.set(subject, n);
  }
  bench.value('events acknowledged', '', acknowledged.length);
  bench.value('events at the centre', '', rows.length);
  const none = { direction: 'at most', limit: 0, unit: '' } as const;
  bench.goal('acknowledged events that are lost', { ...none, value: acknowledged.filter((id) => !ids.has(id)).length });
  bench.goal('events that are doubled', { ...none, value: rows.length - ids.size });
  bench.goal('events out of their order in a match', { ...none, value: disordered });
  bench.goal('damaged files', { ...none, value: damaged });
}

/** Measures how many events a second fit, and how long a commit and a call take. */
async function measureRates(bench: Bench): Promise<void> {
  const commits: number[] = [];
  const store = await openStore({
    folder: join(folder, 'rates'),
    bytesMax: 2 ** 30,
    log: () => {},
    onCommit: (ms) => commits.push(ms),
  });
  const data = JSON.stringify({ players: Array.from({ length: 10 }, (_, n) => ({ name: `player ${n}`, score: n })) });
  const add = (n: number) =>
    store.addEvent({ id: `e${n}`, type: 'bench', subject: `match-${n % 100}`, time: Date.now(), data, local: false });
  const alone: number[] = [];
  for (let n = 0; n < 2000; n++) {
    const begun = performance.now();
    await add(n);
    alone.push(performance.now() - begun);
  }
  bench.figure('a call with none beside it', 'ms', alone);
  bench.figure('its commit', 'ms', commits.splice(0));
  const GROUPS = 100;
  const GROUP = 500;
  const begun = performance.now();
  for (let group = 0; group < GROUPS; group++)
    await Promise.all(Array.from({ length: GROUP }, (_, n) => add(10_000 + group * GROUP + n)));
  const seconds = (performance.now() - begun) / 1000;
  bench.figure(`a commit of ${GROUP} calls`, 'ms', commits);
  bench.value('events committed per second', '', (GROUPS * GROUP) / seconds);
  await store.close();
}

await benchmark('store', async (bench) => {
  bench.machine({ kills: KILLS, events: EVENTS });
  try {
    await measureRates(bench);
    await compare(bench, await killMany(bench));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
