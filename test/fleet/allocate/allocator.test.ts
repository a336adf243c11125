import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { at } from '../../at.ts';
import { ManualClock } from '../../room/fake.ts';
import { eventually } from '../../wait.ts';
import { StandInApi } from '../api.ts';
import { NAMESPACE, playersNamed, podNamed, Replica, reportFor, requestFor, reservedIn, seatsOf } from '../rig.ts';

const COLLECTION = `${NAMESPACE}/pods`;
const START = 1_800_000_000_000;

/** Starts a replica for some pods of four seats each on the node n1. Time stands still. */
async function start(names: readonly string[], more: ConstructorParameters<typeof Replica>[1] = {}) {
  const api = await StandInApi.open();
  for (const name of names) api.put(COLLECTION, podNamed(name, { uid: `${name}-uid` }));
  const clock = new ManualClock();
  const now = () => START + clock.now();
  const replica = await new Replica({ url: api.url }, { clock, now, ...more }).start();
  const report = (...pods: ReturnType<typeof reportFor>[]) => replica.servers.takeReport({ node: 'n1', pods });
  report(...names.map((name) => reportFor(`${name}-uid`)));
  replica.allocator.lead();
  clock.jump(3000);
  const ask = (count: number, request: Partial<ReturnType<typeof requestFor>> = {}) =>
    replica.allocator.allocate(
      requestFor(playersNamed(...['ada', 'bob', 'cleo', 'dan', 'eve'].slice(0, count)), request),
    );
  const reserved = (name: string) => [...reservedIn(api.get(COLLECTION, name)).values()];
  return { api, clock, replica, report, ask, reserved };
}

test('seats are in the pod before the answer, which has a ticket for each player', async () => {
  const { api, ask } = await start(['a']);
  const answer = seatsOf(await ask(2, { id: 'match-1' }));
  expect(answer).toMatchObject({
    id: 'match-1',
    address: 'http://a:8080/',
    region: 'here',
    server: { namespace: NAMESPACE, name: 'a', uid: 'a-uid' },
    validMs: 30_000,
  });
  const pod = api.get(COLLECTION, 'a');
  expect(reservedIn(pod)).toEqual(new Map([['match-1', 2]]));
  expect(pod?.metadata).toMatchObject({
    labels: { 'nearlight/state': 'allocated' },
    annotations: { 'controller.kubernetes.io/pod-deletion-cost': '2' },
  });
  expect(answer.tickets.map(({ player, ticket }) => [player, decodeJwt(ticket)])).toMatchObject([
    ['ada', { aud: 'a-uid', sub: 'ada', jti: 'match-1.0', reservation: 'match-1', index: 0, role: 'player' }],
    ['bob', { aud: 'a-uid', sub: 'bob', jti: 'match-1.1' }],
  ]);
});

test('groups fill one server after the other, and none is split', async () => {
  const { ask, reserved } = await start(['a', 'b', 'c']);
  for (const count of [3, 3, 1, 1, 2]) await ask(count);
  const all = ['a', 'b', 'c'].map((name) => reserved(name).reduce((sum, seats) => sum + seats, 0));
  expect(all.sort()).toEqual([2, 4, 4]);
  await expect(ask(3)).rejects.toThrow('NL_FLEET_FULL');
  await ask(2);
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
});

test('a request that is made again with its name has no further effect', async () => {
  const { api, ask, reserved } = await start(['a']);
  const [first, second] = await Promise.all([ask(2, { id: 'again' }), ask(2, { id: 'again' })]);
  const third = await ask(2, { id: 'again' });
  const ids = [first, second, third]
    .map((answer) => at(seatsOf(answer).tickets, 1))
    .map(({ ticket }) => decodeJwt(ticket).jti);
  expect(ids).toEqual(['again.1', 'again.1', 'again.1']);
  expect([reserved('a'), api.count('PATCH pods')]).toEqual([[2], 1]);
  await expect(ask(3, { id: 'again' })).rejects.toThrow('reservation again has 2 seats');
});

test('an answer that is lost on its way is found when the caller asks again', async () => {
  const { api, ask, reserved } = await start(['a']);
  api.faults.loseAnswers = true;
  await expect(ask(3, { id: 'lost' })).rejects.toThrow('NL_KUBE');
  api.faults.loseAnswers = false;
  const answer = seatsOf(await eventually(() => ask(3, { id: 'lost' })));
  expect([answer.server.name, reserved('a')]).toEqual(['a', [3]]);
});

test('a pod that another client has changed is read again, and what was there stays', async () => {
  const { api, ask, replica, reserved } = await start(['a', 'b']);
  const pod = podNamed('a', { labels: { team: 'red' } });
  const reservations = JSON.stringify([{ id: 'other', seats: 3, until: START + 60_000 }]);
  // The change is not known to the replica when it writes.
  const held = ask(2, { id: 'mine', constraints: { version: undefined, labels: {} } });
  api.put(COLLECTION, {
    ...pod,
    metadata: { ...pod.metadata, annotations: { 'nearlight/reservations': reservations } },
  });
  const answer = seatsOf(await held);
  expect(reserved(answer.server.name)).toContain(2);
  expect(reserved('a').reduce((sum, seats) => sum + seats, 0)).toBeLessThanOrEqual(4);
  expect(reservedIn(api.get(COLLECTION, 'a')).get('other')).toBe(3);
  expect(api.get(COLLECTION, 'a')?.metadata.labels).toMatchObject({ team: 'red' });
  expect(replica.servers.size).toBe(2);
});

test('many requests for one pod share few patches', async () => {
  const { api, report, ask, reserved } = await start(['a']);
  api.faults.latencyMs = 5;
  report(reportFor('a-uid', { all: 64 }));
  await Promise.all(Array.from({ length: 64 }, () => ask(1)));
  expect(reserved('a')).toHaveLength(64);
  expect(api.count('PATCH pods')).toBeLessThanOrEqual(3);
});

test('seats come back when a reservation has ended, and before then as its players leave', async () => {
  const { ask, clock, replica, report } = await start(['a']);
  await ask(4, { id: 'r' });
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  // All have come: their seats are taken, and no longer expected.
  report(reportFor('a-uid', { taken: 4, arrived: { r: 4 } }));
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  report(reportFor('a-uid', { taken: 2, arrived: { r: 4 } }));
  await ask(2, { id: 's' });
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  // No one of the second group comes. Its tickets end, and ten seconds later its seats are free.
  clock.jump(39_999);
  report(reportFor('a-uid', { taken: 2 }));
  replica.servers.tick();
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  clock.jump(1);
  replica.servers.tick();
  expect(seatsOf(await ask(2)).server.name).toBe('a');
});

test('a reservation that is released is free at once', async () => {
  const { ask, replica, reserved } = await start(['a']);
  await ask(4, { id: 'r' });
  await replica.allocator.release('r');
  expect(reserved('a')).toEqual([]);
  await expect(replica.allocator.release('r')).rejects.toThrow('NL_NOT_FOUND');
  await ask(4);
});

test('a node that does not report for four seconds gets no players, and a pod that it does not name neither', async () => {
  const { ask, clock, replica, report } = await start(['a', 'b']);
  clock.jump(999);
  await ask(1);
  clock.jump(1);
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  replica.servers.tick();
  expect(replica.servers.nodes).toMatchObject([{ name: 'n1', isLost: true }]);
  report(reportFor('b-uid'));
  expect(seatsOf(await ask(1)).server.name).toBe('b');
  // Another node cannot speak for a pod that is not its own.
  replica.servers.takeReport({ node: 'n2', pods: [reportFor('a-uid')] });
  await expect(ask(4)).rejects.toThrow('NL_FLEET_FULL');
});

test.each(['starting', 'draining', 'ended', 'full'] as const)('a server that is %s gets no players', async (state) => {
  const { ask, report } = await start(['a']);
  report(reportFor('a-uid', { state }));
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
});

test('pods that are closed by an operator or being deleted get no players, and come back', async () => {
  const { api, ask, replica } = await start(['a']);
  const change = (metadata: object) => {
    const pod = api.get(COLLECTION, 'a');
    if (pod) api.put(COLLECTION, { ...pod, metadata: { ...pod.metadata, ...metadata } });
  };
  const known = () => replica.servers.get('a-uid')?.pod.metadata;
  change({ annotations: { 'nearlight/closed': 'true' } });
  await eventually(() => expect(known()?.annotations).toHaveProperty('nearlight/closed'));
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  change({ annotations: {} });
  await eventually(() => expect(known()?.annotations).toEqual({}));
  await ask(1);
  change({ deletionTimestamp: '2027-01-15T08:00:00Z' });
  await eventually(() => expect(known()).toHaveProperty('deletionTimestamp'));
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  api.remove(COLLECTION, 'a');
  await eventually(() => expect(replica.servers.size).toBe(0));
});

test('versions and labels bind a request to some servers', async () => {
  const api = await StandInApi.open();
  const labels = { 'app.kubernetes.io/version': '2.1', mode: 'duel' };
  api.put(COLLECTION, podNamed('old', { uid: 'old', labels: { ...labels, 'app.kubernetes.io/version': '2.0' } }));
  api.put(COLLECTION, podNamed('new', { uid: 'new', labels }));
  const replica = await new Replica({ url: api.url }).start();
  replica.servers.takeReport({ node: 'n1', pods: [reportFor('old'), reportFor('new')] });
  const ask = (version: string | undefined, wanted: Record<string, string>) =>
    replica.allocator.allocate(requestFor(playersNamed('ada'), { constraints: { version, labels: wanted } }));
  expect(seatsOf(await ask('2.1', {})).server.name).toBe('new');
  expect(seatsOf(await ask('2.0', { mode: 'duel' })).server.name).toBe('old');
  await expect(ask('2.2', {})).rejects.toThrow('NL_FLEET_FULL');
  await expect(ask('2.1', { mode: 'raid' })).rejects.toThrow('NL_FLEET_FULL');
});

test('players go to a region that is near, or to the fleet of one; old measurements send them nowhere', async () => {
  const { ask, replica } = await start(['a'], { elsewhere: new Map([['there', 'https://there.example/']]) });
  replica.servers.setNodes([{ metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'west' } } }]);
  const from = (west: number, there: number, ageSeconds = 0) => {
    const latencies = [
      { region: 'west', ms: west, ageSeconds },
      { region: 'there', ms: there, ageSeconds },
    ];
    const [ada] = playersNamed('ada');
    return ask(1, { players: ada ? [{ ...ada, latencies }] : [] });
  };
  expect(await from(80, 5)).toMatchObject({ kind: 'seats', region: 'west' });
  expect(await from(81, 80)).toEqual({ kind: 'elsewhere', region: 'there', url: 'https://there.example/' });
  expect(await from(81, 81)).toMatchObject({ kind: 'seats', region: 'west' });
  expect(await from(500, 5, 301)).toMatchObject({ kind: 'seats', region: 'west' });
});

test('those who wait are served in their order, and a group before them keeps single players waiting', async () => {
  const { ask, replica, report, clock } = await start(['a']);
  report(reportFor('a-uid', { taken: 4 }));
  const first = await ask(3, { waits: true });
  clock.jump(1);
  const second = await ask(1, { waits: true });
  expect([first, second]).toMatchObject([
    { kind: 'queue', position: 1, askAfterMs: 1000 },
    { kind: 'queue', position: 2 },
  ]);
  const proof = (answer: typeof first) => (answer.kind === 'queue' ? answer.queue : undefined);
  report(reportFor('a-uid', { taken: 2 }));
  await replica.allocator.serveQueue();
  expect(await ask(1, { queue: proof(second) })).toMatchObject({ kind: 'queue', position: 2 });
  // A request that does not wait must not pass them either.
  await expect(ask(1)).rejects.toThrow('NL_FLEET_FULL');
  report(reportFor('a-uid', { taken: 0 }));
  await replica.allocator.serveQueue();
  expect(seatsOf(await ask(3, { queue: proof(first) })).tickets).toHaveLength(3);
  expect(seatsOf(await ask(1, { queue: proof(second) })).tickets).toHaveLength(1);
  await expect(ask(1, { queue: 'forged' })).rejects.toThrow('NL_FLEET_REQUEST');
});

test('the next leader finds the queue in the order in which it was, and serves it when all have asked', async () => {
  const { api, ask, report, clock, replica } = await start(['a']);
  report(reportFor('a-uid', { taken: 4 }));
  const proofs: (string | undefined)[] = [];
  for (let n = 0; n < 3; n++) {
    const answer = await ask(1, { waits: true });
    proofs.push(answer.kind === 'queue' ? answer.queue : undefined);
    clock.jump(10);
  }
  await replica.kill();
  const next = await new Replica({ url: api.url }, { clock, now: () => START + clock.now() }).start();
  next.allocator.lead();
  next.servers.takeReport({ node: 'n1', pods: [reportFor('a-uid', { taken: 2 })] });
  const again = (index: number) => next.allocator.allocate(requestFor(playersNamed('ada'), { queue: proofs[index] }));
  // The last one asks first, and no one is served before those before it could ask.
  await again(2);
  await next.allocator.serveQueue();
  expect(await again(2)).toMatchObject({ position: 1 });
  expect(await again(0)).toMatchObject({ position: 1 });
  expect(await again(1)).toMatchObject({ position: 2 });
  expect(await again(2)).toMatchObject({ position: 3 });
  clock.jump(2500);
  await next.allocator.serveQueue();
  expect([await again(0), await again(1), await again(2)]).toMatchObject([
    { kind: 'seats' },
    { kind: 'seats' },
    { kind: 'queue', position: 1 },
  ]);
});

test('a queue that is full refuses', async () => {
  const { ask, report } = await start(['a'], { queueMax: 1 });
  report(reportFor('a-uid', { taken: 4 }));
  const answer = await ask(1, { waits: true });
  await expect(ask(1, { waits: true })).rejects.toThrow('NL_FLEET_FULL');
  const queue = answer.kind === 'queue' ? answer.queue : undefined;
  expect(await ask(1, { queue })).toMatchObject({ position: 1 });
});
