import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../wait.ts';
import { copySources, serve, shown, startGpuBrowser } from './browser.ts';

const copy = copySources(['examples/sound.ts']);
let dev: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;

/** Has everything that the page sends to the loudspeaker measured, too. Runs inside the page. */
function tap(): void {
  const connect = AudioNode.prototype.connect as (this: AudioNode, to: AudioNode) => AudioNode;
  AudioNode.prototype.connect = function (this: AudioNode, to: AudioNode): AudioNode {
    if (to instanceof AudioDestinationNode) {
      const analyser = this.context.createAnalyser();
      connect.call(this, analyser);
      Object.assign(globalThis, { analyser });
    }
    return connect.call(this, to);
  } as unknown as AudioNode['connect'];
}

/** Returns how loud the loudest of the last samples is; -1 if nothing is connected to the loudspeaker. */
const loudest = () =>
  page.evaluate(() => {
    const { analyser } = globalThis as unknown as { analyser?: AnalyserNode };
    if (!analyser) return -1;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  });

beforeAll(async () => {
  [dev, browser] = await Promise.all([serve(copy.path('examples/sound.ts')), startGpuBrowser()]);
  page = await browser.newPage();
  await page.addInitScript(tap);
  await page.goto(dev.url);
  await shown(page, 1);
});

afterAll(async () => {
  await browser?.close();
  await dev?.close();
  copy.remove();
});

test('a game in the tab is heard once the author has clicked, and answers a key', async () => {
  expect(await loudest()).toBe(-1);
  await page.click('#stage');
  // The hum of the example.
  await eventually(async () => expect(await loudest()).toBeGreaterThan(0.003));
  await eventually(async () => expect(await loudest()).toBeLessThan(0.1));
  await eventually(async () => {
    await page.keyboard.press('w');
    expect(await loudest()).toBeGreaterThan(0.2);
  });
});
