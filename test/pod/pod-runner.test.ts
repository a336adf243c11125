import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { type Config, readConfig, settings } from '../../host/base/config.ts';
import { milli } from '../../host/base/time.ts';
import { createWasmEdgeEngine, type WasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { Meters } from '../../host/observe/meters.ts';
import { recoverFromLoss } from '../../host/play/recovery.ts';
import { PodRunner } from '../../host/pod/pod-runner.ts';
import { podConfig } from '../../host/pod/pod-settings.ts';
import type { LoadedGame } from '../../host/pod/runner.ts';
import type { Room } from '../../host/room/room.ts';
import { Issuer } from '../edge/issuer.ts';
import { serveHosts } from '../edge/link/service.ts';
import { good } from '../engine/modules.ts';
import { CARELESS, openTestGpu } from '../gpu/fixture.ts';
import { counting } from '../hostile/modules.ts';
import { eventually } from '../wait.ts';

/** The settings that a pod's environment may change (oci/k3s/PODS.md, "Game"). The others limit games or are the node's. */
const POD_SETTINGS = [
  'accountJoinsPerSecondMax',
  'accountSeatsMax',
  'addressHalfOpenMax',
  'addressHeldMax',
  'addressOffersPerSecondMax',
  'addressQueueMax',
  'addressSeatsMax',
  'admission',
  'allowedHosts',
  'allowedOrigins',
  'bitrateMax',
  'burstBusQueueMax',
  'burstChatPerSecond',
  'burstJoinsPerSecond',
  'burstJoinsWaitingMax',
  'carryKey',
  'carryUrl',
  'channelBytesMax',
  'chaos',
  'clockToleranceSeconds',
  'closeMsMax',
  'connectMsMax',
  'drainSecondsMax',
  'fightActionsPerSecond',
  'fightFramesMin',
  'fleetKeys',
  'gpuEnabled',
  'halfOpenMax',
  'holdMsMax',
  'host',
  'httpConnectionsMax',
  'iceAddress',
  'iceMsMax',
  'icePort',
  'idleMsMax',
  'inputBytesMax',
  'inputCalmPercent',
  'inputDropsMax',
  'inputErrorsMax',
  'inputFightPercent',
  'inputLeaksPerSecond',
  'inputRateMax',
  'inputSilenceMsMax',
  'inputTokensMax',
  'inputTokensPerSecond',
  'inputWarmPercent',
  'issuerMsMax',
  'keyframeMsMin',
  'keysRefreshSeconds',
  'keysSecondsMax',
  'maxPlayers',
  'offerBytesMax',
  'offerLineBytesMax',
  'offersPerSecondMax',
  'oidcAudience',
  'oidcIssuer',
  'oidcRoleClaim',
  'opaCacheMs',
  'opaMsMax',
  'opaUrl',
  'operatorHost',
  'operatorPort',
  'policyFailOpen',
  'port',
  'queueMax',
  'reloadMsMax',
  'returnMsMax',
  'roomPixelsPerSecondMax',
  'seed',
  'spectatorDelayMs',
  'spectatorsMax',
  'stallMsMax',
  'tickRate',
  'ticketMsMax',
  'tokenBytesMax',
  'trustedProxies',
  'turnSecret',
  'turnUrls',
  'viewFpsMax',
  'viewHeightMax',
  'viewWidthMax',
];
const NAMES = Object.keys(settings) as (keyof Config)[];

/** A valid value of each form that an address has not. */
const EXAMPLES: Record<string, string> = {
  socket: '/run/edge.sock',
  switch: 'on',
  admission: 'token',
  claim: 'roles',
  packages: 'none',
  serviceUrl: 'https://issuer.example',
  url: 'https://centre.example/events',
  ports: '31000-31999',
  origins: 'https://play.example',
  iceServers: 'turn:turn.example',
  fleetKeys: 'x'.repeat(43),
  nodeToken: 'x'.repeat(16),
  objectName: 'west',
  addressPattern: 'http://{pod}/',
  regions: 'west=https://west.example/',
};

/** Returns a valid value of a setting, other than its default. */
function another(name: keyof Config): string {
  const setting = settings[name];
  if ('form' in setting) return EXAMPLES[setting.form] ?? '203.0.113.7';
  if (typeof setting.default === 'string') return 'other';
  if (typeof setting.default === 'boolean') return String(!setting.default);
  return String(setting.default + 1);
}

test("the environment of a pod changes the pod's own settings, and no limit of a game", () => {
  const node: Config = { ...readConfig({}), host: '', operatorHost: '' };
  const env = Object.fromEntries(NAMES.map((name) => [settings[name].env, another(name)]));
  const config = podConfig(node, env);
  expect(NAMES.filter((name) => config[name] !== node[name]).sort()).toEqual(POD_SETTINGS);
  const own = podConfig({ ...node, gpuMsMax: 77, tickRate: 77 }, {});
  expect(own).toEqual({ ...node, gpuMsMax: 77, drainSecondsMax: 25 });
  expect(podConfig(node, { DRAIN_SECONDS_MAX: '0' }).drainSecondsMax).toBe(0);
  expect(() => podConfig(node, { TICK_RATE: '0' })).toThrow('NL_SETTING');
});

test('a pod cannot choose, or leave, the edge service of its node', () => {
  const node: Config = { ...readConfig({}), edgeSocket: '/run/nearlight-edge/edge.sock' };
  for (const EDGE_SOCKET of ['', '/tmp/own.sock'])
    expect(podConfig(node, { EDGE_SOCKET }).edgeSocket).toBe(node.edgeSocket);
});

let cacheDir: string;
let engine: WasmEdgeEngine;
const opened: Gpu[] = [];

beforeAll(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-sandbox-'));
  engine = createWasmEdgeEngine({ cacheDir });
});

afterAll(async () => {
  await engine.close();
  for (const gpu of opened) gpu.close();
  rmSync(cacheDir, { recursive: true, force: true });
});

async function openNull(): Promise<Gpu> {
  const gpu = await openTestGpu('null');
  opened.push(gpu);
  return gpu;
}

/** Opens a GPU that is lost when the test calls `lose`. */
async function fragileGpu(): Promise<{ gpu: Gpu; lose(): void; reopened(): number }> {
  let current = await openNull();
  let lost = Promise.withResolvers<string>();
  let reopened = 0;
  const own = {
    get whenLost() {
      return lost.promise;
    },
    async reopen() {
      current = await openNull();
      lost = Promise.withResolvers<string>();
      reopened++;
    },
  };
  const gpu = new Proxy(own as Gpu, { get: (_, key) => Reflect.get(key in own ? own : current, key) });
  return { gpu, lose: () => lost.resolve('as a test'), reopened: () => reopened };
}

/** Opens a GPU that is given up when the test calls `lose`, as if a room had hung it. */
async function hungGpu(): ReturnType<typeof fragileGpu> {
  const gpu = await openNull();
  const first = gpu.device;
  return { gpu, lose: () => DeviceWatch.of(first).giveUp(), reopened: () => Number(gpu.device !== first) };
}

test.each([
  ['because a room hung it', true, 'GPU work did not end'],
  ['for an unknown reason', false, 'as a test'],
])('rooms recover after the GPU was lost %s', async (_, causedElsewhere, why) => {
  const { gpu, lose, reopened } = causedElsewhere ? await hungGpu() : await fragileGpu();
  const recover = vi.fn(async () => {});
  const meters = new Meters();
  void recoverFromLoss({ gpu, lobby: { rooms: [{ recover }] as unknown as Room[] }, log: () => {}, meters });
  lose();
  await eventually(() => expect(recover.mock.calls).toEqual([[why, { causedElsewhere }]]));
  expect(reopened()).toBe(1);
  expect(meters.gpuLosses).toBe(1);
});

test('the edge service of the node has the session of a pod from its start to its end, and says who may join', {
  timeout: 60_000,
}, async () => {
  const issuer = await Issuer.open();
  const service = await serveHosts(issuer);
  const runner = new PodRunner({
    config: { ...readConfig({}), edgeSocket: service.path },
    log: () => {},
    gpu: await openNull(),
    engine,
    meters: new Meters(),
    vetting: CARELESS,
    files: new Map() as never,
    nodePort: undefined,
    // In a pod, the supervisor connects.
    connectEdge: async () => connect(service.path),
  });
  const lines: string[] = [];
  const loaded = await runner.load({
    name: 'kept',
    module: counting(),
    assets: undefined,
    // The node has the last word.
    env: { PORT: '0', OPERATOR_PORT: '0', HOST: '127.0.0.1', ADMISSION: 'open', CHAOS: 'on' },
    createdAt: milli(performance.now()),
    hold: false,
    ownNetwork: false,
    renewed() {},
    log: (_, line) => void lines.push(line),
  });
  await loaded.begin();
  await runner.opened;
  const port = /playing at port (\d+)/.exec(lines.join('\n'))?.[1];
  const ask = () => fetch(`http://127.0.0.1:${port}/whep/ticket`, { method: 'POST' });
  await eventually(async () => expect(await (await ask()).json()).toMatchObject({ code: 'NL_TOKEN_MISSING' }));
  const operator = /metrics at port (\d+)/.exec(lines.join('\n'))?.[1];
  const setFaults = (faults: object[]) =>
    fetch(`http://127.0.0.1:${operator}/faults`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ faults }),
    });
  expect((await setFaults([{ place: 'offers', kind: 'error', seconds: 60 }])).status).toBe(200);
  expect(await (await ask()).json()).toMatchObject({ code: 'NL_CONNECTION' });
  expect((await setFaults([])).status).toBe(200);
  await eventually(() => expect(service.hosts.sessions()).toHaveLength(1));
  const [id = ''] = service.hosts.sessions();
  await eventually(async () => expect(await service.store.getSession({ id })).toMatchObject({ game: 'kept' }));
  await loaded.stop();
  await runner.close();
  expect(await service.store.getSession({ id })).toMatchObject({ reason: 'closed', players: 0 });
  expect(service.hosts.size).toBe(0);
  await issuer.close();
});

test('a container that starts again in its sandbox goes on with its match, and another module begins a new one', {
  timeout: 60_000,
}, async () => {
  const lines: string[] = [];
  const log = (_: string, message: string) => void lines.push(message);
  const runner = new PodRunner({
    config: readConfig({}),
    log,
    gpu: await openNull(),
    engine,
    meters: new Meters(),
    vetting: CARELESS,
    files: new Map() as never,
    nodePort: undefined,
  });
  const start = async (module: Uint8Array) => {
    const game = await runner.load({
      name: 'saver',
      module,
      assets: undefined,
      env: { PORT: '0', OPERATOR_PORT: '0', HOST: '127.0.0.1', TICK_RATE: '100' },
      createdAt: milli(performance.now()),
      hold: true,
      ownNetwork: false,
      podUid: 'pod-1',
      renewed() {},
      log,
    });
    await game.begin();
    const room = await eventually(() => must(runner.rooms[0], 'room'));
    return { game, room };
  };
  const resumedAt = () => lines.flatMap((line) => /the match goes on at tick (\d+)/.exec(line)?.[1] ?? []).map(Number);
  const first = await start(counting());
  await eventually(() => expect(first.room.stats.ticks).toBeGreaterThanOrEqual(100));
  await first.game.stop();
  expect(resumedAt()).toEqual([]);
  const second = await start(counting());
  const [tick = 0] = resumedAt();
  expect(tick).toBeGreaterThanOrEqual(100);
  expect(second.room.stats.ticks).toBeGreaterThanOrEqual(tick);
  // In `load`, the game logs one x for each tick of the state that it loads.
  expect(lines.map((line) => /x+/.exec(line)?.[0].length)).toContain(tick);
  await second.game.stop();
  const other = await start(good());
  expect(lines.join('\n')).toContain('saver: the kept match does not go on, and a new one begins: ');
  expect([resumedAt(), other.room.isClosed]).toEqual([[tick], false]);
  await other.game.stop();
  await runner.close();
});

test('a game that saves its state continues in another process after its GPU was lost', {
  timeout: 60_000,
}, async () => {
  const { gpu, lose, reopened } = await fragileGpu();
  const config = readConfig({});
  const lines: string[] = [];
  const log = (_: string, message: string) => void lines.push(message);
  const runner = new PodRunner({
    config,
    log,
    gpu,
    engine,
    meters: new Meters(),
    vetting: CARELESS,
    files: new Map() as never,
    nodePort: undefined,
  });
  void recoverFromLoss({ gpu, lobby: runner, log, meters: new Meters() });
  const renewed: (number | undefined)[] = [];
  let game: LoadedGame | undefined;
  const loaded = await runner.load({
    name: 'saver',
    module: counting(),
    assets: undefined,
    env: { PORT: '0', OPERATOR_PORT: '0', HOST: '127.0.0.1', TICK_RATE: '100' },
    createdAt: milli(performance.now()),
    hold: true,
    ownNetwork: false,
    renewed: () => renewed.push(game?.pid),
    log,
  });
  game = loaded;
  const first = loaded.pid;
  try {
    await loaded.begin();
    await runner.opened;
    const room = must(runner.rooms[0], 'room');
    await eventually(() => expect(room.stats.ticks).toBeGreaterThanOrEqual(100));
    lose();
    await eventually(() => expect(lines.join('\n')).toContain('has recovered from the loss of the GPU: as a test'));
    expect(reopened()).toBe(1);
    expect(renewed).toEqual([loaded.pid]);
    expect(loaded.pid).not.toBe(first);
    // In `load`, the game logs one x for each tick of the state that it loads.
    expect(lines.map((line) => /x+/.exec(line)?.[0].length)).toContain(room.stats.ticks);
    expect(runner.rooms).toEqual([room]);
    expect(room.isClosed).toBe(false);
  } finally {
    await loaded.stop();
    await runner.close();
  }
  expect(await loaded.ended).toBeUndefined();
});
