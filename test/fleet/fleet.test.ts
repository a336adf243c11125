/** Replicas of the fleet with their servers, their election and a real issuer's tokens, on a stand-in for the API. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Config, readConfig } from '../../host/base/config.ts';
import { createSigningKey, publicKeyOf } from '../../host/fleet/allocate/tickets.ts';
import { type Fleet, startFleet } from '../../host/fleet/fleet.ts';
import { SERVICE } from '../../host/fleet/scale/keda-messages.ts';
import { Issuer } from '../edge/issuer.ts';
import { temporaryFolder } from '../edge/store/stores.ts';
import { eventually } from '../wait.ts';
import { StandInApi } from './api.ts';
import { NAMESPACE, podNamed, reportFor, reservedIn } from './rig.ts';

const NODE_TOKEN = 'a-secret-of-the-nodes';
const PEM = createSigningKey();
const COLLECTION = `${NAMESPACE}/pods`;

let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());

async function startReplica(api: StandInApi, settings: Partial<Config> = {}): Promise<Fleet> {
  const fleetKeyFile = join(temporaryFolder(), 'key.pem');
  writeFileSync(fleetKeyFile, PEM);
  const config = {
    ...readConfig({}),
    fleetPort: 0,
    operatorPort: 0,
    fleetKeyFile,
    fleetNamespace: NAMESPACE,
    fleetNodeToken: NODE_TOKEN,
    oidcIssuer: issuer.url,
    oidcAudience: 'games',
    ...settings,
  };
  const fleet = await startFleet({ config, log: () => {}, access: { url: api.url } });
  onTestFinished(() => fleet.close());
  return fleet;
}

interface Asked {
  body?: object | string;
  bearer?: string | undefined;
  method?: string;
}

async function ask(
  url: string,
  path: string,
  { body, bearer, method = body === undefined ? 'GET' : 'POST' }: Asked = {},
) {
  const response = await fetch(new URL(path, url), {
    method,
    redirect: 'manual',
    headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const REQUEST = { game: 'arena', players: [{ id: 'ada' }] };

/** Starts a fleet that leads a cluster with one pod. */
async function startLeader(settings: Partial<Config> = {}) {
  const api = await StandInApi.open();
  api.put(COLLECTION, podNamed('p1', { uid: 'u1' }));
  const fleet = await startReplica(api, settings);
  await eventually(() => expect([fleet.election.leads, fleet.servers.size]).toEqual([true, 1]));
  const { url } = fleet.server;
  const report = (...pods: object[]) => ask(url, 'v1/nodes/n1', { bearer: NODE_TOKEN, body: { node: 'n1', pods } });
  const as = (role: string) => issuer.token({ role });
  return { api, fleet, url, report, as };
}

test('who may do what follows from the role in the token', async () => {
  const { url, report, as } = await startLeader();
  expect(await report(reportFor('u1'))).toMatchObject({ status: 200 });
  const status = async (role: string | undefined, path: string, asked: Asked = {}) =>
    (await ask(url, path, { ...asked, ...(role === undefined ? {} : { bearer: await as(role) }) })).status;
  const calls: [path: string, asked: Asked, allowed: string[]][] = [
    ['v1/allocate', { body: REQUEST }, ['operator', 'matchmaker']],
    ['v1/sessions', {}, ['operator', 'matchmaker', 'viewer']],
    ['v1/nodes', {}, ['operator', 'viewer']],
    ['v1/servers/p1/open', { body: '' }, ['operator']],
    ['v1/nodes/n1', { body: { node: 'n1', pods: [] } }, []],
  ];
  for (const [path, asked, allowed] of calls) {
    await report(reportFor('u1'));
    for (const role of ['operator', 'matchmaker', 'viewer', 'player'])
      expect([path, role, await status(role, path, asked)]).toEqual([
        path,
        role,
        allowed.includes(role) ? 200 : path === 'v1/nodes/n1' ? 401 : 403,
      ]);
    expect(await status(undefined, path, asked)).toBe(401);
  }
  expect(await ask(url, 'v1/nodes', { bearer: await issuer.token({ role: ['viewer', 'operator'] }) })).toMatchObject({
    status: 200,
  });
  expect(await ask(url, 'v1/nodes', { bearer: 'x' })).toMatchObject({ status: 401, body: { code: 'NL_TOKEN' } });
  expect(await ask(url, 'v1/nodes/n1', { bearer: `${NODE_TOKEN}x`, body: {} })).toMatchObject({ status: 401 });
});

test('seats are given, listed and released', async () => {
  const { api, url, report, as } = await startLeader();
  await report(reportFor('u1', { measures: { frameP99Ms: 12 } }));
  const bearer = await as('matchmaker');
  const given = await ask(url, 'v1/allocate', { bearer, body: { ...REQUEST, id: 'm1' } });
  expect(given).toMatchObject({ status: 200, body: { id: 'm1', address: 'http://10.0.0.1:8080/', region: 'local' } });
  expect(given.body).not.toHaveProperty('kind');
  expect((await ask(url, 'v1/sessions?game=arena', { bearer })).body).toMatchObject({
    waiting: 0,
    sessions: [
      {
        uid: 'u1',
        pod: 'p1',
        state: 'allocated',
        seats: { all: 4, taken: 0, free: 3, expected: 1 },
        reservations: [{ id: 'm1', seats: 1 }],
        measures: { frameP99Ms: 12 },
      },
    ],
  });
  expect((await ask(url, 'v1/sessions?game=chess', { bearer })).body).toEqual({ sessions: [], waiting: 0 });
  expect((await ask(url, 'v1/sessions?after=u1', { bearer })).body).toMatchObject({ sessions: [] });
  expect(await ask(url, 'v1/allocations/m1', { bearer, method: 'DELETE' })).toMatchObject({ status: 200 });
  expect(reservedIn(api.get(COLLECTION, 'p1')).size).toBe(0);
  expect(await ask(url, 'v1/allocations/m1', { bearer, method: 'DELETE' })).toMatchObject({ status: 404 });
  await eventually(() => expect(api.get(COLLECTION, 'p1')?.metadata.labels).toEqual({ 'nearlight/state': 'ready' }));
});

test('an operator closes a server and opens it again', async () => {
  const { url, report, as } = await startLeader();
  await report(reportFor('u1'));
  const bearer = await as('operator');
  expect(await ask(url, 'v1/servers/p1/close', { bearer, body: '' })).toMatchObject({ status: 200 });
  const refused = await ask(url, 'v1/allocate', { bearer, body: REQUEST });
  expect(refused).toMatchObject({ status: 503, body: { code: 'NL_FLEET_FULL' } });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await ask(url, 'v1/sessions', { bearer })).body).toMatchObject({ sessions: [{ isClosed: true }] });
  await ask(url, 'v1/servers/p1/open', { bearer, body: '' });
  expect(await ask(url, 'v1/allocate', { bearer, body: REQUEST })).toMatchObject({ status: 200 });
  expect(await ask(url, 'v1/servers/p9/close', { bearer, body: '' })).toMatchObject({ status: 404 });
});

test('a place in the queue, a redirect to another region, and requests that cannot be read', async () => {
  const { url, report, as } = await startLeader({ fleetRegions: 'there=https://there.example/fleet' });
  await report(reportFor('u1', { taken: 4 }));
  const bearer = await as('matchmaker');
  const queued = await ask(url, 'v1/allocate', { bearer, body: { ...REQUEST, wait: true } });
  expect(queued).toMatchObject({ status: 202, body: { position: 1, askAfterMs: 1000 } });
  const again = { ...REQUEST, queue: (queued.body as { queue: string }).queue };
  const served = await eventually(async () => {
    await report(reportFor('u1'));
    const answer = await ask(url, 'v1/allocate', { bearer, body: again });
    expect(answer.status).toBe(200);
    return answer;
  });
  expect(served.body).toMatchObject({ server: { name: 'p1' } });
  const latencies = [{ region: 'there', ms: 10 }];
  const redirected = await ask(url, 'v1/allocate', { bearer, body: { ...REQUEST, latencies } });
  expect([redirected.status, redirected.headers.get('location')]).toEqual([
    307,
    'https://there.example/fleet/v1/allocate',
  ]);
  for (const body of ['{', '[]', '{"game":"arena"}', `{"game":"${'x'.repeat(300_000)}"}`])
    expect(await ask(url, 'v1/allocate', { bearer, body })).toMatchObject({
      status: 400,
      body: { code: 'NL_FLEET_REQUEST' },
    });
  expect(await ask(url, 'v1/allocate', { bearer })).toMatchObject({ status: 405 });
  expect(await ask(url, 'v2/allocate', { bearer })).toMatchObject({ status: 404 });
});

test('pages measure how far away the fleet is, and everyone may have its public key', async () => {
  const { url } = await startLeader({ fleetRegions: 'there=https://there.example/' });
  const ping = await ask(url, 'v1/ping');
  expect([ping.status, ping.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
  expect((await ask(url, 'v1/regions')).body).toEqual({
    region: 'local',
    elsewhere: [{ region: 'there', url: 'https://there.example/' }],
  });
  expect((await ask(url, 'v1/keys')).body).toMatchObject({
    keys: [{ kty: 'OKP', crv: 'Ed25519', x: publicKeyOf(PEM) }],
  });
});

test('a replica that does not lead passes requests on, and takes over from one that ends', async () => {
  const { api, fleet, report, as } = await startLeader();
  const second = await startReplica(api);
  const bearer = await as('matchmaker');
  await eventually(() => expect(second.election.leader).toBeDefined());
  await report(reportFor('u1'));
  expect(second.election.leads).toBe(false);
  const given = await ask(second.server.url, 'v1/allocate', { bearer, body: { ...REQUEST, id: 'm1' } });
  expect(given).toMatchObject({ status: 200, body: { id: 'm1' } });
  expect(await ask(second.server.url, 'v1/allocate', { body: REQUEST })).toMatchObject({ status: 401 });
  const ready = await fetch(`${second.operator.url}readyz`);
  expect(ready.status).toBe(200);
  await fleet.close();
  await eventually(() => expect(second.election.leads).toBe(true));
  await ask(second.server.url, 'v1/nodes/n1', {
    bearer: NODE_TOKEN,
    body: { node: 'n1', pods: [reportFor('u1', { all: 1 })] },
  });
  // The second one knows the seats that the first has given: it answers the same request alike, and sells the seat to no one else.
  expect(await ask(second.server.url, 'v1/allocate', { bearer, body: { ...REQUEST, id: 'm1' } })).toMatchObject({
    status: 200,
  });
  expect(await ask(second.server.url, 'v1/allocate', { bearer, body: REQUEST })).toMatchObject({ status: 503 });
  const metrics = await (await fetch(`${second.operator.url}metrics`)).text();
  expect(metrics).toContain('\nnearlight_fleet_leads 1\n');
  expect(metrics).toContain('\nnearlight_fleet_servers{state="full"} 1\n');
  expect(metrics).toContain('\nnearlight_fleet_lists_total{kind="pods"} 1\n');
});

test('the fleet says how many servers a game needs, by the reports of its nodes and by those who wait', async () => {
  const scalePolicies = join(temporaryFolder(), 'policies.json');
  const policy = { namespace: NAMESPACE, game: 'arena', min: 0, seatsPerServer: 4, buffer: { seats: 1 } };
  writeFileSync(scalePolicies, JSON.stringify([policy]));
  const settings = { scalePolicies, scaleKedaHost: '127.0.0.1', scaleKedaPort: 0 };
  const { api, fleet, url, report, as } = await startLeader(settings);
  const labels = { 'app.kubernetes.io/name': 'arena' };
  for (const uid of ['u2', 'u3']) api.put(COLLECTION, podNamed(`p-${uid}`, { uid, labels }));
  await eventually(() => expect(fleet.servers.size).toBe(3));
  const wanted = async () => {
    fleet.scaling?.scaler.look();
    const client = new grpc.Client(`127.0.0.1:${fleet.scaling?.kedaPort}`, grpc.credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = SERVICE.getMetrics;
    const scaledObjectRef = { name: 'arena', namespace: NAMESPACE, scalerMetadata: { game: 'arena' } };
    const request = { scaledObjectRef, metricName: 'nearlight_servers_wanted' };
    const value = await new Promise<number | undefined>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, reply) =>
        error ? reject(error) : resolve(reply?.metricValues[0]?.metricValue),
      );
    });
    client.close();
    return value;
  };
  await report(reportFor('u2', { taken: 4 }), reportFor('u3', { taken: 2 }));
  // Six players and a free seat need two servers with four seats each.
  expect(await wanted()).toBe(2);
  await report(reportFor('u2', { taken: 4 }), reportFor('u3', { taken: 4 }));
  expect(await wanted()).toBe(3);
  const players = Array.from({ length: 5 }, (_, player) => ({ id: `player${player}` }));
  const asked = { game: 'arena', players, wait: true, id: 'waits' };
  expect(await ask(url, 'v1/allocate', { bearer: await as('matchmaker'), body: asked })).toMatchObject({ status: 202 });
  expect(await wanted()).toBe(4);
});
