import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { createJavaScriptEngine } from '../../../host/engine/javascript.ts';
import type { Gpu } from '../../../host/gpu/dawn.ts';
import { Launch } from '../../../host/play/launch.ts';
import { film } from '../../../host/session/film.ts';
import { PendingReplies } from '../../../host/session/pending.ts';
import { createStill, png } from '../../../host/video/snapshot.ts';
import { compare, type Difference, difference, type Image } from '../../golden/compare.ts';
import { countColours, FRAMES, MAX_DIFF, MEAN_DIFF, PORTS, playInto, readTexture } from '../../golden/ports.ts';
import { callsOf, type Scene, SESSION, SIZE, scenes, toleranceOf } from '../../golden/scenes.ts';
import { BUILD, DATA, open, readGame } from '../game.ts';
import type { Reporter } from '../report.ts';

/** Number of colours that each picture has to exceed; even the simplest one does. */
const COLOURS_MIN = 100;

export async function run(report: Reporter): Promise<void> {
  const gpu = await open();
  const tolerance = toleranceOf(gpu.adapter.description);
  if (!tolerance.known) report.note(`no tolerance is known for ${gpu.adapter.description}; the widest one counts`);
  for (const scene of scenes) {
    if (!report.fits(`scene ${scene.name}`, 1)) continue;
    const wanted = readGolden(scene);
    const drawn = await drawScene(gpu, scene);
    const apart = compare(drawn, wanted);
    const ok = apart.meanDiff <= tolerance.meanDiff && apart.differing <= tolerance.differing;
    const bounds = `at most mean ${tolerance.meanDiff} and ${100 * tolerance.differing} %`;
    report.check(`scene ${scene.name}`, ok, `${describe(apart)}; ${bounds}`);
    if (apart.differing > 0) writeImages(report.out, scene.name, { drawn, wanted });
  }
  await comparePorts(gpu, report);
}

/**
 * Draws each example game with its Wasm module and with its port to TypeScript. Both run on the same device, so their
 * pictures must agree on every device.
 */
async function comparePorts(gpu: Gpu, report: Reporter): Promise<void> {
  let agreeing = 0;
  const different: string[] = [];
  for (const [name, load] of Object.entries(PORTS))
    for (const frame of FRAMES) {
      const label = `${name} at tick ${frame.tick}`;
      if (!report.fits(label, 1)) continue;
      const [module, port] = [createStill(gpu.device, frame), createStill(gpu.device, frame)];
      const playable = readGame(join(BUILD, name));
      await playInto(module, { playable, frame, engine: createJavaScriptEngine(), gpu });
      (await load()).render(gpu.device, port, frame);
      const [drawn, wanted] = [await readTexture(gpu.device, module), await readTexture(gpu.device, port)];
      module.destroy();
      port.destroy();
      const apart = compare(drawn, wanted);
      const alike = apart.maxDiff <= MAX_DIFF && apart.meanDiff <= MEAN_DIFF && countColours(drawn) > COLOURS_MIN;
      if (alike) agreeing++;
      else {
        different.push(`${label}: ${describe(apart)}`);
        writeImages(report.out, `${name}-${frame.tick}`, { drawn, wanted });
      }
    }
  const detail = different.length > 0 ? different.join('; ') : `all ${agreeing} pictures agree`;
  report.check('modules draw as their ports in TypeScript', different.length === 0 && agreeing > 0, detail);
}

function readGolden({ name }: Scene): Image {
  return { ...SIZE, pixels: readFileSync(join(DATA, `${name}.rgba`)) };
}

async function drawScene(gpu: Gpu, scene: Scene): Promise<Image> {
  const pending = new PendingReplies();
  const launcher = new Launch({
    playable: readGame(join(BUILD, scene.game)),
    engine: createJavaScriptEngine(),
    gpu,
    config: readConfig({}),
    session: SESSION,
    log: () => {},
  });
  const instance = await launcher.createInstance();
  const replay = launcher.createReplay({
    log: () => {},
    reply(record) {
      pending.received();
      instance.reply(record);
    },
    write: (address, bytes) => instance.write(address, bytes),
  });
  const texture = createStill(gpu.device, SIZE);
  const surface = { texture, view: texture.createView() };
  let drawn: Image | undefined;
  await film({
    instance,
    pending,
    calls: callsOf(scene),
    tickRate: SESSION.tickRate,
    ...SIZE,
    fps: 60,
    frames: 1,
    at: scene.at,
    run: (submission, cause) => replay.run(submission, cause.kind === 'render' ? surface : undefined),
    async onFrame() {
      drawn = await readTexture(gpu.device, texture);
    },
  });
  replay.destroy();
  await instance.close();
  texture.destroy();
  return opaque(must(drawn, 'picture of the scene'));
}

/** Makes a picture opaque, as the golden pictures are. */
function opaque({ width, height, pixels }: Image): Image {
  return { width, height, pixels: pixels.map((value, at) => (at % 4 === 3 ? 255 : value)) };
}

function describe({ maxDiff, meanDiff, differing }: Difference): string {
  return `mean ${meanDiff.toFixed(4)}, ${(100 * differing).toFixed(2)} % of the pixels, greatest ${maxDiff}`;
}

function writeImages(out: string, name: string, { drawn, wanted }: { drawn: Image; wanted: Image }): void {
  const files = { [name]: drawn, [`${name}-wanted`]: wanted, [`${name}-difference`]: difference(drawn, wanted) };
  for (const [file, { width, height, pixels }] of Object.entries(files))
    writeFileSync(join(out, `${file}.png`), png({ width, height, rgba: pixels, bytesPerRow: width * 4 }));
}
