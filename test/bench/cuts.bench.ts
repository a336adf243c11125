// Cuts of the line of 0.2 to 30 s while a key is held: from the line's return to the next picture in Chromium, and the seat.
import { cutLine, seatsOf, watchPictures } from '../e2e/cuts.ts';
import { openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { freePort, Line } from '../e2e/line.ts';
import { Random } from '../random.ts';
import { sleep } from '../wait.ts';
import { benchmark } from './harness.ts';

/** Number of cuts. 200 of them take about half an hour. */
const CUTS = Number(process.env.CUTS ?? 200);
const CUT_MS_MIN = 200;
const CUT_MS_MAX = 30_000;
/** ICE gives a connection up after about this much silence, so that the page needs another one. */
const LONG_MS = 12_000;

await benchmark('cuts', async (bench) => {
  const [httpPort, icePort] = [await freePort('tcp'), await freePort('udp')];
  const host = await startHostProcess(['build/latency.wasm'], { PORT: String(httpPort), ICE_PORT: String(icePort) });
  const browser = await startBrowser();
  const line = await Line.open({ httpPort, icePort });
  try {
    bench.machine({ browser: browser.version(), cuts: CUTS });
    const page = await openGame(browser, `${line.url}?size=640x360&fps=60`);
    await page.locator('#play').click();
    await page.evaluate(watchPictures);
    await page.keyboard.down('KeyW');
    await sleep(2000);
    const random = new Random(7);
    const [short, long, held]: number[][] = [[], [], []];
    let moved = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      const share = random.u32() / 2 ** 32;
      const { cutMs, pictureMs, heldMs } = await cutLine(page, line, CUT_MS_MIN * (CUT_MS_MAX / CUT_MS_MIN) ** share);
      (cutMs < LONG_MS ? short : long)?.push(pictureMs);
      held?.push(heldMs);
      const { taken, seats } = await seatsOf(host);
      if (taken !== 1 || seats.some((seat) => seat !== 0)) moved++;
      await sleep(1500);
    }
    const limit = { direction: 'at most', limit: 500, unit: 'ms' } as const;
    for (const [name, samples] of Object.entries({ short, long, held })) {
      if (!samples?.length) continue;
      const { p50, max } = bench.figure(`line's return to picture, ${name}`, 'ms', samples);
      bench.goal(`${name}: P50`, { ...limit, value: p50 });
      bench.goal(`${name}: longest`, { ...limit, value: max });
    }
    bench.goal('cuts after which the player had another seat', {
      direction: 'at most',
      limit: 0,
      value: moved,
      unit: '',
    });
  } finally {
    await browser.close();
    line.close();
    await host.stop();
  }
});
