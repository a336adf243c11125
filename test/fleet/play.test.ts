/** Real processes of the fleet, of the edge service of a node and of a host, and players whose tickets come from the fleet. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startHostProcess } from '../e2e/host.ts';
import { Issuer } from '../edge/issuer.ts';
import { temporaryFolder } from '../edge/store/stores.ts';
import { EdgeProcess } from '../play/edge-process.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { StandInApi } from './api.ts';
import { FleetProcess } from './fleet-process.ts';
import { NAMESPACE, podNamed, reservedIn } from './rig.ts';

const UID = 'c0ffee00-0000-4000-8000-000000000001';
const COLLECTION = `${NAMESPACE}/pods`;
const NODE_TOKEN = 'a-secret-of-the-nodes';
const QUERY = '?size=160x90&fps=10';

interface Given {
  address: string;
  tickets: { player: string; ticket: string }[];
}

async function startAll() {
  const issuer = await Issuer.open();
  onTestFinished(() => issuer.close());
  const api = await StandInApi.open();
  const key = join(temporaryFolder(), 'fleet.pem');
  const program = [join(import.meta.dirname, '../../host/cli/main.ts'), 'fleet', '--key', key];
  const publicKey = execFileSync(process.execPath, program, { encoding: 'utf8' }).trim();
  expect([publicKey.length, statSync(key).mode & 0o777]).toEqual([43, 0o600]);
  const fleet = new FleetProcess({
    KUBE_URL: api.url,
    FLEET_NAMESPACE: NAMESPACE,
    FLEET_KEY_FILE: key,
    FLEET_NODE_TOKEN: NODE_TOKEN,
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
  });
  onTestFinished(() => void fleet.end('SIGKILL'));
  await fleet.start();
  const socket = join(temporaryFolder(), 'edge.sock');
  const edge = new EdgeProcess({
    ADMISSION: 'open',
    EDGE_SOCKET: socket,
    STORE_DIR: temporaryFolder(),
    FLEET_URL: fleet.url,
    FLEET_NODE_TOKEN: NODE_TOKEN,
    NODE_NAME: 'n1',
  });
  onTestFinished(() => void edge.end('SIGKILL'));
  edge.start();
  await edge.ready();
  const settings = { EDGE_SOCKET: socket, POD_UID: UID, FLEET_KEYS: publicKey, MAX_PLAYERS: '4' };
  const host = await startHostProcess(['build/arena.wasm'], settings);
  onTestFinished(async () => void (await host.stop()));
  const annotations = { 'nearlight/address': host.url };
  api.put(COLLECTION, podNamed('p1', { uid: UID, annotations }));
  const bearer = await issuer.token({ role: 'matchmaker' });
  const ask = async (path: string, body?: object) => {
    const response = await fetch(new URL(path, fleet.url), {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${bearer}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: await response.json() };
  };
  const allocate = async (players: string[], more: object = {}) => {
    const answer = await ask('v1/allocate', { game: 'arena', players: players.map((id) => ({ id })), ...more });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return answer.body as Given;
  };
  const come = async (given: Given, index: number) => {
    const peer = new Peer();
    onTestFinished(() => peer.close());
    const ticket = given.tickets[index]?.ticket ?? '';
    await peer.join(given.address, { query: QUERY, tokens: 'new', bearer: ticket });
    return peer;
  };
  const seats = async () => {
    const { sessions } = (await ask('v1/sessions')).body as { sessions: { seats: Record<string, number> }[] };
    return sessions[0]?.seats;
  };
  return { api, fleet, edge, host, allocate, join: come, seats };
}

test('the fleet gives seats of a host, whose players come with its tickets, and forgets nothing when it is killed', async () => {
  const { api, fleet, host, allocate, join: come, seats } = await startAll();
  const first = await eventually(() => allocate(['ada', 'bob'], { id: 'first' }));
  expect(first.address).toBe(host.url);
  const ada = await come(first, 0);
  await eventually(() => expect(ada.pictures).toBeGreaterThan(0));
  await expect(come(first, 0)).rejects.toThrow('401 {"code":"NL_TICKET"');
  await expect(come({ ...first, tickets: [] }, 0)).rejects.toThrow('NL_TICKET');
  const forged = (first.tickets[1]?.ticket ?? '').replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  await expect(come({ ...first, tickets: [{ player: 'bob', ticket: forged }] }, 0)).rejects.toThrow('NL_TICKET');
  // Ada's seat is taken, and Bob is still expected.
  await eventually(async () => expect(await seats()).toMatchObject({ all: 4, taken: 1, expected: 1, free: 2 }));

  await fleet.end('SIGKILL');
  await fleet.start();
  // The next leader knows nothing but the pods, and reads the reservation there.
  const again = await eventually(() => allocate(['ada', 'bob'], { id: 'first' }));
  expect(reservedIn(api.get(COLLECTION, 'p1'))).toEqual(new Map([['first', 2]]));
  await expect(come(again, 0)).rejects.toThrow('NL_TICKET');
  const bob = await come(again, 1);
  await eventually(async () => expect(await seats()).toMatchObject({ taken: 2, expected: 0, free: 2 }));
  await expect(allocate(['cleo', 'dan', 'eve'])).rejects.toThrow('NL_FLEET_FULL');
  const second = await allocate(['cleo', 'dan']);
  await expect(allocate(['eve'])).rejects.toThrow('NL_FLEET_FULL');
  await come(second, 0);
  await come(second, 1);
  await eventually(() =>
    expect(api.get(COLLECTION, 'p1')?.metadata).toMatchObject({
      labels: { 'nearlight/state': 'full' },
      annotations: { 'controller.kubernetes.io/pod-deletion-cost': '4' },
    }),
  );
  await bob.leave();
  await eventually(async () => expect(await seats()).toMatchObject({ taken: 3, free: 1 }));
  // A player who loses the line comes back without a ticket.
  ada.close();
  const back = new Peer();
  onTestFinished(() => back.close());
  await back.join(host.url, { query: QUERY, tokens: ada.token });
  expect(await fleet.end('SIGTERM')).toBe(0);
}, 120_000);
