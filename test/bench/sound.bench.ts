// From a key to the sound that answers it in Chromium, the picture beside it, and the CPU of a player's sound.
import type { Browser, Page } from 'playwright-core';
import { must } from '../../host/base/assert.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { type Bench, benchmark } from './harness.ts';
import { probeLatency } from './probe.ts';
import { cpuSeconds } from './processes.ts';

const ROUNDS = 4;
const SECONDS = 20;
const WARM_UP_SECONDS = 8;
const KEY_TO_AUDIBLE_MS = 60;
const PICTURE_MORE_MS = 1;

/**
 * Presses keys at random times in a page that plays sound.wasm, and finds the first sample of each click in the decoded sound.
 * The loudspeaker's own buffer, which differs between machines, is not part of the time.
 */
function probeSound(page: Page, seconds: number): Promise<number[]> {
  return page.evaluate(async (duration) => {
    const audio = document.querySelector('audio');
    const [track] = (audio?.srcObject as MediaStream | undefined)?.getAudioTracks() ?? [];
    if (!track) throw new Error('the page has no sound');
    type Chunk = {
      numberOfFrames: number;
      sampleRate: number;
      copyTo(to: Float32Array, options: object): void;
      close(): void;
    };
    const { MediaStreamTrackProcessor } = globalThis as unknown as {
      MediaStreamTrackProcessor: new (options: object) => { readable: ReadableStream<Chunk> };
    };
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const heard: number[] = [];
    let sentAt = 0;
    const press = (): void => {
      sentAt = performance.now();
      const key = { code: 'KeyW', key: 'w', bubbles: true };
      window.dispatchEvent(new KeyboardEvent('keydown', key));
      setTimeout(() => window.dispatchEvent(new KeyboardEvent('keyup', key)), 5);
    };
    const begun = performance.now();
    let quietSince = begun;
    let samples = new Float32Array(4800);
    while (performance.now() - begun < duration * 1000) {
      const { value: chunk } = await reader.read();
      if (!chunk) break;
      const now = performance.now();
      if (samples.length < chunk.numberOfFrames) samples = new Float32Array(chunk.numberOfFrames);
      chunk.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      let loud = -1;
      for (let n = 0; n < chunk.numberOfFrames && loud < 0; n++) if (Math.abs(samples[n] ?? 0) > 0.15) loud = n;
      const { sampleRate } = chunk;
      chunk.close();
      if (loud >= 0) quietSince = now;
      if (loud >= 0 && sentAt > 0) {
        heard.push(now - sentAt + (1000 * loud) / sampleRate);
        sentAt = 0;
      } else if (sentAt > 0 && now - sentAt > 2000) sentAt = 0;
      if (sentAt === 0 && now - quietSince > 60 + Math.random() * 120) press();
    }
    await reader.cancel();
    return heard;
  }, seconds);
}

/** Latencies of the picture, and the CPU time of the host in % of a core. */
interface Seen {
  pictureMs: number[];
  cpu: number[];
}

const percentile99 = (samples: readonly number[]): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  return must(sorted[Math.ceil(0.99 * sorted.length) - 1], 'sample');
};

/** Plays a game in a page of its own. Measures the picture, and for a game with sound what is heard. */
async function round(host: HostProcess, browser: Browser, game: 'latency' | 'sound', seen: Seen, heard?: number[]) {
  const page = await openGame(browser, `${host.url}?game=${game}&size=640x360&fps=60`);
  await page.locator('#play').click();
  if (heard) await page.waitForSelector('[data-sound="on"]');
  await probeLatency(page, WARM_UP_SECONDS);
  const pid = must(host.process.pid, 'process id');
  const before = cpuSeconds(pid);
  const { callbackMs, seconds } = await probeLatency(page, SECONDS);
  seen.pictureMs.push(...callbackMs);
  seen.cpu.push(((cpuSeconds(pid) - before) / seconds) * 100);
  if (heard) heard.push(...(await probeSound(page, SECONDS)));
  const status = await host.status();
  await page.close();
  return status;
}

async function run(bench: Bench, host: HostProcess, browser: Browser): Promise<void> {
  const [without, beside]: [Seen, Seen] = [
    { pictureMs: [], cpu: [] },
    { pictureMs: [], cpu: [] },
  ];
  const heard: number[] = [];
  // Rounds alternate, so that whatever else the machine does disturbs both alike.
  let status = await host.status();
  for (let n = 0; n < ROUNDS; n++) {
    await round(host, browser, 'latency', without);
    status = await round(host, browser, 'sound', beside, heard);
  }
  const { p99 } = bench.figure('key to audible', 'ms', heard);
  bench.figure('picture without sound', 'ms', without.pictureMs);
  bench.figure('picture with sound', 'ms', beside.pictureMs);
  bench.figure('CPU of host and guest without sound', '% of a core', without.cpu);
  bench.figure('CPU of host and guest with sound', '% of a core', beside.cpu);
  const room = must(
    status.rooms.find(({ name }) => name === 'sound'),
    'room',
  );
  const { sound } = room.views[0] as unknown as { sound: { encodeMs: { p50: number; p99: number }; dropped: number } };
  bench.value('encodeMs P50', 'ms', sound.encodeMs.p50);
  bench.value('encodeMs P99', 'ms', sound.encodeMs.p99);
  bench.value('packets dropped in the last round', '', sound.dropped);
  bench.goal('key to audible P99', { direction: 'at most', unit: 'ms', limit: KEY_TO_AUDIBLE_MS, value: p99 });
  bench.goal('picture P99, more with sound', {
    direction: 'at most',
    unit: 'ms',
    limit: PICTURE_MORE_MS,
    value: percentile99(beside.pictureMs) - percentile99(without.pictureMs),
  });
}

await benchmark('sound', async (bench) => {
  const host = await startHostProcess(['build/latency.wasm', 'build/sound.wasm']);
  const browser = await startBrowser();
  try {
    bench.machine({ browser: browser.version() });
    await run(bench, host, browser);
  } finally {
    await browser.close();
    await host.stop();
  }
});
