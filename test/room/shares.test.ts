import { describe, expect, test } from 'vitest';
import { fairLevel, pictureWithin, pixelsPerSecond, rateWithin } from '../../host/room/shares.ts';

const WANTED = { width: 640, height: 360, fps: 60 };
const ALL = pixelsPerSecond(WANTED);
const none = Number.POSITIVE_INFINITY;

describe('a capacity', () => {
  test.each([
    ['suffices for everyone', [10, 20, 30], 60, none],
    ['is divided equally among those who want the same', [30, 30, 30], 60, 20],
    ['gives those who want less all of it, and the others the rest in equal parts', [40, 5, 60, 5], 60, 25],
    ['gives each a part where everyone wants more', [100, 200], 60, 30],
    ['is for no one', [], 60, none],
    ['that is infinite limits no one', [100, 200], none, none],
  ])('%s', (_, demands, capacity, level) => {
    expect(fairLevel(demands, capacity)).toBe(level);
  });
});

describe('a picture', () => {
  test.each([
    [1, 640, 360, 60],
    [0.9999, 600, 336, 60],
    [0.5625, 480, 270, 60],
    // 11 sixteenths of the sides at the full rate, and below that half of the rate in a larger size.
    [0.47, 440, 246, 60],
    [0.469, 600, 336, 30],
    [0.304, 480, 270, 30],
    [0.125, 320, 180, 30],
    // Below 8 sixteenths at 30 pictures a second, 20 and then 15 are better than a tiny picture.
    [0.1249, 360, 202, 20],
    [0.02, 160, 90, 15],
  ])('with %d of the wanted pixels is %ix%i at %i', (part, width, height, fps) => {
    expect(pictureWithin(WANTED, ALL * part)).toEqual({ width, height, fps });
  });

  test('keeps its shape, never grows, is even and no smaller than 64 pixels, and keeps to its share if it can', () => {
    const wanted = [
      { width: 1920, height: 1088, fps: 120 },
      { width: 66, height: 64, fps: 10 },
      { width: 64, height: 1088, fps: 240 },
      { width: 1366, height: 768, fps: 17 },
    ];
    for (const picture of wanted)
      for (let part = 1; part > 1e-6; part *= 0.8) {
        const share = pixelsPerSecond(picture) * part;
        const got = pictureWithin(picture, share);
        for (const side of ['width', 'height'] as const) {
          expect(got[side]).toBeGreaterThanOrEqual(64);
          expect(got[side]).toBeLessThanOrEqual(picture[side]);
          expect(got[side] % 2).toBe(0);
        }
        expect(picture.fps / got.fps).toBeCloseTo(Math.round(picture.fps / got.fps), 9);
        expect(got.fps).toBeGreaterThanOrEqual(Math.min(15, picture.fps));
        if (got.width > 64 * 2 && got.height > 64 * 2) expect(pixelsPerSecond(got)).toBeLessThanOrEqual(share);
      }
  });

  test('without a rate of its own, as in a browser tab, is never slowed down', () => {
    const tab = { width: 640, height: 360, fps: none };
    expect(pictureWithin(tab, 1000)).toEqual(tab);
    expect(rateWithin(tab, none, 1000)).toBe(none);
  });
});

test.each([
  [1, 60],
  [0.99, 30],
  [0.5, 30],
  [0.49, 20],
  [0.01, 0.6],
])('%d of the wanted pixels suffice for %d pictures a second of the wanted size', (part, fps) => {
  expect(rateWithin(WANTED, 60, ALL * part)).toBeCloseTo(fps, 9);
});
