import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { openGpu } from '../../host/gpu/dawn.ts';
import { buildModules } from '../../host/play/modules.ts';
import { compare, difference, type Image } from './compare.ts';
import { draw, goldenPath, judge, out } from './draw.ts';
import { readImage, writeImage } from './picture.ts';
import { scenes, toleranceOf } from './scenes.ts';

let folder = '';
let tolerance: ReturnType<typeof toleranceOf>;

beforeAll(async () => {
  await buildModules(['arena', 'triangle']);
  folder = await mkdtemp(join(tmpdir(), 'nearlight-golden-'));
  const gpu = await openGpu({ hardwareRequired: false, log: () => {} });
  const { description } = gpu.adapter;
  gpu.close();
  tolerance = toleranceOf(description);
  if (!tolerance.known)
    process.stderr.write(`golden: no tolerance is known for ${description}; the widest one is used\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('pictures that are kept', () => {
  it.each(scenes)('$name is drawn as it was', async (scene) => {
    const { message } = await judge(scene, await draw(scene), tolerance);
    expect(message).toBe('');
  });

  it('a picture that has changed is reported, and its difference is written to a file', async () => {
    const scene = must(scenes[0], 'scene');
    const golden = await readImage(goldenPath(scene));
    const changed = { ...golden, pixels: golden.pixels.slice() };
    for (let at = 0; at < changed.pixels.length / 4; at++) changed.pixels[at] = 255 - (changed.pixels[at] ?? 0);
    const path = join(folder, 'changed.png');
    await writeFile(path, await writeImage(changed));
    const { fits, message } = await judge(scene, path, toleranceOf('something new'));
    expect(fits).toBe(false);
    expect(message).toMatch(
      /^triangle is not as .*triangle\.png has it: mean .* node test\/golden\/update\.ts triangle$/,
    );
    expect(existsSync(join(out, 'triangle-difference.png'))).toBe(true);
  });

  it('the driver that drew the kept pictures has a smaller tolerance than others', () => {
    const own = toleranceOf('llvmpipe: Mesa 25.0.7-2+deb13u1 (LLVM 19.1.7) 0.0.1');
    const others = ['llvmpipe: Mesa 24.1.0', 'SwiftShader Device', 'NVIDIA H200', 'a new one'].map(toleranceOf);
    expect([own, ...others].map(({ known }) => known)).toEqual([true, true, true, true, false]);
    for (const { meanDiff } of others) expect(meanDiff).toBeGreaterThan(own.meanDiff);
  });
});

describe('the comparison', () => {
  const image = (...pixels: number[]): Image => ({ width: 2, height: 1, pixels: new Uint8Array(pixels) });
  const a = image(0, 10, 20, 255, 0, 0, 0, 255);

  it('the comparison finds no difference between a picture and itself', () => {
    expect(compare(a, a)).toEqual({ maxDiff: 0, meanDiff: 0, differing: 0 });
  });

  it('the comparison finds by how much, and in how many pixels, two pictures differ', () => {
    expect(compare(a, image(0, 12, 14, 255, 0, 0, 0, 255))).toEqual({ maxDiff: 6, meanDiff: 1, differing: 0.5 });
    expect(difference(a, image(0, 12, 14, 255, 0, 0, 0, 255)).pixels).toEqual(
      new Uint8Array([0, 16, 48, 255, 0, 0, 0, 255]),
    );
  });

  it('the comparison refuses pictures of different sizes', () => {
    expect(() => compare(a, { width: 1, height: 2, pixels: a.pixels })).toThrow(
      '2x1 and 1x2 pixels cannot be compared',
    );
  });

  it('readImage reads the pictures that writeImage writes', async () => {
    expect(await readImage(await writeImage(a))).toEqual(a);
  });
});
