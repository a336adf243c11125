/** Good games stay far below GPU_OBJECT_BYTES_MAX, the host's memory that the GPU objects of one game may take. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssetPack } from '../../assets/folder.ts';
import { packModel } from '../../assets/packer/packer.ts';
import { must } from '../../host/base/assert.ts';
import { readConfig, settings } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { createReplayFor, Launch } from '../../host/play/launch.ts';
import { buildModules } from '../../host/play/modules.ts';
import { readPlayable } from '../../host/play/playable.ts';
import { openProject } from '../../host/play/project.ts';
import { makeCall } from '../../host/session/replay.ts';
import { createStill } from '../../host/video/snapshot.ts';
import { models } from '../assets/models.ts';
import { modes } from '../golden/examples/animometer.ts';
import { openTestGpu, Picture } from '../gpu/fixture.ts';
import { script } from '../session/script.ts';
import { collect, loadGuest } from './animometer.ts';

const MIB = 2 ** 20;
const defaults = readConfig({});
let idle: Gpu;
beforeAll(async () => {
  idle = await openTestGpu('null');
});
afterAll(() => idle.close());

describe('good games stay far below GPU_OBJECT_BYTES_MAX:', () => {
  const { default: most } = settings.gpuObjectBytesMax;

  it('the games of this repository', async () => {
    const built = await buildModules(openProject().games.map(({ name }) => name));
    const counts: string[] = [];
    const model = await packModel(await must(models.materials, 'model with many materials')());
    const pack = createAssetPack([{ name: 'model', bytes: model.bytes }]);
    for (const { name, path } of built) {
      const session = { seed: 1, tickRate: 120, seats: 4 };
      const launcher = new Launch({
        playable: await readPlayable(path, name === 'model' ? { pack } : {}),
        engine: createJavaScriptEngine(),
        gpu: idle,
        config: defaults,
        session,
        log: () => {},
      });
      const instance = await launcher.createInstance();
      const replay = createReplayFor(instance, launcher);
      replay.run(instance.initial);
      for (const call of script({ seed: 1, ticks: 240, seats: 4 })) {
        const submission = await makeCall(instance, call);
        const texture = call.kind === 'render' ? createStill(idle.device, call) : undefined;
        if (submission) replay.run(submission, texture && { texture, view: texture.createView() });
      }
      const { objectBytes } = replay.stats();
      counts.push(`${name} ${(objectBytes / MIB).toFixed(1)} MiB`);
      expect(objectBytes, name).toBeLessThan(most / 8);
      replay.destroy();
      await instance.close();
    }
    process.stdout.write(`bytes of the host that GPU objects of games count as: ${counts.join(', ')}\n`);
    expect(counts.length).toBeGreaterThan(10);
  });

  it.each(modes)('20,000 triangles of the animometer, %s', async (mode) => {
    const [animometer] = await buildModules(['animometer']);
    const home = { module: must(animometer, 'animometer').path, engine: createJavaScriptEngine(), device: idle.device };
    const guest = await loadGuest(home, { mode, count: 20_000 });
    const picture = new Picture(idle.device, 64);
    await guest.tick(0);
    guest.replay(await guest.render(), picture);
    await guest.close();
    await collect(idle.device);
  });
});
