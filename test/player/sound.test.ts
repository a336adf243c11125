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
