import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';

let browser: Browser;
let game: Awaited<ReturnType<typeof startGame>>;
let page: Page;

beforeAll(async () => {
  game = await startGame();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await game?.close();
});

beforeEach(async () => {
  page = await (await browser.newContext()).newPage();
  await page.goto(`${game.url}?size=320x180&fps=30`);
  await page.waitForSelector('[data-state="playing"]', { timeout: WAIT_MS_MAX });
});

afterEach(async () => {
  await page.context().close();
  await eventually(() => expect(game.seats.every((seat) => seat.closed !== undefined)).toBe(true));
});

const shows = (state: string) => page.waitForSelector(`[data-sound="${state}"]`, { timeout: WAIT_MS_MAX });
const isMuted = () => page.evaluate(() => (document.querySelector('audio') as HTMLAudioElement).muted);

/** Returns how loud both channels are that the page's audio element plays. */
function loudness(): Promise<{ left: number; right: number }> {
  return page.evaluate(async () => {
    const stream = (document.querySelector('audio') as HTMLAudioElement).srcObject as MediaStream;
    const context = new AudioContext({ sampleRate: 48_000 });
    await context.resume();
    const splitter = context.createChannelSplitter(2);
    context.createMediaStreamSource(stream).connect(splitter);
    const analysers = [0, 1].map((channel) => {
      const analyser = context.createAnalyser();
      splitter.connect(analyser, channel);
      return analyser;
    });
    const level = (analyser: AnalyserNode): number => {
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    };
    for (let turn = 0; turn < 1500; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const [left = 0, right = 0] = analysers.map(level);
      // On a busy machine the tone has gaps, so this waits for a window without any: the sine's 0.5 / sqrt(2).
      if (left > 0.33) return { left, right };
    }
    return { left: 0, right: 0 };
  });
}

test('sound is muted until the player clicks, and then plays on both sides as the game sent it', async () => {
  expect(await page.isVisible('#speaker')).toBe(false);
  void at(game.seats, -1).sing();
  await shows('blocked');
  expect(await isMuted()).toBe(true);
  expect(await page.getAttribute('#speaker', 'aria-label')).toBe('Sound: off until you click');
  await page.click('#play');
  await shows('on');
  expect(await isMuted()).toBe(false);
  const { left, right } = await loudness();
  expect(left).toBeGreaterThan(0.33);
  expect(left).toBeLessThan(0.4);
  expect(right).toBeLessThan(0.03);
  const streams = await page.evaluate(() =>
    ['audio', 'video'].map((name) => ((document.querySelector(name) as HTMLMediaElement).srcObject as MediaStream).id),
  );
  expect(streams[0]).not.toBe(streams[1]);
});

test('the player can turn sound off and on, and the page keeps that and the volume for the next visit', async () => {
  void at(game.seats, -1).sing();
  await shows('blocked');
  await page.click('#play');
  await shows('on');
  await page.keyboard.press('Escape');
  await page.evaluate(() => (document.getElementById('speaker') as HTMLElement).click());
  await shows('off');
  expect(await isMuted()).toBe(true);
  await page.evaluate(() => {
    const volume = document.getElementById('volume') as HTMLInputElement;
    volume.value = '0.25';
    volume.dispatchEvent(new Event('input'));
  });
  await shows('on');
  const volumeOf = () => page.evaluate(() => (document.querySelector('audio') as HTMLAudioElement).volume);
  expect(await volumeOf()).toBe(0.25);
  await page.evaluate(() => (document.getElementById('speaker') as HTMLElement).click());
  await shows('off');
  await page.reload();
  await page.waitForSelector('[data-state="playing"]', { timeout: WAIT_MS_MAX });
  void at(game.seats, -1).sing();
  await shows('off');
  expect(await volumeOf()).toBe(0.25);
  await page.click('#play');
  expect(await isMuted()).toBe(true);
});

test('a game without sound has no loudspeaker button', async () => {
  await page.click('#play');
  await page.waitForTimeout(300);
  expect(await page.getAttribute('#page', 'data-sound')).toBe('silent');
  expect(await page.isVisible('#speaker')).toBe(false);
});

/** Records the left channel while the player turns the sound on. Times are in milliseconds from the click. */
function recordClick(): Promise<{ samples: number[]; startsAt: number }> {
  return page.evaluate(async () => {
    const stream = (document.querySelector('audio') as HTMLAudioElement).srcObject as MediaStream;
    const context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
    await context.resume();
    const recorder = context.createScriptProcessor(256, 2, 1);
    const samples: number[] = [];
    let startsAt = 0;
    let clickedAt = 0;
    recorder.onaudioprocess = ({ inputBuffer }) => {
      if (samples.length === 0) startsAt = performance.now();
      samples.push(...inputBuffer.getChannelData(0));
    };
    context.createMediaStreamSource(stream).connect(recorder);
    recorder.connect(context.destination);
    await new Promise((resolve) => setTimeout(resolve, 300));
    clickedAt = performance.now();
    (document.getElementById('speaker') as HTMLElement).click();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return { samples, startsAt: startsAt - clickedAt };
  });
}

test('a muted page gets no sound, and hears the game soon after the player turns it on', async () => {
  const seat = at(game.seats, -1);
  void seat.sing();
  await shows('blocked');
  // No one hears the sound of a page that the player has not clicked yet.
  await eventually(() => expect(seat.muted).toBe(true));
  await page.click('#play');
  await shows('on');
  await eventually(() => expect(seat.muted).toBe(false));
  const sung = seat.packetsSung;
  await eventually(() => expect(seat.packetsSung).toBeGreaterThan(sung + 10));
  await page.evaluate(() => (document.getElementById('speaker') as HTMLElement).click());
  await shows('off');
  await eventually(() => expect(seat.muted).toBe(true));
  await page.waitForTimeout(300);
  const muted = seat.packetsSung;
  await page.waitForTimeout(1000);
  expect(seat.packetsSung).toBe(muted);
  const { samples, startsAt } = await recordClick();
  await shows('on');
  const first = samples.findIndex((sample) => Math.abs(sample) > 0.1);
  const loud = samples.slice(first, first + 24_000).map(Math.abs);
  expect(first).toBeGreaterThan(0);
  expect(Math.max(...loud)).toBeGreaterThan(0.4);
  // The limit leaves room for a busy machine. It took 80 ms on one with twenty times as much to do as it could.
  expect(startsAt + first / 48).toBeLessThan(2000);
});
