// An edge service that is killed (kill -9) while a match runs, with a centre that is killed too; and joins through its socket.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { type OpenedGate, openGate } from '../../host/edge/admission/gate.ts';
import { openStore } from '../../host/edge/store/store.ts';
import { Meters } from '../../host/observe/meters.ts';
import { linkEdge } from '../../host/play/edge-link.ts';
import { startHost } from '../../host/play/host.ts';
import { ownModulePath } from '../../host/play/project.ts';
import type { Gate } from '../../host/stream/gate.ts';
import { Issuer } from '../edge/issuer.ts';
import { EdgeProcess } from '../play/edge-process.ts';
import { Random } from '../random.ts';
import { Peer } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const KILLS = numberFrom('EDGE_KILLS', 2000, 1);
const EVENTS = numberFrom('EDGE_EVENTS', 100_000, 1);
const JOINS = numberFrom('EDGE_JOINS', 3000, 1);
/** Lives of the service in a row during which the centre runs, and then does not. */
const STRETCH = 8;
/** One in so many lives is ended while the service starts, and in so many the centre is killed as well. */
const EARLY = 6;
const CENTRE_KILL = 4;
const KILL_MS_MAX = 250;
const MATCHES = 10;
const ROWS = 1000;
const SAMPLE_MS = 5;

const build = join(import.meta.dirname, '../../build');
mkdirSync(build, { recursive: true });
const folder = mkdtempSync(join(build, 'edge-'));
const random = new Random(12);
const choose = (below: number) => random.u32() % below;

/** A centre in a process of its own, at one port. */
class Centre {
  #child: ChildProcess | undefined;
  port = '0';

  async start(): Promise<void> {
    if (this.#child) return;
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'store/centre.ts'), join(folder, 'centre'), this.port],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#child = child;
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    this.port = /port (\d+)/.exec(chunk.toString())?.[1] ?? this.port;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

/** Times of `count` joins: token, policy, ticket, and the ticket redeemed. Each is of another player. */
async function measureJoins(gate: Gate, issuer: Issuer, { count, prefix }: { count: number; prefix: string }) {
  const times: number[] = [];
  const tickets = must(gate.tickets, 'tickets');
  for (let n = 0; n < count; n++) {
    const token = await issuer.token({ sub: `${prefix} ${n}` });
    const begun = performance.now();
    const pass = await gate.identify(token);
    const room = await gate.judge(pass, { kind: 'play', client: '192.0.2.1' });
    const { text } = await tickets.issue(tickets.createId(), pass, { room, seat: 1 });
    await tickets.redeem(text);
    times.push(performance.now() - begun);
  }
  return times;
}

function openEmbedded(issuer: Issuer): Promise<OpenedGate> {
  const config = { ...readConfig({}), admission: 'token', oidcIssuer: issuer.url, oidcAudience: 'games' };
  return openGate({ config, log: () => {}, meters: new Meters(), game });
}

const game = () => ({ id: 'arena', isRunning: true, players: 0, seats: 10 });

async function compareJoins(bench: Bench, issuer: Issuer, socket: string): Promise<void> {
  const embedded = await openEmbedded(issuer);
  const link = await linkEdge({ config: { ...readConfig({}), edgeSocket: socket }, log: () => {} });
  const remote = link.openGate({ log: () => {}, meters: new Meters(), game });
  for (const [name, gate] of [
    ['embedded', embedded],
    ['through the socket, with a store on the disk', remote],
  ] as const) {
    await measureJoins(gate, issuer, { count: 300, prefix: `warm ${name}` });
    bench.figure(`a join, ${name}`, 'ms', await measureJoins(gate, issuer, { count: JOINS, prefix: name }));
  }
  await link.close();
  await embedded.close();
}

/** Kills the service and the centre while a match runs. Returns the ids of all results in their order. */
async function killMany(bench: Bench, { edge, centre, issuer, socket }: Parts): Promise<string[]> {
  const config = { ...readConfig({}), port: 0, operatorPort: 0, edgeSocket: socket, edgeQueueMax: EVENTS };
  const host = await startHost({ modules: [ownModulePath('arena')], config, log: () => {} });
  const link = must(host.link, 'connection to the edge service');
  const room = must(host.lobby.rooms[0], 'room');
  const peer = new Peer();
  await peer.join(host.servers.players.url, { bearer: await issuer.token(), query: '?size=320x180&fps=30' });
  const ids: string[] = [];
  const gaps = { alive: [] as number[], dead: [] as number[] };
  let isDead = false;
  let last = { ticks: room.stats.ticks, at: performance.now() };
  const sampling = setInterval(() => {
    const { ticks } = room.stats;
    const now = performance.now();
    if (ticks === last.ticks) return;
    gaps[isDead ? 'dead' : 'alive'].push((now - last.at) / (ticks - last.ticks));
    last = { ticks, at: now };
  }, SAMPLE_MS);
  const quota = Math.ceil(EVENTS / KILLS);
  let [early, offline, centreKills] = [0, 0, 0];
  for (let kill = 0; kill < KILLS; kill++) {
    if (Math.floor(kill / STRETCH) % 2 === 0) await centre.start();
    else {
      offline++;
      await centre.kill();
    }
    const isEarly = choose(EARLY) === 0;
    if (isEarly) early++;
    else await edge.ready();
    isDead = isEarly;
    const ms = choose(KILL_MS_MAX);
    for (let n = 0; n < quota; n++) {
      const id = `r${ids.length}`;
      const origin = BigInt(ids.length % MATCHES);
      ids.push(id);
      link.record({ id, game: 'arena', origin, tick: ids.length, bytes: new Uint8Array(4) });
      if (n % 10 === 9) await sleep((ms * 10) / quota);
    }
    if (choose(CENTRE_KILL) === 0) {
      centreKills++;
      await centre.kill();
    }
    await edge.end('SIGKILL');
    isDead = true;
    edge.start();
    if ((kill + 1) % 100 === 0) bench.note(`${kill + 1} kills, ${link.figures().waiting} reports wait`);
  }
  await centre.start();
  while (link.figures().waiting > 0) await sleep(20);
  clearInterval(sampling);
  bench.value('kills of the service', '', KILLS);
  bench.value('of these while it started', '', early);
  bench.value('of these without a centre', '', offline);
  bench.value('kills of the centre', '', centreKills);
  bench.figure('time of a tick while the service lives', 'ms', gaps.alive);
  bench.figure('time of a tick while it is dead or starts', 'ms', gaps.dead);
  const none = { direction: 'at most', limit: 0, unit: '' } as const;
  const isPlaying = peer.peerState === 'connected' && host.lobby.rooms[0] === room && room.players === 1;
  bench.goal('matches that were interrupted', { ...none, value: isPlaying ? 0 : 1 });
  bench.goal('reports that the host has dropped', { ...none, value: link.figures().dropped });
  peer.close();
  await host.close();
  return ids;
}

interface Parts {
  edge: EdgeProcess;
  centre: Centre;
  issuer: Issuer;
  socket: string;
}

/** Compares what the centre has with what the host has recorded. */
async function compare(bench: Bench, ids: readonly string[]): Promise<void> {
  const rows: { id: string; subject: string; data: string }[] = [];
  const store = await openStore({
    folder: join(folder, 'centre'),
    bytesMax: 2 ** 30,
    log: (_, line) => bench.note(line),
  });
  for (let after = 0; ; ) {
    const found = await store.readInbox({ after, limit: ROWS });
    rows.push(...found.filter(({ subject }) => subject.startsWith('arena/')));
    const last = found.at(-1);
    if (!last) break;
    after = last.sequence;
  }
  await store.close();
  const arrived = new Set(rows.map(({ id }) => id));
  const newest = new Map<string, number>();
  let disordered = 0;
  for (const { subject, data } of rows) {
    const { tick } = JSON.parse(data) as { tick: number };
    if (tick <= (newest.get(subject) ?? -1)) disordered++;
    newest.set(subject, tick);
  }
  const none = { direction: 'at most', limit: 0, unit: '' } as const;
  bench.value('results recorded', '', ids.length);
  bench.goal('results that are lost', { ...none, value: ids.filter((id) => !arrived.has(id)).length });
  bench.goal('results that are doubled', { ...none, value: rows.length - arrived.size });
  bench.goal('results out of their order in a match', { ...none, value: disordered });
}

await benchmark('edge', async (bench) => {
  bench.machine({ kills: KILLS, events: EVENTS, joins: JOINS });
  const issuer = await Issuer.open();
  const centre = new Centre();
  await centre.start();
  const socket = join(folder, 'edge.sock');
  const edge = new EdgeProcess({
    EDGE_SOCKET: socket,
    STORE_DIR: join(folder, 'store'),
    ADMISSION: 'token',
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
    SINK_URL: `http://127.0.0.1:${centre.port}/`,
    SINK_BATCH_MAX: '100',
    SINK_EVENTS_PER_SECOND_MAX: '100000',
    SYNC_INTERVAL: '1s',
  });
  try {
    edge.start();
    await edge.ready();
    await compareJoins(bench, issuer, socket);
    const ids = await killMany(bench, { edge, centre, issuer, socket });
    await edge.ready();
    const drained = async () =>
      (await (await fetch(`${edge.operatorUrl}metrics`)).text()).includes('\nnearlight_outbox_waiting 0\n');
    // The figures of the service are two seconds old at most.
    for (let quiet = 0; quiet < 4; quiet = (await drained()) ? quiet + 1 : 0) await sleep(1000);
    await edge.end('SIGTERM');
    await centre.kill();
    await compare(bench, ids);
  } finally {
    await edge.end('SIGKILL');
    await centre.kill();
    await issuer.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
