/** A host that plays, and a real edge service in a process of its own, which is killed. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { HOST_MS_MAX } from '../../host/edge/link/protocol.ts';
import { createReceiver } from '../../host/edge/outbox/receiver.ts';
import { edgeSocket, startEdgeService } from '../../host/play/edge-service.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import { ownModulePath } from '../../host/play/project.ts';
import { Issuer } from '../edge/issuer.ts';
import { linkHost } from '../edge/link/service.ts';
import { openTestStore, temporaryFolder } from '../edge/store/stores.ts';
import { Random } from '../random.ts';
import { ManualClock } from '../room/fake.ts';
import { Peer } from '../stream/peer.ts';
import { eventually, sleep } from '../wait.ts';
import { EdgeProcess } from './edge-process.ts';

const KILLS = 4;
const KILL_MS_MAX = 300;
const RECORD_MS = 2;

let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());

function tokens(): Record<string, string> {
  return { ADMISSION: 'token', OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'games' };
}

async function startCentre() {
  const { store } = await openTestStore();
  const receive = createReceiver(store);
  const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { store, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

async function startPlaying(host: Host): Promise<Peer> {
  const peer = new Peer();
  onTestFinished(() => peer.close());
  const bearer = await issuer.token();
  await peer.join(host.servers.players.url, { bearer, query: '?size=320x180&fps=30' });
  await eventually(() => expect(peer.pictures).toBeGreaterThan(0));
  return peer;
}

test('kill -9 of the edge service at random points: the match goes on, and each result arrives once and in order', async () => {
  const random = new Random(12);
  const socket = join(temporaryFolder(), 'edge.sock');
  const centre = await startCentre();
  const edge = new EdgeProcess({
    ...tokens(),
    EDGE_SOCKET: socket,
    STORE_DIR: temporaryFolder(),
    SINK_URL: centre.url,
    SINK_BATCH_MAX: '1000',
    SINK_EVENTS_PER_SECOND_MAX: '100000',
    SYNC_INTERVAL: '1s',
  });
  onTestFinished(() => void edge.end('SIGKILL'));
  edge.start();
  await edge.ready();
  const config = { ...readConfig({}), port: 0, operatorPort: 0, edgeSocket: socket };
  const host = await startHost({ modules: [ownModulePath('arena')], config, log: () => {} });
  onTestFinished(() => host.close());
  const link = must(host.link, 'connection to the edge service');
  const room = must(host.lobby.rooms[0], 'room');
  const peer = await startPlaying(host);

  const ids: string[] = [];
  const timer = setInterval(() => {
    const id = `r${ids.length}`;
    ids.push(id);
    link.record({ id, game: 'arena', origin: 1n, tick: room.stats.ticks, bytes: new Uint8Array([ids.length & 255]) });
  }, RECORD_MS);
  onTestFinished(() => clearInterval(timer));
  for (let kill = 0; kill < KILLS; kill++) {
    // Every other life is cut short while the service starts.
    if (kill % 2 === 0) await edge.ready();
    await sleep(random.u32() % KILL_MS_MAX);
    await edge.end('SIGKILL');
    const [ticks, pictures] = [room.stats.ticks, peer.pictures];
    await eventually(() => expect(room.stats.ticks).toBeGreaterThan(ticks + 10));
    await eventually(() => expect(peer.pictures).toBeGreaterThan(pictures));
    if (kill === 0) {
      const stranger = new Peer();
      const join = stranger.join(host.servers.players.url, { bearer: await issuer.token({ sub: 'bob' }) });
      await expect(join).rejects.toThrow('503 {"code":"NL_EDGE"');
      stranger.close();
    }
    edge.start();
  }
  await edge.ready();
  clearInterval(timer);
  await eventually(() => expect(link.figures()).toMatchObject({ waiting: 0, dropped: 0, isUp: true }));
  const arrived: { id: string; subject: string; sequence: number }[] = [];
  await eventually(async () => {
    // An event that came twice leaves a gap in the sequence.
    const after = arrived.at(-1)?.sequence ?? 0;
    for (const event of await centre.store.readInbox({ after, limit: 1000 })) arrived.push(event);
    expect(arrived.filter(({ subject }) => subject === 'arena/1').map(({ id }) => id)).toEqual(ids);
  });
  expect([peer.peerState, host.lobby.rooms[0] === room, room.players]).toEqual(['connected', true, 1]);
  // New players come in again, and the session of the match was not ended meanwhile.
  const bob = new Peer();
  onTestFinished(() => bob.close());
  await bob.join(host.servers.players.url, { bearer: await issuer.token({ sub: 'bob' }) });
  expect(arrived.filter(({ subject }) => subject !== 'arena/1')).toEqual([]);
  const ready = await fetch(`${edge.operatorUrl}readyz`);
  expect(ready.status).toBe(200);
  const metrics = await (await fetch(`${edge.operatorUrl}metrics`)).text();
  expect(metrics).toContain('\nnearlight_edge_hosts 1\n');
  expect(metrics).toMatch(/nearlight_admission_decisions_total\{step="policy",code="ok"\} [1-9]/);
  expect(metrics).not.toContain('nearlight_seats{');
  const hostMetrics = await (await fetch(`${host.servers.operator.url}metrics`)).text();
  expect(hostMetrics).toContain('\nnearlight_edge_up 1\n');
  expect(await edge.end('SIGTERM')).toBe(0);
}, 120_000);

test('the service does not start unless it knows who may join and where its store is', async () => {
  const start = (env: Record<string, string>) =>
    startEdgeService({ config: readConfig({ OPERATOR_PORT: '0', ...env }), log: () => {} }, '/nowhere/edge.sock');
  await expect(start({ STORE_DIR: temporaryFolder() })).rejects.toThrow('the edge service has to know who may join');
  await expect(start({ ADMISSION: 'open' })).rejects.toThrow('set STORE_DIR');
  await expect(start({ ADMISSION: 'token', STORE_DIR: temporaryFolder() })).rejects.toThrow('OIDC_ISSUER');
});

test('a service that has just started waits for the hosts before it ends the sessions that none of them has', async () => {
  const clock = new ManualClock();
  const socket = join(temporaryFolder(), 'edge.sock');
  const config = readConfig({ OPERATOR_PORT: '0', ADMISSION: 'open', STORE_DIR: temporaryFolder() });
  const { edge, hosts, close } = await startEdgeService({ config, log: () => {}, clock }, socket);
  onTestFinished(close);
  const startedAt = Date.now() - 2 * HOST_MS_MAX;
  for (const id of ['running', 'left']) await edge.store.startSession({ id, game: 'arena', startedAt, local: false });
  const reasonOf = async (id: string) => (await edge.store.getSession({ id }))?.reason;
  const host = randomUUID();
  for (let passed = 0; passed < HOST_MS_MAX; passed += 2000) {
    hosts.begin(host, 'running');
    expect(await reasonOf('left')).toBeUndefined();
    await clock.pass(2000);
  }
  // The service waits for its store between two looks, so the clock has to go on.
  const becomesLost = (id: string, tend = () => {}) =>
    eventually(async () => {
      tend();
      await clock.pass(2000);
      expect(await reasonOf(id)).toBe('lost');
    });
  await becomesLost('left', () => hosts.begin(host, 'running'));
  expect(await reasonOf('running')).toBeUndefined();
  // The host dies, too.
  await becomesLost('running');
});

test('an operator injects faults into a service with CHAOS=on, and its file of rules reaches the hosts', async () => {
  const folder = temporaryFolder();
  const [socket, file] = [join(folder, 'run/edge.sock'), join(folder, 'rules.json')];
  writeFileSync(file, '{"ticket":{"concurrent":7},"centre":{"perSecond":9}}');
  const env = {
    OPERATOR_PORT: '0',
    ADMISSION: 'open',
    STORE_DIR: join(folder, 'store'),
    CHAOS: 'on',
    ENDPOINT_RULES: file,
  };
  const { operator, close } = await startEdgeService({ config: readConfig(env), log: () => {} }, socket);
  onTestFinished(close);
  const { edge } = await linkHost(socket);
  expect(edge.link.terms?.rules).toMatchObject({ ticket: { concurrent: 7 } });
  expect(edge.link.terms?.rules).not.toHaveProperty('centre');
  const faults = (method: string, body?: object) =>
    fetch(`${operator.url}faults`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
  expect((await faults('PUT', { faults: [{ place: 'requests', kind: 'error', seconds: 600 }] })).status).toBe(200);
  edge.link.renew();
  await eventually(() => expect(edge.link.isUp).toBe(false));
  const metrics = await (await fetch(`${operator.url}metrics`)).text();
  expect(metrics).toContain('nearlight_faults_active{place="requests",kind="error"} 1\n');
  expect(metrics).toContain('nearlight_pressure_high{fingerprint="results"} 0\n');
  await faults('DELETE');
  await eventually(() => expect(edge.link.isUp).toBe(true));
});

test('the socket is where EDGE_SOCKET says, or in the folder of the user', () => {
  expect(edgeSocket({ edgeSocket: '/a/b' }, { XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/a/b');
  expect(edgeSocket({ edgeSocket: '' }, { XDG_RUNTIME_DIR: '/run/user/7' })).toBe(
    '/run/user/7/nearlight-edge/edge.sock',
  );
});
