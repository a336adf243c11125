import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { u8 } from '../../assets/element.ts';
import { packModel } from '../../assets/packer/packer.ts';
import { must } from '../../host/base/assert.ts';
import type { JavaScriptInstance } from '../../host/engine/javascript.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { buildModules } from '../../host/play/modules.ts';
import { openTestGpu } from '../gpu/fixture.ts';
import { buttons, load, move } from '../renderer/driver.ts';
import { models, PALETTE, surfaces } from './models.ts';
import { Viewer } from './viewer.ts';

let gpu: Gpu;
const WIDTH = 240;
const HEIGHT = 136;

beforeAll(async () => {
  [gpu] = await Promise.all([openTestGpu('vulkan'), buildModules(['model'])]);
});

afterAll(() => gpu.close());

async function open(name: string, options?: { compressed?: boolean }): Promise<Viewer> {
  const viewer = await Viewer.open(
    gpu,
    (await packModel(await must(models[name] ?? surfaces[name], 'model')())).bytes,
    options,
  );
  await viewer.wait(0.1);
  return viewer;
}

/** Mean difference between two pictures per channel, from 0 to 255. */
function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(u8(a, i) - u8(b, i));
  return sum / (a.length * 0.75);
}

/** Counts the texels that differ from a colour by at least `least` in one channel. */
function unlike(picture: Uint8Array, [r = 0, g = 0, b = 0]: readonly number[], least: number): number {
  let count = 0;
  for (let i = 0; i < picture.length; i += 4) {
    const off = Math.max(
      Math.abs(u8(picture, i) - r),
      Math.abs(u8(picture, i + 1) - g),
      Math.abs(u8(picture, i + 2) - b),
    );
    if (off >= least) count++;
  }
  return count;
}

/** Returns the centre, in texels, of everything colourful or bright in a picture. The models are, and the background is not. */
function middle(picture: Uint8Array): [number, number] {
  let [x, y, count] = [0, 0, 0];
  for (let i = 0; i < picture.length; i += 4) {
    const [r, g, b] = [u8(picture, i), u8(picture, i + 1), u8(picture, i + 2)];
    if (Math.max(r, g, b) - Math.min(r, g, b) < 60 && Math.min(r, g, b) < 165) continue;
    x += (i / 4) % WIDTH;
    y += Math.floor(i / 4 / WIDTH);
    count++;
  }
  return [x / count, y / count];
}

/** Returns the colour at a place in a picture. @param x and y fractions of its width and height, from 0 to 1 */
function colorAt(picture: Uint8Array, x: number, y: number): number[] {
  const at = (Math.floor(y * HEIGHT) * WIDTH + Math.floor(x * WIDTH)) * 4;
  return [...picture.subarray(at, at + 3)];
}

describe('the viewer', () => {
  it.each(Object.keys(models))('shows the model %s in front of the background without an error', async (name) => {
    const viewer = await open(name);
    const picture = await viewer.texels(WIDTH, HEIGHT);
    expect(viewer.lines).toEqual([]);
    const stage = colorAt(picture, 0.02, 0.02);
    expect(unlike(picture, stage, 60)).toBeGreaterThan((WIDTH * HEIGHT) / 100);
    await viewer.close();
  });

  it('shows the background while the model loads, and models that are entirely transparent', async () => {
    const viewer = await Viewer.open(gpu, (await packModel(await must(models.base, 'model')())).bytes);
    const early = await viewer.texels(WIDTH, HEIGHT);
    await viewer.wait(0.1);
    expect(difference(early, await viewer.texels(WIDTH, HEIGHT))).toBeGreaterThan(2);
    await viewer.close();
    const glass = await open('glass');
    expect(unlike(await glass.texels(WIDTH, HEIGHT), colorAt(early, 0.02, 0.02), 60)).toBeGreaterThan(500);
    await glass.close();
  });

  it('exits with status 1 if it has no model', async () => {
    await expect(load(join(import.meta.dirname, '../../build/model.wasm'))).rejects.toThrow(/NL_GUEST_EXIT.*status 1/);
  });

  it.each(['palette', 'bare'])(
    'shows one colour, and no black, where texture coordinates do not vary: %s',
    async (name) => {
      // A compressed texture would not have the exact colour.
      const viewer = await open(name, { compressed: false });
      const picture = await viewer.texels(WIDTH, HEIGHT);
      const [r, g, b] = PALETTE[1];
      expect(colorAt(picture, 0.5, 0.5)).toEqual([r, g, b]);
      const all = WIDTH * HEIGHT;
      expect(all - unlike(picture, [r, g, b], 1)).toBeGreaterThan(all / 20);
      expect(all - unlike(picture, [0, 0, 0], 24)).toBe(0);
      await viewer.close();
    },
  );

  it.each([
    ['from its first position', 0],
    ['from low', -40],
    ['from above', 100],
  ])('shows the floor down to the bottom of the picture, seen %s', async (_, dy) => {
    const viewer = await open('level');
    buttons(viewer.instance, 0, 1);
    move(viewer.instance, 0, 0, dy);
    await viewer.wait(1 / 60);
    move(viewer.instance, 0, 0, 0);
    await viewer.wait(2);
    for (const [width, height] of [
      [WIDTH, HEIGHT],
      [HEIGHT, WIDTH],
    ] as const) {
      const picture = await viewer.texels(width, height);
      const brightness = (y: number) =>
        picture
          .subarray((y * width + 1) * 4)
          .slice(0, 3)
          .reduce((sum, value) => sum + value);
      // The lower part of the left edge shows only the floor, whose brightness changes little from row to row.
      for (let y = Math.ceil(height * 0.6); y < height - 1; y++)
        expect(Math.abs(brightness(y) - brightness(y + 1)), `row ${y} of ${height}`).toBeLessThan(15);
    }
    await viewer.close();
  });

  it('shows compressed and plain textures almost alike', async () => {
    const [blocks, plain] = [await open('base'), await open('base', { compressed: false })];
    const [a, b] = [await blocks.texels(WIDTH, HEIGHT), await plain.texels(WIDTH, HEIGHT)];
    const off = difference(a, b);
    expect(off).toBeLessThan(0.6);
    expect(off).toBeGreaterThan(0);
    await blocks.close();
    await plain.close();
  });

  it('shows a model that was quantized or compressed almost like the original', async () => {
    const pictures: Uint8Array[] = [];
    for (const name of ['base', 'quantized', 'meshopt', 'draco']) {
      const viewer = await open(name);
      pictures.push(await viewer.texels(WIDTH, HEIGHT));
      await viewer.close();
    }
    const [first, ...others] = pictures;
    for (const picture of others) expect(difference(must(first, 'picture'), picture)).toBeLessThan(1);
  });

  it.each(['skinned', 'morphed'])('plays the animation of the model %s, and repeats it', async (name) => {
    const viewer = await open(name);
    const start = middle(await viewer.texels(WIDTH, HEIGHT));
    await viewer.wait(0.9);
    const bent = middle(await viewer.texels(WIDTH, HEIGHT));
    await viewer.wait(1.1);
    const again = middle(await viewer.texels(WIDTH, HEIGHT));
    const way = Math.hypot(bent[0] - start[0], bent[1] - start[1]);
    expect(way).toBeGreaterThan(4);
    expect(Math.hypot(again[0] - start[0], again[1] - start[1])).toBeLessThan(way / 2);
    await viewer.close();
  });

  it('rotates the model by itself, and further as the pointer moves', async () => {
    const viewer = await open('materials');
    const first = await viewer.texels(WIDTH, HEIGHT);
    await viewer.wait(0.5);
    const turned = await viewer.texels(WIDTH, HEIGHT);
    expect(difference(first, turned)).toBeGreaterThan(0.5);
    buttons(viewer.instance, 0, 1);
    move(viewer.instance, 0, 30, 0);
    await viewer.wait(0.2);
    move(viewer.instance, 0, 0, 0);
    expect(difference(turned, await viewer.texels(WIDTH, HEIGHT))).toBeGreaterThan(2 * difference(first, turned));
    await viewer.close();
  });

  it('draws the same picture at the same time, and uses no more memory as time passes', async () => {
    const [one, two] = [await open('skinned'), await open('skinned')];
    for (const viewer of [one, two]) await viewer.wait(0.5);
    expect(difference(await one.texels(WIDTH, HEIGHT), await two.texels(WIDTH, HEIGHT))).toBe(0);
    await two.close();
    const heap = (): number => (one.instance as JavaScriptInstance).memoryBytes;
    const before = heap();
    for (let i = 0; i < 2000; i++) {
      await one.instance.tick(100 + i);
      await one.instance.render(0, WIDTH, HEIGHT);
    }
    expect(heap()).toBe(before);
    await one.close();
  });
});
