import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssetPack } from '../../assets/folder.ts';
import { must } from '../../host/base/assert.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { buildModules } from '../../host/play/modules.ts';
import { createStill } from '../../host/video/snapshot.ts';
import { compare, difference, type Image } from './compare.ts';
import { modes } from './examples/animometer.ts';
import type { Frame } from './examples/port.ts';
import { writeImage } from './picture.ts';
import { countColours, FRAMES, MAX_DIFF, MEAN_DIFF, PORTS, playInto, readTexture } from './ports.ts';

const root = join(import.meta.dirname, '../..');
const pictures = join(root, 'build/golden');

let gpu: Gpu;
const rows: string[] = [];

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  await buildModules(Object.keys(PORTS));
  gpu = await openGpu({ hardwareRequired: false, log: () => {} });
}, 240_000);

afterAll(() => {
  process.stdout.write(`\n  example        tick  size       max  mean     differing\n${rows.join('\n')}\n`);
  gpu?.close();
});

/** Draws the picture of an example's module on the GPU device that its TypeScript port draws on. */
function play(name: string, texture: GPUTexture, frame: Frame, assets: Uint8Array = new Uint8Array()): Promise<void> {
  const module = readFileSync(join(root, `build/${name}.wasm`));
  return playInto(texture, { playable: { name, module, assets }, frame, engine: createJavaScriptEngine(), gpu });
}

describe.each(Object.entries(PORTS))('%s', (name, load) => {
  it.each(FRAMES)('an example draws the same as its TypeScript port: tick $tick, $width x $height', async (view) => {
    const [drawn, ported] = [createStill(gpu.device, view), createStill(gpu.device, view)];
    await play(name, drawn, view);
    const port = await load();
    port.render(gpu.device, ported, view);
    const [picture, wanted] = [await readTexture(gpu.device, drawn), await readTexture(gpu.device, ported)];
    drawn.destroy();
    ported.destroy();
    const { maxDiff, meanDiff, differing } = compare(picture, wanted);
    const file = join(pictures, `${name}-${view.tick}`);
    writeFileSync(`${file}.png`, await writeImage(picture));
    writeFileSync(`${file}-port.png`, await writeImage(wanted));
    if (differing > 0) writeFileSync(`${file}-difference.png`, await writeImage(difference(picture, wanted)));
    const size = `${view.width}x${view.height}`;
    rows.push(
      `  ${name.padEnd(13)} ${String(view.tick).padStart(5)}  ${size.padEnd(9)} ${String(maxDiff).padStart(4)}  ${meanDiff.toFixed(6)} ${(100 * differing).toFixed(3).padStart(8)} %`,
    );
    expect(countColours(picture)).toBeGreaterThan(100);
    expect(maxDiff).toBeLessThanOrEqual(MAX_DIFF);
    expect(meanDiff).toBeLessThanOrEqual(MEAN_DIFF);
  });
});

it('animometer draws the same triangles in every mode', async () => {
  const view = { tick: 90, tickRate: 120, width: 240, height: 160 };
  const texture = createStill(gpu.device, view);
  const shown: Image[] = [];
  for (const mode of modes.keys()) {
    const bytes = new Uint8Array(Uint32Array.of(mode, 500).buffer);
    await play('animometer', texture, view, createAssetPack([{ name: 'options', bytes }]));
    shown.push(await readTexture(gpu.device, texture));
  }
  for (const picture of shown)
    expect(compare(picture, must(shown[0], 'picture')).maxDiff).toBeLessThanOrEqual(MAX_DIFF);
  texture.destroy();
});
