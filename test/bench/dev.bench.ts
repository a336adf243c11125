// Time from saving a source file to its picture in the tab, and from opening the page to the first frame.
import { readFileSync, writeFileSync } from 'node:fs';
import { copySources, serve, shown, startGpuBrowser } from '../cli/dev/browser.ts';
import { benchmark } from './harness.ts';

const SAVES = 20;
const PAGES = 5;
const MEDIAN_MS_MAX = 1000;
const COLOUR = 'b: 0.09';

await benchmark('dev', async (bench) => {
  const copy = copySources(['examples/triangle.ts']);
  const file = copy.path('examples/triangle.ts');
  const text = readFileSync(file, 'utf8');
  const [dev, browser] = await Promise.all([serve(file), startGpuBrowser()]);
  try {
    const cold: number[] = [];
    for (let n = 0; n < PAGES; n++) {
      const page = await browser.newPage({ viewport: { width: 640, height: 394 } });
      const begun = performance.now();
      await page.goto(dev.url);
      await shown(page, 1);
      cold.push(performance.now() - begun);
      await page.close();
    }
    const page = await browser.newPage({ viewport: { width: 640, height: 394 } });
    await page.goto(dev.url);
    await shown(page, 1);
    const saves: number[] = [];
    for (let n = 0; n < SAVES; n++) {
      await page.waitForTimeout(300);
      const begun = performance.now();
      writeFileSync(file, text.replace(COLOUR, `b: 0.${10 + n}`));
      await shown(page, n + 2);
      saves.push(performance.now() - begun);
    }
    bench.figure('open the page to its first frame', 'ms', cold);
    const value = bench.figure('save to picture', 'ms', saves).p50;
    bench.goal('save to picture, median', { direction: 'at most', limit: MEDIAN_MS_MAX, value, unit: 'ms' });
  } finally {
    await browser.close();
    await dev.close();
    copy.remove();
  }
});
