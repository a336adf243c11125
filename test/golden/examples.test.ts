import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssetPack } from '../../assets/folder.ts';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { CommandReplay } from '../../host/gpu/replay.ts';
import { buildModules } from '../../host/play/modules.ts';
import { createStill } from '../../host/video/snapshot.ts';
import { compare, difference, type Image, writeImage } from './compare.ts';
import { modes } from './examples/animometer.ts';
import type { Frame, Render } from './examples/port.ts';

const root = join(import.meta.dirname, '../..');
const pictures = join(root, 'build/golden');
const tickRate = 120;

/** The most that a channel may differ, of 255. One device draws both pictures, so only rounding on the CPU can differ. */
const MAX_DIFF = 2;
const MEAN_DIFF = 0.01;

const names = [
  'animometer',
  'blur',
  'boids',
  'bundles',
  'cube',
  'deferred',
  'instancing',
  'msaa',
  'shadow',
  'skin',
  'triangle',
];
const views: Omit<Frame, 'tickRate'>[] = [
  { tick: 90, width: 480, height: 270 },
  { tick: 500, width: 200, height: 320 },
];

let gpu: Gpu;
const rows: string[] = [];

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  await buildModules(names);
  gpu = await openGpu({ hardwareRequired: false, log: () => {} });
}, 240_000);

afterAll(() => {
  process.stdout.write(`\n  example        tick  size       max  mean     differing\n${rows.join('\n')}\n`);
  gpu?.close();
});

/** Plays a module up to a tick and draws its picture into a texture. */
async function play(
  name: string,
  texture: GPUTexture,
  { tick }: Frame,
  assets: Uint8Array = new Uint8Array(),
): Promise<void> {
  const log = (_: string, message: string) => process.stderr.write(`${name}: ${message}\n`);
  const limits = readConfig({});
  const module = readFileSync(join(root, `build/${name}.wasm`));
  const options = { limits, seed: 1, tickRate, seats: 1, assets, log };
  const game = await createJavaScriptEngine().load(module, options);
  const replay = new CommandReplay({
    device: gpu.device,
    limits,
    asset: () => undefined,
    log,
    reply: (record) => game.reply(record),
    write: () => {},
  });
  replay.run(game.initial);
  replay.run(await game.join(0));
  for (let n = 0; n <= tick; n++) replay.run(await game.tick(n));
  const submission = await game.render(0, texture.width, texture.height);
  replay.run(submission, { texture, view: texture.createView() });
  await gpu.device.queue.onSubmittedWorkDone();
  replay.destroy();
  await game.close();
}

async function read(texture: GPUTexture): Promise<Image> {
  const { width, height } = texture;
  const bytesPerRow = Math.ceil((width * 4) / 256) * 256;
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
  const buffer = gpu.device.createBuffer({ size: bytesPerRow * height, usage });
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
  gpu.device.queue.submit([encoder.finish()]);
  await buffer.mapAsync(GPUMapMode.READ);
  const padded = new Uint8Array(buffer.getMappedRange());
  const pixels = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++)
    pixels.set(padded.subarray(y * bytesPerRow, y * bytesPerRow + width * 4), y * width * 4);
  buffer.destroy();
  return { width, height, pixels };
}

/** Number of colours in a picture. Two pictures of one colour would be alike even if nothing was drawn. */
function colours({ pixels }: Image): number {
  return new Set(new Uint32Array(pixels.buffer)).size;
}

describe.each(names)('%s', (name) => {
  it.each(views)('has the same picture as its port in TypeScript: tick $tick, $width x $height', async (shape) => {
    const view = { ...shape, tickRate };
    const [drawn, ported] = [createStill(gpu.device, view), createStill(gpu.device, view)];
    await play(name, drawn, view);
    const port = (await import(`./examples/${name}.ts`)) as { render: Render };
    port.render(gpu.device, ported, view);
    const [picture, wanted] = [await read(drawn), await read(ported)];
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
    expect(colours(picture)).toBeGreaterThan(100);
    expect(maxDiff).toBeLessThanOrEqual(MAX_DIFF);
    expect(meanDiff).toBeLessThanOrEqual(MEAN_DIFF);
  });
});

it('animometer draws the same triangles in every mode', async () => {
  const view = { tick: 90, tickRate, width: 240, height: 160 };
  const texture = createStill(gpu.device, view);
  const shown: Image[] = [];
  for (const mode of modes.keys()) {
    const bytes = new Uint8Array(Uint32Array.of(mode, 500).buffer);
    await play('animometer', texture, view, createAssetPack([{ name: 'options', bytes }]));
    shown.push(await read(texture));
  }
  for (const picture of shown)
    expect(compare(picture, must(shown[0], 'picture')).maxDiff).toBeLessThanOrEqual(MAX_DIFF);
  texture.destroy();
});
