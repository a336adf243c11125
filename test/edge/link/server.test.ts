/** A host and an edge service with a real socket, a real gate and a real store. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { INJECTED, type Strike } from '../../../host/base/faults.ts';
import { NO_SPAN, type Span, type Tracer } from '../../../host/base/trace.ts';
import { inSpan } from '../../../host/base/trace-context.ts';
import { createDependencies } from '../../../host/edge/dependencies/dependencies.ts';
import { parseRules } from '../../../host/edge/dependencies/rule-file.ts';
import { EdgeClient } from '../../../host/edge/link/client.ts';
import { BODY_BYTES_MAX, REPORT_BYTES_MAX } from '../../../host/edge/link/protocol.ts';
import { Limit } from '../../../host/edge/protection/limit.ts';
import { SAVE_BYTES_MAX } from '../../../host/edge/store/bounds.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { ManualClock } from '../../room/fake.ts';
import { eventually } from '../../wait.ts';
import { Issuer } from '../issuer.ts';
import { resultOf } from '../store/events.ts';
import { temporaryFolder } from '../store/stores.ts';
import { linkHost, serveHosts } from './service.ts';

const HOST = '11111111-2222-3333-4444-555555555555';
const PLAY = { kind: 'play', client: '192.0.2.1' } as const;

let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());

/** Sends a request as no host of ours does. */
function post(socketPath: string, path: string, body: string | Uint8Array, method = 'POST') {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request({ socketPath, path, method }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

test('a player joins through the socket: token, policy, ticket, and the ticket is used once', async () => {
  const { path, meters: service } = await serveHosts(issuer);
  const { gate, meters } = await linkHost(path);
  const pass = await gate.identify(await issuer.token());
  expect(pass.account?.id).toBe('ada');
  expect(await gate.judge(pass, PLAY)).toBe('arena');
  const tickets = must(gate.tickets, 'tickets');
  const id = tickets.createId();
  const { text } = await tickets.issue(id, pass, { room: 'arena', seat: 3 });
  expect([tickets.isTicket(text), tickets.isTicket(await issuer.token()), tickets.msMax]).toEqual([
    true,
    false,
    10_000,
  ]);
  const { pass: redeemed, ...place } = await tickets.redeem(text);
  expect([place, redeemed.account?.id]).toEqual([{ id, room: 'arena', seat: 3 }, 'ada']);
  await expect(tickets.redeem(text)).rejects.toMatchObject({ code: 'NL_TICKET', reason: 'ticket-used' });
  const watching = await tickets.issue(tickets.createId(), pass, { room: 'arena', seat: undefined });
  expect((await tickets.redeem(watching.text)).seat).toBeUndefined();
  for (const step of ['token', 'account', 'policy'] as const) expect(service.joinDecisions[step].get('ok')).toBe(1);
  // The service counts the steps, so the host does not.
  expect(meters.joinDecisions.token.get('ok')).toBe(0);
});

test('the host gets the reason of a refusal', async () => {
  const { path } = await serveHosts(issuer);
  const { gate, game } = await linkHost(path);
  const join = async (bearer: string | undefined) => gate.judge(await gate.identify(bearer), PLAY);
  for (const [bearer, reason] of [
    [undefined, 'token-missing'],
    ['x'.repeat(20_000), 'token-too-long'],
    [await issuer.token({ aud: 'shop' }), 'token-audience'],
    [await issuer.token({ role: 'guest' }), 'policy-join'],
  ] as const)
    await expect(join(bearer)).rejects.toMatchObject({ reason });
  game.players = 10;
  await expect(join(await issuer.token({ sub: 'bob' }))).rejects.toMatchObject({ reason: 'room-full' });
});

test('the policy of the service sees the phase of the match', async () => {
  const { path } = await serveHosts(issuer);
  const { gate, game } = await linkHost(path);
  const pass = await gate.identify(await issuer.token());
  game.phase = 'active';
  await expect(gate.judge(pass, PLAY)).rejects.toMatchObject({ reason: 'policy-join' });
  game.phase = 'waiting';
  expect(await gate.judge(pass, PLAY)).toBe('arena');
});

test('a pass is made again of an account, and without one where the service has not asked for it', async () => {
  const { path } = await serveHosts(issuer);
  const [{ gate }, { gate: next }] = [await linkHost(path), await linkHost(path)];
  const { account } = await gate.identify(await issuer.token());
  const pass = next.passOf(account);
  expect(pass.account).toEqual({ id: 'ada', role: 'player' });
  expect(await next.judge(pass, { ...PLAY, kind: 'return' })).toBe('arena');
  expect(() => next.passOf(undefined)).toThrow('NL_TOKEN_MISSING');
});

test('in a burst the service bounds the joins that it decides, and it counts results', async () => {
  const counted: string[] = [];
  const isHigh = { now: false };
  const pressure = { count: (fingerprint: string) => void counted.push(fingerprint), isHigh: () => isHigh.now };
  const counts = { refused: { joins: 0 } } as ConstructorParameters<typeof Limit>[0]['counts'];
  const joins = new Limit({ fingerprint: 'joins', pressure, counts, waitingMax: 0 });
  const { path } = await serveHosts(issuer, {}, undefined, { protection: { joins, pressure } });
  const { edge, gate } = await linkHost(path);
  expect((await gate.identify(await issuer.token())).account?.id).toBe('ada');
  isHigh.now = true;
  await expect(gate.identify(await issuer.token())).rejects.toMatchObject({ code: 'NL_OFFER_RATE' });
  expect(counts.refused.joins).toBe(1);
  edge.record({ id: 'r1', game: 'arena', origin: 1n, tick: 7, bytes: new Uint8Array([1]) });
  await eventually(() => expect(counted).toEqual(['joins', 'joins', 'results']));
});

test('a result carries its trace into the outbox, and a join hands its trace to the service', async () => {
  const begun: [string, string | undefined][] = [];
  const ids = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
  const span: Span = { ...NO_SPAN, ids };
  const tracer: Tracer = {
    begin(name, { parent } = {}) {
      begun.push([name, parent?.traceId]);
      return span;
    },
  };
  const { path, store } = await serveHosts(issuer, {}, undefined, { tracer });
  const { edge, gate } = await linkHost(path, {}, { tracer });
  edge.record({ id: 'r1', game: 'arena', origin: 1n, tick: 7, bytes: new Uint8Array([1]) });
  await eventually(async () =>
    expect(await store.readEvents({ limit: 1 })).toMatchObject([
      { id: 'r1', traceparent: `00-${ids.traceId}-${ids.spanId}-01` },
    ]),
  );
  const token = await issuer.token();
  await inSpan(span, () => gate.identify(token));
  await gate.identify(token);
  expect(begun).toEqual([
    ['result', undefined],
    ['edge identify', ids.traceId],
    ['edge identify', undefined],
  ]);
});

test('injected faults strike requests of hosts', async () => {
  const clock = new ManualClock();
  const strikes: Strike[] = [];
  const { path } = await serveHosts(issuer, {}, undefined, { faults: { strike: () => strikes.shift() }, clock });
  const client = new EdgeClient({ connect: async () => connect(path), msMax: 30_000 });
  onTestFinished(() => client.close());
  const ask = () => client.call('leave', { host: HOST });
  for (const [kind, why] of [
    ['error', INJECTED],
    ['cut', 'socket hang up'],
  ] as const) {
    // A connection that broke while it was kept is tried again.
    strikes.push({ kind, ms: 0 }, ...(kind === 'cut' ? [{ kind, ms: 0 }] : []));
    await expect(ask()).rejects.toThrow(why);
  }
  strikes.length = 0;
  strikes.push({ kind: 'latency', ms: 500 });
  let isOver = false;
  const late = ask().then(() => {
    isOver = true;
  });
  await eventually(() => expect(strikes).toEqual([]));
  await clock.pass(499);
  expect(isOver).toBe(false);
  await clock.pass(1);
  await late;
});

test('the rules of the service for requests of pages apply in its hosts, when they have changed and when they are gone', async () => {
  const { path, rules } = await serveHosts(issuer);
  const { endpoints } = createDependencies({ config: readConfig({}), log: () => {}, meters: new Meters() });
  const { edge } = await linkHost(path, {}, { endpoints });
  expect(endpoints.join.rule).toBeUndefined();
  Object.assign(rules, parseRules('{"join":{"perSecond":5},"opa":{"concurrent":1}}'));
  edge.link.renew();
  await eventually(() => expect(endpoints.join.rule).toMatchObject({ perSecond: 5, excess: 'reject' }));
  expect(endpoints.opa.rule).toBeUndefined();
  delete rules.join;
  edge.link.renew();
  await eventually(() => expect(endpoints.join.rule).toBeUndefined());
});

test('the places of an account count in all hosts, also after the service has been restarted, and no longer when a host has closed', async () => {
  const first = await serveHosts(issuer, { accountSeatsMax: 2 });
  const [a, b] = [await linkHost(first.path), await linkHost(first.path)];
  const passes = await Promise.all([a, b].map(async ({ gate }) => gate.identify(await issuer.token())));
  for (const pass of passes) {
    pass.check();
    pass.take();
  }
  await eventually(async () =>
    expect(a.gate.identify(await issuer.token())).rejects.toMatchObject({ reason: 'account-seats' }),
  );
  await first.close();
  const second = await serveHosts(issuer, { accountSeatsMax: 2, accountJoinsPerSecondMax: 1000 }, first.path);
  await eventually(() => expect(second.hosts.size).toBe(2));
  await expect(a.gate.identify(await issuer.token())).rejects.toMatchObject({ reason: 'account-seats' });
  await b.edge.close();
  await eventually(async () => expect((await a.gate.identify(await issuer.token())).account?.id).toBe('ada'));
});

test('a host knows the places of an account in its own games at any time', async () => {
  const { path } = await serveHosts(issuer, { accountSeatsMax: 1 });
  const { gate } = await linkHost(path);
  const pass = await gate.identify(await issuer.token());
  pass.check();
  pass.take();
  expect(() => pass.check()).toThrow('NL_ACCOUNT_FULL');
  pass.free();
  pass.check();
});

test('without a service new players are refused, returning ones come in, and reports arrive once when it is back', async () => {
  const first = await serveHosts(issuer);
  const { edge, gate, meters, lines } = await linkHost(first.path);
  const pass = await gate.identify(await issuer.token());
  await first.close();
  const result = { id: 'r1', game: 'arena', origin: 1n, tick: 7, bytes: new Uint8Array([1]) };
  for (let n = 0; n < 2; n++) edge.record(result);
  await expect(gate.identify(await issuer.token())).rejects.toMatchObject({ code: 'NL_EDGE', reason: 'edge-down' });
  await expect(gate.judge(pass, PLAY)).rejects.toMatchObject({ reason: 'edge-down' });
  expect(await gate.judge(pass, { ...PLAY, kind: 'return' })).toBe('arena');
  expect(meters.joinDecisions.token.get('edge-down')).toBe(3);
  expect(lines).toContainEqual(expect.stringContaining('so new players cannot join; running matches go on'));
  const second = await serveHosts(issuer, {}, first.path);
  await eventually(async () => expect(await second.store.countOutbox({})).toMatchObject({ waiting: 1 }));
  await eventually(async () => expect((await gate.identify(await issuer.token())).account?.id).toBe('ada'));
});

test('a host that starts before the service refuses players until it is there', async () => {
  const path = join(temporaryFolder(), 'edge.sock');
  const { gate } = await linkHost(path);
  await expect(gate.identify('x')).rejects.toMatchObject({ reason: 'edge-down' });
  await serveHosts(issuer, {}, path);
  await eventually(async () => expect((await gate.identify(await issuer.token())).account?.id).toBe('ada'));
});

test('where the service lets anyone in, the host does not ask it, and goes on when it is dead', async () => {
  const { path, close } = await serveHosts(issuer, { admission: 'open' });
  const { gate } = await linkHost(path);
  expect(gate.tickets).toBeUndefined();
  await close();
  const pass = await gate.identify(undefined);
  expect([pass.account, await gate.judge(pass, PLAY)]).toEqual([undefined, 'arena']);
});

test('sessions reach the store, and a report that does not fit is dropped alone', async () => {
  const { path, store, hosts } = await serveHosts(issuer);
  const { edge } = await linkHost(path);
  await edge.link.startSession({ id: 's', game: 'arena', startedAt: 1, local: false });
  edge.link.report('addResult', { ...resultOf('bad'), data: 'no JSON' });
  edge.link.report('addResult', resultOf('good'));
  await eventually(() => expect(edge.figures()).toMatchObject({ sent: 2, dropped: 1, waiting: 0 }));
  expect(hosts.sessions()).toEqual(['s']);
  await edge.link.countPlayers({ id: 's', players: 4 });
  await edge.link.endSession({ id: 's', endedAt: 9, players: 4, reason: 'closed' });
  await eventually(async () =>
    expect(await store.getSession({ id: 's' })).toMatchObject({ endedAt: 9, players: 4, reason: 'closed' }),
  );
  expect([hosts.sessions(), await store.getResults({ match: 'match-1' })]).toMatchObject([[], [{ id: 'good' }]]);
});

test('a saved state is kept as it is, up to its bound', async () => {
  const { path } = await serveHosts(issuer);
  const { edge } = await linkHost(path, { edgeMsMax: 30_000 });
  const { link } = edge;
  const state = new Uint8Array(SAVE_BYTES_MAX).fill(7);
  const save = { id: 'a/b?', game: 'aréna', savedAt: 5, state };
  await link.putSave(save);
  const found = must(await link.getSave({ id: save.id }), 'save');
  expect([found.game, found.savedAt, Buffer.compare(found.state, state)]).toEqual(['aréna', 5, 0]);
  await expect(link.putSave({ ...save, state: new Uint8Array(SAVE_BYTES_MAX + 1) })).rejects.toThrow('NL_EDGE');
  expect([await link.removeSave(save), await link.removeSave(save), await link.getSave(save)]).toEqual([
    true,
    false,
    undefined,
  ]);
});

test('requests of another form are refused, and those that are too large are not read', async () => {
  const { path } = await serveHosts(issuer);
  const tell = async (...call: [string, string | Uint8Array, string?]) => {
    const { status, text } = await post(path, ...call);
    return [status, (JSON.parse(text) as { code: string }).code];
  };
  expect(await tell('/v2/attend', '{}')).toEqual([404, 'NL_NOT_FOUND']);
  expect(await tell('/v1/toString', '{}')).toEqual([404, 'NL_NOT_FOUND']);
  expect(await tell('/v1/attend', '', 'GET')).toEqual([405, 'NL_METHOD']);
  expect(await tell('/v1/saves/a', '', 'PATCH')).toEqual([405, 'NL_METHOD']);
  expect(await tell('/v1/attend', 'nonsense')).toEqual([400, 'NL_EDGE_REQUEST']);
  const filled = (bytes: number) => `{"host":"${'x'.repeat(bytes - 11)}"}`;
  // Within the bound it is read, and its host is refused.
  for (const [name, bytesMax] of [
    ['attend', BODY_BYTES_MAX],
    ['report', REPORT_BYTES_MAX],
  ] as const) {
    const detail = async (bytes: number) => (await post(path, `/v1/${name}`, filled(bytes))).text;
    expect(await detail(bytesMax)).toContain('host is not the id of a host');
    expect(await detail(bytesMax + 1).catch(() => `more than ${bytesMax} bytes`)).toContain(
      `more than ${bytesMax} bytes`,
    );
  }
});

test('only this user can open the socket; one that a dead service has left is replaced, and one that answers is not', async () => {
  const folder = join(temporaryFolder(), 'run');
  const path = join(folder, 'edge.sock');
  const { close } = await serveHosts(issuer, {}, path);
  expect([statSync(path).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700]);
  await expect(serveHosts(issuer, {}, path)).rejects.toThrow('another edge service listens');
  await close();
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, '');
  const { path: again } = await serveHosts(issuer, {}, path);
  expect((await linkHost(again)).edge.figures().isUp).toBe(true);
});

test('a service that lies or is slow counts as silent', async () => {
  const path = join(temporaryFolder(), 'edge.sock');
  const answers = [
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno',
    'SSH-2.0\r\n',
    '',
  ];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => void socket.write(answers.shift() ?? ''));
  }).listen(path);
  onTestFinished(() => void server.close());
  const client = new EdgeClient({ connect: async () => connect(path), msMax: 200 });
  onTestFinished(() => client.close());
  for (let n = 0; n < 4; n++) await expect(client.call('attend', {})).rejects.toMatchObject({ code: 'NL_EDGE' });
  expect(answers).toEqual([]);
});
