// Services dead, slow and lying while a match runs: what new players see, how the match goes on, and the time until all is well again.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import type { DependencyName } from '../../host/base/dependencies.ts';
import { createReceiver } from '../../host/edge/outbox/receiver.ts';
import { openStore } from '../../host/edge/store/store.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import { ownModulePath } from '../../host/play/project.ts';
import { NatsServer } from '../edge/bus/nats-server.ts';
import { eventOf } from '../edge/store/events.ts';
import { type Fault, FaultyServer, HTML, says } from '../play/dependencies/faults.ts';
import { serveAsOpa } from '../play/dependencies/opa.ts';
import { AUDIENCE, provideTokens } from '../play/dependencies/token-provider.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

/** For how long each service is broken. */
const BROKEN_SECONDS = numberFrom('BROKEN_SECONDS', 6, 1);
/** The keys of the issuer live shorter than that here, so that the end of their life shows. A host fetches them every 5 s at most. */
const KEYS_SECONDS = 6;
/** A server that is stopped shows only when it has not answered three pings. */
const STOPPED_SECONDS = BROKEN_SECONDS + 5;
/** The match is measured for this long before each fault, because other programs may come and go. */
const CONTROL_MS = 2000;
const ATTEMPT_MS = 400;
const LOOK_MS = 50;
const GIVE_UP_MS = 30_000;
const RECOVERY_S = 10;
/** Part of the pictures that the match must get while a service is broken. */
const PICTURES_PART = 0.9;

interface Case {
  service: DependencyName;
  fault: string;
  seconds?: number;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

interface Result {
  /** Number of new players, and of new spectators, whose pages got each answer: `in`, or a code. */
  players: Map<string, number>;
  watchers: Map<string, number>;
  picturesPerSecond: number;
  /** The same as part of those right before the fault. */
  picturesPart: number;
  recoveryS: number;
}

/** The host with its match, and the ways to look at it. */
interface Scene {
  host: Host;
  peer: Peer;
  token: string;
  /** Number of the next event. */
  next: number;
}

async function ask({ host, token }: Scene, query = ''): Promise<string> {
  const response = await fetch(`${host.servers.players.url}whep/ticket${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  const { code = 'in' } = (await response.json()) as { code?: string };
  return code;
}

function count(codes: Map<string, number>, code: string): void {
  codes.set(code, (codes.get(code) ?? 0) + 1);
}

/** Whether the host says that everything about a service is well. */
async function isWell(scene: Scene, service: DependencyName): Promise<boolean> {
  const { edge, servers } = scene.host;
  if (service === 'centre') return (await must(edge, 'store').store.countOutbox({})).waiting === 0;
  if (service !== 'nats') return (await ask(scene)) === 'in';
  const metrics = await (await fetch(`${servers.operator.url}metrics`)).text();
  return metrics.includes('nearlight_dependency_state{dependency="nats",state="closed"} 1\n');
}

async function measurePictures({ peer }: Scene, work: () => Promise<unknown>): Promise<number> {
  const [before, begun] = [peer.pictures, performance.now()];
  await work();
  const perSecond = ((peer.pictures - before) / (performance.now() - begun)) * 1000;
  peer.packets.length = 0;
  return perSecond;
}

async function tryOne(scene: Scene, { service, seconds = BROKEN_SECONDS, begin, end }: Case): Promise<Result> {
  const [players, watchers] = [new Map<string, number>(), new Map<string, number>()];
  const usual = await measurePictures(scene, () => sleep(CONTROL_MS));
  await begin();
  const picturesPerSecond = await measurePictures(scene, async () => {
    for (const over = performance.now() + seconds * 1000; performance.now() < over; await sleep(ATTEMPT_MS)) {
      await scene.host.edge?.store.addEvent({ ...eventOf(`event ${scene.next++}`), time: Date.now() });
      const [player, watcher] = await Promise.all([ask(scene), ask(scene, '?watch')]);
      count(players, player);
      count(watchers, watcher);
    }
  });
  await end();
  const mendedAt = performance.now();
  const pauseMs = service === 'issuer' || service === 'opa' ? ATTEMPT_MS : LOOK_MS;
  while (!(await isWell(scene, service)) && performance.now() - mendedAt < GIVE_UP_MS) await sleep(pauseMs);
  const recoveryS = (performance.now() - mendedAt) / 1000;
  return { players, watchers, picturesPerSecond, picturesPart: picturesPerSecond / usual, recoveryS };
}

function casesOf(service: DependencyName, server: FaultyServer, lies: Record<string, Fault>): Case[] {
  const faults: Record<string, Fault> = { dead: 'dead', slow: 'slow', ...lies };
  return Object.entries(faults).map(([fault, kind]) => ({
    service,
    fault,
    begin: () => server.break(kind),
    end: () => server.mend(),
  }));
}

function natsCases(server: NatsServer): Case[] {
  const web = createServer((socket) => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 200 OK\r\n\r\n<!doctype html><title>Sign in</title>\r\n', () => socket.destroy());
  });
  const signal = async (name: NodeJS.Signals) => process.kill(must(server.pid, 'process'), name);
  return [
    { service: 'nats', fault: 'dead', begin: () => server.kill(), end: () => server.start() },
    {
      service: 'nats',
      fault: 'slow: it is stopped',
      seconds: STOPPED_SECONDS,
      begin: () => signal('SIGSTOP'),
      end: () => signal('SIGCONT'),
    },
    {
      service: 'nats',
      fault: 'lying: a web server at its port',
      async begin() {
        await server.kill();
        web.listen(Number(new URL(server.url).port), '127.0.0.1');
        await once(web, 'listening');
      },
      async end() {
        web.close();
        await once(web, 'close');
        await server.start();
      },
    },
  ];
}

function row(...cells: readonly string[]): string {
  const widths = [8, 34, 34, 24, 12, 10];
  return cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join('  ')
    .trimEnd();
}

const listed = (codes: Map<string, number>) => [...codes].map(([code, times]) => `${code} x${times}`).join(', ');

async function run(bench: Bench): Promise<void> {
  const [issuer, opa, centre] = await Promise.all([FaultyServer.open(), FaultyServer.open(), FaultyServer.open()]);
  const provider = await provideTokens(issuer, ['player']);
  await serveAsOpa(opa);
  const kept = await openStore({ folder: undefined, bytesMax: 2 ** 28, log: () => {} });
  const receive = createReceiver(kept);
  centre.serve = (request, response) => void receive(request, response);
  const nats = new NatsServer();
  await nats.start();
  const storeDir = mkdtempSync(join(tmpdir(), 'nearlight-dependencies-'));
  const config = {
    ...readConfig({ TICKET_MS_MAX: '2000', SYNC_INTERVAL: '1s' }),
    port: 0,
    operatorPort: 0,
    // Requests of proxies are not paced.
    trustedProxies: '127.0.0.1',
    admission: 'token',
    oidcIssuer: issuer.url,
    oidcAudience: AUDIENCE,
    issuerMsMax: 1000,
    keysRefreshSeconds: 1,
    keysSecondsMax: KEYS_SECONDS,
    accountSeatsMax: 1000,
    accountJoinsPerSecondMax: 1000,
    addressSeatsMax: 1000,
    addressOffersPerSecondMax: 1000,
    offersPerSecondMax: 1000,
    opaUrl: opa.url,
    natsUrl: nats.url,
    sinkUrl: `${centre.url}/events`,
    sinkMsMax: 1000,
    storeDir,
  };
  const token = await provider.token('player');
  const host = await startHost({ modules: [ownModulePath('arena')], config, log: () => {} });
  const peer = new Peer();
  await peer.join(host.servers.players.url, { query: '?size=320x180&fps=30', bearer: token });
  peer.beat();
  await until(() => peer.pictures > 0, 'a picture');
  const scene: Scene = { host, peer, token, next: 0 };
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = { keys: [{ ...provider.jwk, ...(await exportJWK(publicKey)) }] };
  const found = { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
  const wrongKeys: Fault = (request, response) => says(request.url === '/jwks' ? keys : found)(request, response);
  const cases = [
    ...casesOf('issuer', issuer, { 'lying: a page of HTML': HTML, 'lying: wrong keys': wrongKeys }),
    ...casesOf('opa', opa, { 'lying: a page of HTML': HTML, 'lying: no decision': says({}) }),
    ...natsCases(nats),
    ...casesOf('centre', centre, { 'lying: a page of HTML, status 200': HTML }),
  ];
  bench.note(row('service', 'fault', 'pages of new players', 'of new spectators', 'pictures/s', 'back after'));
  const results: Result[] = [];
  for (const each of cases) {
    const result = await tryOne(scene, each);
    results.push(result);
    const { players, watchers, picturesPerSecond, recoveryS } = result;
    const figures = [picturesPerSecond.toFixed(1), `${recoveryS.toFixed(2)} s`];
    bench.note(row(each.service, each.fault, listed(players), listed(watchers), ...figures));
  }
  const ids = (await readAll(kept)).map(({ id }) => id).filter((id) => id.startsWith('event '));
  bench.figure(
    'recovery after a service is back',
    's',
    results.map(({ recoveryS }) => recoveryS),
  );
  const atMost = (name: string, limit: number, value: number, unit: string) =>
    bench.goal(name, { direction: 'at most', limit, value, unit });
  atMost('longest recovery', RECOVERY_S, Math.max(...results.map(({ recoveryS }) => recoveryS)), 's');
  atMost('events lost', 0, scene.next - ids.length, '');
  bench.goal('fewest pictures of the match while a service was broken, part of those before', {
    direction: 'at least',
    limit: PICTURES_PART,
    value: Math.min(...results.map(({ picturesPart }) => picturesPart)),
    unit: '',
  });
  peer.close();
  await host.close();
  await kept.close();
  await nats.close();
  for (const server of [issuer, opa, centre]) await server.close();
  rmSync(storeDir, { recursive: true });
}

async function readAll(store: Awaited<ReturnType<typeof openStore>>): Promise<{ id: string }[]> {
  const all: { id: string }[] = [];
  for (let after = 0; ; ) {
    const page = await store.readInbox({ after, limit: 1000 });
    all.push(...page);
    const last = page.at(-1);
    if (!last) return all;
    after = last.sequence;
  }
}

await benchmark('dependencies', run);
