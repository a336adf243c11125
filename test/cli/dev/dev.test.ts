import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHROMIUM_SOFTWARE_FLAGS } from '../../../host/cli/dev/device.ts';
import { createProject } from '../../../host/cli/new.ts';
import { at } from '../../at.ts';
import { installSdk } from '../../renderer/project.ts';
import { eventually, WAIT_MS_MAX } from '../../wait.ts';
import { copySources, serve, shown, startGpuBrowser } from './browser.ts';

const copy = copySources(['examples/triangle.ts']);
const project = join(copy.folder, 'star');
const triangle = copy.path('examples/triangle.ts');
const original = readFileSync(triangle, 'utf8');
let dev: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;
let build = 1;

beforeAll(async () => {
  createProject(project, { nearlight: '*', '@nearlight/sdk': '*' });
  installSdk(project, { keepManifest: true });
  [dev, browser] = await Promise.all([serve(triangle), startGpuBrowser()]);
  page = await browser.newPage({ viewport: { width: 640, height: 394 } });
  await page.goto(dev.url);
  await shown(page, build);
});

afterAll(async () => {
  await browser?.close();
  await dev?.close();
  copy.remove();
});

/** Saves a change to the source of the example game `triangle`. The caller waits for the effect. */
function save(from: string, to: string): void {
  expect(original).toContain(from);
  writeFileSync(triangle, original.replace(from, to));
  build++;
}

const state = (wanted: string) =>
  page.waitForFunction((name) => document.body.dataset.state === name, wanted, { timeout: WAIT_MS_MAX });
/** Returns the line of a text in the shader of the example game `triangle`, counted from 1. */
const shaderLine = (text: string) =>
  original.slice(original.indexOf('const shader'), original.indexOf(text)).split('\n').length;
const overlay = () => page.locator('#overlay').textContent();

/** Returns mean and standard deviation of red, green and blue in a part of the page. */
async function colours(of: Page, [left, top, width, height]: [number, number, number, number]) {
  const { channels } = await sharp(await of.screenshot({ clip: { x: left, y: top, width, height } })).stats();
  return channels.slice(0, 3).map(({ mean, stdev }) => ({ mean, stdev }));
}

test('the game is drawn in the tab', async () => {
  const middle = await colours(page, [280, 160, 80, 60]);
  const corner = await colours(page, [4, 4, 30, 30]);
  for (const { mean } of middle) expect(mean).toBeGreaterThan(90);
  expect(corner.map(({ mean }) => Math.round(mean))).toEqual([10, 13, 23]);
  expect(await page.locator('#gpu').textContent()).toMatch(/\w/);
  await page.waitForFunction(() => Number(document.getElementById('fps')?.textContent) > 0);
});

test('a saved change is shown without reloading the page', async () => {
  await page.evaluate(() => Object.assign(globalThis, { same: true }));
  save('r: 0.04, g: 0.05, b: 0.09', 'r: 0.5, g: 0.05, b: 0.09');
  await shown(page, build);
  const corner = await colours(page, [4, 4, 30, 30]);
  expect(Math.round(at(corner, 0).mean)).toBe(128);
  expect(await page.evaluate(() => 'same' in globalThis)).toBe(true);
  expect(await page.locator('#kept').textContent()).toBe('started over');
});

test('a compile error is shown with its position, and disappears when it is corrected', async () => {
  save('this.uniforms[0] = 6.2831853', 'this.uniforms[0] = nope');
  await state('broken');
  const line = original.split('\n').findIndex((text) => text.includes('6.2831853')) + 1;
  const text = await overlay();
  expect(text).toContain("Cannot find name 'nope'");
  expect(text).toContain(`renderer/examples/triangle.ts:${line}:24`);
  expect(text).toContain('this.uniforms[0] = nope');
  expect(dev.lines.at(-1)).toContain(`renderer/examples/triangle.ts:${line}:24`);
  save('0.8 * vec2f', '0.7 * vec2f');
  await shown(page, build);
  expect(await page.locator('#overlay').isHidden()).toBe(true);
});

test('a trap is shown with its position in the sources', async () => {
  save('  tick(n: u32): void {\n', '  tick(n: u32): void {\n    if (n > 3) store<u32>(0xfffffff0, n);\n');
  await state('stopped');
  await page.waitForFunction(() => document.getElementById('overlay')?.textContent.includes('Triangle#tick'));
  const line = original.split('\n').findIndex((text) => text.includes('tick(n: u32)')) + 2;
  expect(await overlay()).toContain(`Triangle#tick (renderer/examples/triangle.ts:${line}:`);
});

test('an error of WebGPU is shown', async () => {
  save('* point.corner);', '* point.corners);');
  await page.waitForFunction(() => /corners/.test(document.getElementById('overlay')?.textContent ?? ''));
  const text = await overlay();
  expect(text).toContain('The shader “triangle” does not compile');
  expect(text).toContain('NL_GPU_VALIDATION: ');
  const line = shaderLine('* point.corner);');
  expect(text).toMatch(new RegExp(`triangle:${line}:\\d+`));
  expect(await page.locator('.problem .here').textContent()).toMatch(new RegExp(`^ +${line} .*point.corners`));
  expect(await page.locator('.problem mark').textContent()).toContain('corners');
  expect(dev.lines.at(-1)).toContain(`triangle:${line}:`);
  save('0.8 * vec2f', '0.6 * vec2f');
  await shown(page, build);
  await state('running');
});

test('a refused command is shown with the line that wrote it', async () => {
  const lineOf = (text: string) => original.split('\n').findIndex((line) => line.includes(text)) + 1;
  save('size: 8, usage', "label: 'view', size: 6, usage");
  await page.waitForFunction(() => /command/.test(document.getElementById('overlay')?.textContent ?? ''));
  expect(await overlay()).toMatch(/NL_COMMAND: .*command \d+ \(writeBuffer, buffer "view"\) in render: /);
  const write = lineOf('device.queue.writeBuffer');
  await page.waitForFunction(
    (place) => document.getElementById('overlay')?.textContent.includes(place),
    `Triangle#render (renderer/examples/triangle.ts:${write}:`,
  );
  save('usage: BufferUsage.UNIFORM |', 'usage: BufferUsage.UNIFORM | BufferUsage.MAP_READ |');
  const create = lineOf('usage: BufferUsage.UNIFORM');
  await page.waitForFunction(
    (place) => document.getElementById('overlay')?.textContent.includes(place),
    `Triangle#init (renderer/examples/triangle.ts:${create}:`,
  );
  expect(await overlay()).toMatch(/NL_GPU_VALIDATION: .*command 0 \(createBuffer\) in init: /);
  expect(dev.lines.at(-1)).toContain(`renderer/examples/triangle.ts:${create}:`);
  save('0.8 * vec2f', '0.6 * vec2f');
  await shown(page, build);
  await state('running');
});

test.each([
  ['for another host', { host: 'example.org' }, 403],
  ['from another origin', { origin: 'http://example.org' }, 403],
  ['from its own page', {}, 200],
])('a request %s gets the status %s', async (_, headers, status) => {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const asked = request(dev.url, { headers }, (response) => resolve(response.resume().statusCode));
  asked.end();
  expect(await promise).toBe(status);
});

test('a port in use and an unknown game are refused', async () => {
  const { startDev } = await import('../../../host/cli/dev/dev.ts');
  const { findGame } = await import('../../../host/play/project.ts');
  const { readConfig } = await import('../../../host/base/config.ts');
  const port = Number(new URL(dev.url).port);
  const started = startDev({ source: findGame(triangle), port, config: readConfig({}), log: () => {} });
  await expect(started).rejects.toThrow('NL_PORT_IN_USE');
  expect(() => findGame('nothing-here')).toThrow(/^NL_USAGE: .*there is no game nothing-here in .*there are: arena,/);
  expect(() => findGame('/nowhere/index.ts')).toThrow('NL_USAGE');
});

test('a page that is opened at a broken build shows the error, and mentions no earlier build', async () => {
  save('this.uniforms[0] = 6.2831853', 'this.uniforms[0] = nope');
  await state('broken');
  expect(await page.locator('#hint').textContent()).toBe('The last build goes on below.');
  const other = await browser.newPage({ viewport: { width: 160, height: 124 } });
  await other.goto(dev.url);
  await other.waitForFunction(() => document.body.dataset.state === 'broken');
  expect(await other.locator('#hint').textContent()).toBe('');
  await other.close();
});

test('a game that saves its state keeps it across builds, and the keyboard steers it', async () => {
  // This test opens a page of its own, and two pages that draw in software would be slow.
  await page.close();
  const path = join(project, 'src/index.ts');
  const source = readFileSync(path, 'utf8');
  const change = (from: string, to: string) => {
    expect(source).toContain(from);
    writeFileSync(path, source.replace(from, to));
  };
  let star = await serve(path);
  const play = await browser.newPage({ viewport: { width: 320, height: 234 } });
  const kept = () => play.locator('#kept').textContent();
  const is = (wanted: string) =>
    play.waitForFunction((name) => document.body.dataset.state === name, wanted, { timeout: WAIT_MS_MAX });
  await play.goto(star.url);
  await shown(play, 1);
  const middle = async () => (await colours(play, [152, 92, 16, 16])).reduce((sum, { mean }) => sum + mean, 0);
  const there = await middle();
  await play.keyboard.down('KeyA');
  await eventually(async () => expect(await middle()).toBeLessThan(0.7 * there));
  await play.keyboard.up('KeyA');
  change('vec3f(0.03, 0.035, 0.07)', 'vec3f(0.03, 0.035, 0.08)');
  await shown(play, 2);
  expect(await kept()).toBe('state kept');
  expect(await middle()).toBeLessThan(0.7 * there);

  change('for (var i = 0u;', 'for (var i = nothing;');
  await is('stopped');
  expect(await play.locator('#hint').textContent()).toContain('go on from the last state');
  writeFileSync(path, source);
  await shown(play, 4);
  expect(await kept()).toBe('state kept');
  expect(await middle()).toBeLessThan(0.7 * there);

  change('this.time += this.dt;', 'while (_n > 0) {}');
  await is('stuck');
  await eventually(() => expect(star.lines.at(-1)).toMatch(/does not answer\n.*Save a change/));
  writeFileSync(path, source);
  await shown(play, 6);
  expect(await kept()).toBe('state kept');
  expect(await middle()).toBeLessThan(0.7 * there);

  await at(play.workers(), -1).evaluate(() => {
    GPUDevice.prototype.createCommandEncoder = function () {
      this.destroy();
      throw new Error('lost');
    };
  });
  await is('stopped');
  expect(await play.locator('#problems').textContent()).not.toContain('cannot show');
  await play.locator('#retry').click();
  await is('running');
  expect(await kept()).toBe('state kept');
  expect(await middle()).toBeLessThan(0.7 * there);
  change('vec3f(0.03, 0.035, 0.07)', 'vec3f(0.03, 0.035, 0.08)');
  await shown(play, 7);
  expect(await kept()).toBe('state kept');
  expect(await middle()).toBeLessThan(0.7 * there);

  await star.close();
  await play.locator('#gone').waitFor();
  expect(await play.locator('#kept').isVisible()).toBe(false);
  writeFileSync(path, source.replace('vec3f(0.03, 0.035, 0.07)', 'vec3f(0.03, 0.035, 0.09)'));
  star = await serve(path, Number(new URL(star.url).port));
  await play.locator('#gone').waitFor({ state: 'hidden' });
  await play.waitForFunction(() => document.body.dataset.build === '1');
  expect(await kept()).toBe('state kept');
  expect(await middle()).toBeLessThan(0.7 * there);

  change('state.version(1)', 'state.version(2)');
  await shown(play, 2);
  expect(await kept()).toBe('state refused: started over');
  await eventually(async () => expect(await middle()).toBeGreaterThan(0.8 * there));
  await play.close();
  await star.close();
});

test('a page in a browser that cannot show WebGPU names the flags that help, and offers to try again', async () => {
  const flags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
  const software = await startGpuBrowser(flags);
  const view = await software.newPage({ viewport: { width: 160, height: 124 } });
  const stops = () =>
    view.waitForFunction(() => document.body.dataset.state === 'stopped', undefined, { timeout: WAIT_MS_MAX });
  save('0.8 * vec2f', '0.5 * vec2f');
  await view.goto(dev.url);
  await stops();
  const text = await view.locator('#problems').textContent();
  expect(text).toMatch(/^NL_GPU_LOST: .*cannot show a WebGPU canvas/);
  for (const flag of CHROMIUM_SOFTWARE_FLAGS.split(' ')) expect(text).toContain(flag);
  await view.evaluate(() => {
    const headline = document.getElementById('headline');
    if (headline) headline.textContent = 'before';
  });
  await view.locator('#retry').click();
  await view.waitForFunction(() => document.getElementById('headline')?.textContent === 'The GPU is lost');
  await stops();
  await software.close();
});
