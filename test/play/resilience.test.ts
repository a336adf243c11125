import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import type { Log } from '../../host/base/log.ts';
import { BUDGETS_MS } from '../../host/base/protection.ts';
import { openGate } from '../../host/edge/admission/gate.ts';
import { Meters } from '../../host/observe/meters.ts';
import { createMetrics } from '../../host/observe/metrics.ts';
import { openEdge } from '../../host/play/edge.ts';
import { faultsOfGate, openResilience } from '../../host/play/resilience.ts';
import { type ServeOptions, serve } from '../../host/play/server.ts';
import type { ViewRequest } from '../../host/stream/player.ts';
import { Issuer } from '../edge/issuer.ts';
import { temporaryFolder } from '../edge/store/stores.ts';
import { ManualClock } from '../room/fake.ts';
import { RecordedPlayer } from '../stream/fixture.ts';
import { eventually } from '../wait.ts';

let clock: ManualClock;
let meters: Meters;
let lines: string[];
beforeEach(() => {
  clock = new ManualClock();
  meters = new Meters();
  lines = [];
});

const log: Log = (level, line) => lines.push(`${level} ${line}`);
const fault = { place: 'opa', kind: 'latency', seconds: 600, ms: 5 };
const body = (...faults: object[]) => JSON.stringify({ faults });

function open(env: Record<string, string>) {
  const opened = openResilience({ config: readConfig(env), log, meters, clock });
  onTestFinished(() => opened.close());
  const call = (method: string, text = '') => opened.call.answer({ method, body: text }) as object;
  return { ...opened, call };
}

/** Lets the step "policy" run often, and each run take some time. */
function decide(ms: number): void {
  for (let n = 0; n < 100; n++) meters.joinSteps.policy.add(ms);
}

describe('faults for an operator', () => {
  test.each(['GET', 'PUT', 'DELETE'])('%s is refused unless CHAOS=on', (method) => {
    const { call, faults } = open({});
    expect(() => call(method, body(fault))).toThrow(/^NL_CHAOS: .*set CHAOS=on/);
    expect(faults.strike('opa')).toBeUndefined();
  });

  test('with CHAOS=on the host says so, and faults are set, read and ended', () => {
    const { call, faults } = open({ CHAOS: 'on' });
    expect(lines[0]).toContain('CHAOS=on');
    expect(call('GET')).toEqual({ faults: [] });
    expect(call('PUT', body(fault))).toEqual({ faults: [{ ...fault, share: 1, secondsLeft: 600, struck: 0 }] });
    expect(faults.strike('opa')).toEqual({ kind: 'latency', ms: 5 });
    expect(() => call('PUT', '{')).toThrow('NL_FAULT');
    expect(call('GET')).toEqual({ faults: [{ ...fault, share: 1, secondsLeft: 600, struck: 1 }] });
    expect(call('DELETE')).toEqual({ faults: [], ended: 'an operator has ended them' });
    expect(faults.strike('opa')).toBeUndefined();
  });
});

describe('an experiment', () => {
  test('ends by itself when a step is beyond its budget, and says which', async () => {
    const { call, faults } = open({ CHAOS: 'on' });
    call('PUT', body(fault));
    decide(BUDGETS_MS.policy * 4);
    await clock.pass(1000);
    expect(faults.strike('opa')).toBeUndefined();
    const why = /"policy" take up to [\d.]+ ms, and its budget is 5 ms/;
    expect(call('GET')).toEqual({ faults: [], ended: expect.stringMatching(why) });
    expect(lines.filter((line) => why.test(line))).toHaveLength(1);
    await clock.pass(5000);
    expect(meters.faults.stopped).toBe(1);
  });

  test('goes on within the budget whatever was slow before it, and none is stopped where there is none', async () => {
    const { call, faults } = open({ CHAOS: 'on' });
    decide(BUDGETS_MS.policy * 4);
    await clock.pass(1000);
    expect(meters.faults.stopped).toBe(0);
    call('PUT', body(fault));
    decide(BUDGETS_MS.policy / 5);
    await clock.pass(5000);
    expect(faults.strike('opa')).toBeDefined();
    expect(meters.faults.stopped).toBe(0);
  });
});

test('metrics tell of faults, pressure and budgets', async () => {
  const { call, faults, protection, figures } = open({ CHAOS: 'on', BURST_CHAT_PER_SECOND: '10' });
  const read = async () => {
    const text = await createMetrics(meters, {
      build: {},
      seats: () => ({ all: 0, taken: 0 }),
      coldStart: () => ({}),
      protection: figures,
    })();
    return (name: string) => Number(new RegExp(`^${name.replaceAll('{', '\\{')} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  const before = await read();
  for (const name of [
    'nearlight_faults_active{place="opa",kind="latency"}',
    'nearlight_faults_struck_total{place="opa",kind="latency"}',
    'nearlight_pressure_high{fingerprint="chat"}',
    'nearlight_pressure_recognised_total{fingerprint="chat"}',
    'nearlight_pressure_refused_total{fingerprint="joins"}',
    'nearlight_experiments_stopped_total',
  ])
    expect([name, before(name)]).toEqual([name, 0]);
  expect(before('nearlight_protection_p95_seconds{step="policy"}')).toBeNaN();
  expect(before('nearlight_protection_budget_seconds{step="policy"}')).toBe(BUDGETS_MS.policy / 1000);
  call('PUT', body(fault));
  faults.strike('opa');
  decide(1);
  for (let step = 0; step < 30; step++) {
    protection.count('chat');
    protection.count('chat');
    await clock.pass(100);
  }
  const after = await read();
  for (const name of [
    'nearlight_faults_active{place="opa",kind="latency"}',
    'nearlight_faults_struck_total{place="opa",kind="latency"}',
    'nearlight_pressure_high{fingerprint="chat"}',
    'nearlight_pressure_recognised_total{fingerprint="chat"}',
  ])
    expect([name, after(name)]).toEqual([name, 1]);
  expect(after('nearlight_protection_p95_seconds{step="policy"}')).toBeCloseTo(0.001, 4);
});

test('the issuer and the OPA server of a gate suffer injected faults, and joins go on when these end', async () => {
  const issuer = await Issuer.open();
  const opa = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"result":true}'));
  }).listen(0, '127.0.0.1');
  await once(opa, 'listening');
  onTestFinished(() => {
    issuer.close();
    opa.closeAllConnections();
    opa.close();
  });
  const { faults, call } = open({ CHAOS: 'on' });
  call('PUT', body({ place: 'issuer', kind: 'cut', seconds: 60 }));
  const config = readConfig({
    ADMISSION: 'token',
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
    OPA_URL: `http://127.0.0.1:${(opa.address() as AddressInfo).port}`,
  });
  const game = { id: 'room', isRunning: true, players: 0, seats: 4 };
  const gate = await openGate({ config, log, meters, clock, game: () => game, ...faultsOfGate({ faults }) });
  onTestFinished(() => gate.close());
  await expect(gate.identify(await issuer.token())).rejects.toMatchObject({ code: 'NL_ISSUER' });
  expect(issuer.asked).toBe(0);
  call('PUT', body({ place: 'opa', kind: 'error', seconds: 60 }));
  // The issuer is asked again after five seconds at the earliest.
  clock.jump(5000);
  const pass = await gate.identify(await issuer.token());
  const judge = () => gate.judge(pass, { kind: 'play', client: 'a', game: 'room' });
  await expect(judge()).rejects.toMatchObject({ code: 'NL_POLICY_DOWN' });
  call('DELETE');
  expect(await judge()).toBe('room');
});

test("a host takes faults at its operators' port alone, and its clock and store suffer them", async () => {
  const issuer = await Issuer.open();
  onTestFinished(() => issuer.close());
  const config = {
    ...readConfig({ CHAOS: 'on', ADMISSION: 'token', OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'games' }),
    ...{ port: 0, operatorPort: 0, storeDir: temporaryFolder() },
  };
  const opened = openResilience({ config, log, meters });
  const edge = await openEdge({ config, log, meters, resilience: opened });
  // A game, a GPU and an engine of which only the names count here.
  const room = { name: 'room', isClosed: false, players: 0, seats: 64, status: () => ({}) };
  const seat = async (request: ViewRequest) => () => new RecordedPlayer(0, request);
  const servers = await serve({
    config,
    log,
    meters,
    edge,
    resilience: opened,
    files: new Map(),
    gpu: { software: true, adapter: { device: '', description: 'none' } } as ServeOptions['gpu'],
    engine: { name: 'none' } as unknown as ServeOptions['engine'],
    lobby: {
      rooms: [room] as unknown as ServeOptions['lobby']['rooms'],
      admit: (_, request) => seat(request),
      watch: (_, request) => seat(request),
    },
  });
  onTestFinished(async () => {
    opened.close();
    await servers.close();
    await edge?.close();
  });
  const { url } = servers.players;
  const { operator } = servers;
  const put = (to: string, ...faults: object[]) =>
    fetch(`${to}faults`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: body(...faults),
    });
  let players = 0;
  const ask = async () => {
    const headers = { authorization: `Bearer ${await issuer.token({ sub: `player ${players++}` })}` };
    const response = await fetch(`${url}whep/ticket`, { method: 'POST', headers });
    return ((await response.json()) as { code?: string }).code ?? 'admitted';
  };
  await eventually(() => expect(issuer.asked).toBe(1));
  expect(await ask()).toBe('admitted');
  expect((await put(url, { place: 'clock', kind: 'skew', seconds: 60, ms: 3_600_000 })).status).toBe(404);
  const error = { place: 'store', kind: 'error', seconds: 60 };
  expect((await put(operator.url, { place: 'clock', kind: 'skew', seconds: 60, ms: 3_600_000 })).status).toBe(200);
  // The token is too old for a clock that is an hour ahead.
  expect(await ask()).toBe('NL_TOKEN_EXPIRED');
  expect((await put(operator.url, error)).status).toBe(200);
  await expect(edge?.store.countOutbox({})).rejects.toMatchObject({ code: 'NL_STORE' });
  expect((await fetch(`${operator.url}faults`, { method: 'DELETE' })).status).toBe(200);
  expect(await ask()).toBe('admitted');
  expect(await edge?.store.countOutbox({})).toBeDefined();
});
