import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { SizeLadder } from '../../host/room/ladder.ts';

const WANTED = { width: 1280, height: 720, fps: 60 };
/** The bitrates at which 1280x720 becomes too large, and at which 960x540 becomes too small. */
const DOWN = 0.04 * 1280 * 720 * 60;
const UP = 0.08 * 1280 * 720 * 60;

/** Gives a bitrate for some time, ten times a second. @returns the width in the end */
function give(ladder: SizeLadder, bitsPerSecond: number, fromMs: number, ms: number): number {
  for (let at = fromMs; at <= fromMs + ms; at += 100) ladder.update(bitsPerSecond, milli(at));
  return ladder.size.width;
}

test('pictures have the wanted size until the bitrate has been too low for a second', () => {
  const ladder = new SizeLadder(WANTED);
  expect(ladder.size).toEqual({ width: 1280, height: 720 });
  expect(give(ladder, DOWN, 0, 10_000)).toBe(1280);
  expect(give(ladder, DOWN - 1, 20_000, 900)).toBe(1280);
  expect(ladder.update(DOWN - 1, milli(21_000))).toBe(true);
  expect(ladder.size).toEqual({ width: 960, height: 540 });
});

test('a bitrate that recovers in time changes nothing', () => {
  const ladder = new SizeLadder(WANTED);
  give(ladder, DOWN - 1, 0, 900);
  give(ladder, DOWN, 1000, 0);
  expect(give(ladder, DOWN - 1, 1100, 900)).toBe(1280);
});

test('pictures get larger again when the bitrate has sufficed for four seconds, and never larger than wanted', () => {
  const ladder = new SizeLadder(WANTED);
  give(ladder, DOWN - 1, 0, 1000);
  expect(give(ladder, UP - 1, 2000, 10_000)).toBe(960);
  expect(give(ladder, UP, 20_000, 3900)).toBe(960);
  expect(give(ladder, UP, 23_900, 100)).toBe(1280);
  expect(give(ladder, 10 * UP, 30_000, 10_000)).toBe(1280);
});

test('pictures get no smaller than half of the wanted size, nor narrower than 320 pixels', () => {
  expect(give(new SizeLadder(WANTED), 1, 0, 10_000)).toBe(640);
  expect(give(new SizeLadder({ width: 500, height: 281, fps: 60 }), 1, 0, 10_000)).toBe(374);
  expect(give(new SizeLadder({ width: 256, height: 144, fps: 60 }), 1, 0, 10_000)).toBe(256);
});

test('sides are even', () => {
  const ladder = new SizeLadder({ width: 1366, height: 767, fps: 60 });
  expect(ladder.size).toEqual({ width: 1366, height: 766 });
  give(ladder, 1, 0, 1000);
  expect(ladder.size).toEqual({ width: 1024, height: 574 });
});

test('another wanted size counts at once, and does not enlarge a picture for which the bitrate was too low', () => {
  const ladder = new SizeLadder(WANTED);
  expect(ladder.fit(WANTED)).toBe(false);
  expect(ladder.fit({ ...WANTED, fps: 30 })).toBe(false);
  expect(ladder.fit({ width: 960, height: 540, fps: 60 })).toBe(true);
  expect(ladder.size).toEqual({ width: 960, height: 540 });
  ladder.fit(WANTED);
  give(ladder, DOWN - 1, 0, 1000);
  expect(ladder.size.width).toBe(960);
  // It was 960 pixels wide for want of bits. This is the widest step of the new size that is not wider.
  expect(ladder.fit({ width: 1200, height: 674, fps: 60 })).toBe(true);
  expect(ladder.size).toEqual({ width: 900, height: 504 });
  expect(ladder.fit({ width: 800, height: 450, fps: 60 })).toBe(true);
  expect(ladder.size).toEqual({ width: 800, height: 450 });
});

test('at half of the rate, half of the bitrate suffices', () => {
  const ladder = new SizeLadder(WANTED);
  ladder.fit({ ...WANTED, fps: 30 });
  expect(give(ladder, DOWN / 2, 0, 5000)).toBe(1280);
  expect(give(ladder, DOWN / 2 - 1, 10_000, 1000)).toBe(960);
});
