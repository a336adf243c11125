import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Config, readConfig, settings } from '../../host/base/config.ts';
import { createWasmEdgeEngine, type WasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { recoverFromLoss } from '../../host/play/recovery.ts';
import type { Game } from '../../host/pod/pod.ts';
import { PodStage, podConfig } from '../../host/pod/stage.ts';
import type { Room } from '../../host/room/room.ts';
import { openTestGpu } from '../gpu/fixture.ts';
import { counting } from '../hostile/modules.ts';
import { eventually } from '../wait.ts';

/** What a pod may set (oci/k3s/README.md, "Game"); a setting that is not here bounds a game, or is the node's own. */
const OWN = [
  'bitrateMax',
  'channelBytesMax',
  'closeMsMax',
  'connectMsMax',
  'gpuEnabled',
  'holdMsMax',
  'host',
  'iceAddress',
  'icePort',
  'idleMsMax',
  'inputBytesMax',
  'inputErrorsMax',
  'inputRateMax',
  'keyframeMsMin',
  'maxPlayers',
  'offerBytesMax',
  'offerLineBytesMax',
  'port',
  'seed',
  'stallMsMax',
  'tickRate',
  'viewFpsMax',
  'viewHeightMax',
  'viewWidthMax',
];
const names = Object.keys(settings) as (keyof Config)[];

/** Another value than the default, which the setting takes. */
function another(name: keyof Config): string {
  const setting = settings[name];
  if ('form' in setting) return setting.form === 'ports' ? '31000-31999' : '203.0.113.7';
  if (typeof setting.default === 'string') return 'other';
  if (typeof setting.default === 'boolean') return String(!setting.default);
  return String(setting.default + 1);
}

test("a pod's environment changes what is its own, and no bound of a game", () => {
  const node: Config = { ...readConfig({}), host: '' };
  const env = Object.fromEntries(names.map((name) => [settings[name].env, another(name)]));
  const config = podConfig(node, env);
  expect(names.filter((name) => config[name] !== node[name]).sort()).toEqual(OWN);
  expect(podConfig({ ...node, gpuMsMax: 77, tickRate: 77 }, {})).toEqual({ ...node, gpuMsMax: 77 });
  expect(() => podConfig(node, { TICK_RATE: '0' })).toThrow('NL_SETTING');
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

/** A GPU that is lost when the test says so. */
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

/** A GPU that works without end when the test says so. */
async function hungGpu(): ReturnType<typeof fragileGpu> {
  const gpu = await openNull();
  const first = gpu.device;
  return { gpu, lose: () => DeviceWatch.of(first).giveUp(), reopened: () => Number(gpu.device !== first) };
}

test.each([
  ['somebody works without end on it', true, 'its work did not end'],
  ['nobody knows why', false, 'as a test'],
])('rooms are renewed where the GPU is lost and %s', async (_, foreign, why) => {
  const { gpu, lose, reopened } = foreign ? await hungGpu() : await fragileGpu();
  const renew = vi.fn(async () => {});
  void recoverFromLoss(gpu, { rooms: [{ renew }] as unknown as Room[] }, () => {});
  lose();
  await eventually(() => expect(renew.mock.calls).toEqual([[why, { foreign }]]));
  expect(reopened()).toBe(1);
});

test("a pod's game that saves goes on in another process when its GPU is lost", async () => {
  const { gpu, lose, reopened } = await fragileGpu();
  const config = readConfig({});
  const lines: string[] = [];
  const log = (_: string, message: string) => void lines.push(message);
  const stage = new PodStage({ config, log, gpu, engine, files: new Map() as never, door: undefined });
  void recoverFromLoss(gpu, stage, log);
  const renewed: (number | undefined)[] = [];
  let game: Game | undefined;
  const loaded = await stage.load({
    name: 'saver',
    module: counting(),
    assets: undefined,
    env: { PORT: '0', HOST: '127.0.0.1', TICK_RATE: '100' },
    createdAt: performance.now(),
    hold: true,
    ownNetwork: false,
    renewed: () => renewed.push(game?.pid),
    log,
  });
  game = loaded;
  const first = loaded.pid;
  try {
    await loaded.begin();
    await stage.opened;
    const room = stage.rooms[0]!;
    await eventually(() => expect(room.stats.ticks).toBeGreaterThanOrEqual(100));
    lose();
    await eventually(() => expect(lines.join('\n')).toContain('goes on after the GPU was lost: as a test'));
    expect(reopened()).toBe(1);
    expect(renewed).toEqual([loaded.pid]);
    expect(loaded.pid).not.toBe(first);
    // What it says in `load` is as long as its ticks were many.
    expect(lines.map((line) => /x+/.exec(line)?.[0].length)).toContain(room.stats.ticks);
    expect(stage.rooms).toEqual([room]);
    expect(room.isClosed).toBe(false);
  } finally {
    await loaded.stop();
    await stage.close();
  }
  expect(await loaded.ended).toBeUndefined();
});
