import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import { listModules } from '../../host/play/project.ts';
import { createStill } from '../../host/video/snapshot.ts';
import { eventually } from '../wait.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-known-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const SIZE = { width: 64, height: 64 };

/** Plays every game of this repository until its warm-up is over and it has drawn a picture. */
async function playAll(): Promise<Host> {
  const config = { ...readConfig({}), port: 0, cacheDir };
  // The viewer of models plays nothing without a model.
  const modules = [...listModules().keys()].filter((path) => !path.endsWith('/model.wasm'));
  const host = await startHost({ modules, config, log: () => {} });
  for (const room of host.lobby.rooms) {
    const texture = createStill(host.gpu.device, SIZE);
    await room.picture({ texture, view: texture.createView() });
    texture.destroy();
    await eventually(() => expect(room.stats.ticks).toBeGreaterThanOrEqual(config.tickRate));
    expect(room.isClosed).toBe(false);
  }
  return host;
}

test('the shaders of all games are tried and used once, and the next start needs no trial', async () => {
  const first = await playAll();
  const { trials, unused } = first.vetting.stats;
  await first.close();
  expect(trials).toBeGreaterThan(40);
  expect(unused).toEqual([]);
  const second = await playAll();
  const { stats } = second.vetting;
  await second.close();
  expect(stats).toEqual({ trials: 0, processes: 0, unused: [] });
}, 300_000);
