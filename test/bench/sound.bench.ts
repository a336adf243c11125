// From a key to the sound that answers it in Chromium, the picture beside it, and the CPU of a player's sound.
import type { Browser, Page } from 'playwright-core';
import { must } from '../../host/base/assert.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { type Bench, benchmark } from './harness.ts';
import { probeLatency } from './probe.ts';
import { cpuSeconds } from './processes.ts';

const SECONDS = 60;
const WARM_UP_SECONDS = 10;
const KEY_TO_AUDIBLE_MS = 60;
const PICTURE_MORE_MS = 1;

/** The sound that a page heard: the time from each key to the sound, and how long its audio receiver held packets. */
interface Heard {
  audibleMs: number[];
  jitterBufferMs: number;
  concealed: number;
  samples: number;
}

/**
 * Presses keys at random times in a page that plays sound.wasm, and finds the first sample of each click in the decoded sound.
 * The loudspeaker's own buffer, which differs between machines, is not part of the time.
 */
function probeSound(page: Page, seconds: number): Promise<Heard> {
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
    const heard: Heard = { audibleMs: [], jitterBufferMs: 0, concealed: 0, samples: 0 };
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
        heard.audibleMs.push(now - sentAt + (1000 * loud) / sampleRate);
        sentAt = 0;
      } else if (sentAt > 0 && now - sentAt > 2000) sentAt = 0;
      if (sentAt === 0 && now - quietSince > 60 + Math.random() * 120) press();
    }
    await reader.cancel();
    return heard;
  }, seconds);
}

/** Opens a game, plays it and measures the picture. Returns the picture's P99, and the CPU time of the host in % of a core. */
async function picture(page: Page, host: HostProcess): Promise<{ p99: number; samples: number[]; cpu: number }> {
  await probeLatency(page, WARM_UP_SECONDS);
  const pid = must(host.process.pid, 'process id');
  const before = cpuSeconds(pid);
  const { callbackMs, seconds } = await probeLatency(page, SECONDS);
  const sorted = [...callbackMs].sort((a, b) => a - b);
  const p99 = must(sorted[Math.ceil(0.99 * sorted.length) - 1], 'sample');
  return { p99, samples: callbackMs, cpu: ((cpuSeconds(pid) - before) / seconds) * 100 };
}

async function run(bench: Bench, host: HostProcess, browser: Browser): Promise<void> {
  const open = async (game: string) => {
    const page = await openGame(browser, `${host.url}?game=${game}&size=640x360&fps=60`);
    await page.locator('#play').click();
    return page;
  };
  const silent = await open('latency');
  const without = await picture(silent, host);
  await silent.close();
  const page = await open('sound');
  await page.waitForSelector('[data-sound="on"]');
  const beside = await picture(page, host);
  await probeSound(page, WARM_UP_SECONDS);
  const { audibleMs } = await probeSound(page, SECONDS);
  const { p99 } = bench.figure('key to audible', 'ms', audibleMs);
  bench.figure('picture without sound', 'ms', without.samples);
  bench.figure('picture with sound', 'ms', beside.samples);
  bench.value('CPU of host and guest without sound', '% of a core', without.cpu);
  bench.value('CPU of host and guest with sound', '% of a core', beside.cpu);
  const room = must(
    (await host.status()).rooms.find(({ name }) => name === 'sound'),
    'room',
  );
  const { sound } = room.views[0] as unknown as { sound: { encodeMs: { p50: number; p99: number }; dropped: number } };
  bench.value('encodeMs P50', 'ms', sound.encodeMs.p50);
  bench.value('encodeMs P99', 'ms', sound.encodeMs.p99);
  bench.value('packets dropped', '', sound.dropped);
  await page.close();
  bench.goal('key to audible P99', { direction: 'at most', unit: 'ms', limit: KEY_TO_AUDIBLE_MS, value: p99 });
  bench.goal('picture P99, more with sound', {
    direction: 'at most',
    unit: 'ms',
    limit: PICTURE_MORE_MS,
    value: beside.p99 - without.p99,
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
