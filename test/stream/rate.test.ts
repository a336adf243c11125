import { expect, test } from 'vitest';
import { RateControl } from '../../host/stream/rate.ts';

/** Size and rate of a picture that gets 3,317,760 bits per second, at 0.3 bits per pixel. */
const picture = { width: 1280, height: 720, fps: 12 };
const wanted = 3_317_760;

const rate = (bitrateMax = 20_000_000): RateControl => new RateControl(picture, bitrateMax);
const update = (control: RateControl, lossFraction: number, rembBitsPerSecond = 0): number =>
  control.update({ lossFraction, rembBitsPerSecond });

test('the initial bitrate follows from the size of the picture, within the bounds', () => {
  expect(rate().bitrate).toBe(wanted);
  expect(rate(wanted).bitrate).toBe(wanted);
  expect(rate(wanted - 1).bitrate).toBe(wanted - 1);
  expect(new RateControl({ width: 250, height: 399, fps: 10 }, 20_000_000).bitrate).toBe(300_000);
  expect(new RateControl({ width: 250, height: 401, fps: 10 }, 20_000_000).bitrate).toBe(300_750);
});

test('a maximum below the lowest bitrate is replaced by the lowest bitrate', () => {
  const control = rate(100_000);
  expect(control.bitrate).toBe(300_000);
  expect(update(control, 0)).toBe(300_000);
});

test.each([
  [0, 1.08],
  [0.019, 1.08],
  [0.02, 1],
  [0.1, 1],
  [0.11, 1 - 0.11 / 2],
  [1, 0.5],
])('a loss of %f changes the bitrate by the factor %f', (loss, factor) => {
  const control = rate();
  expect(update(control, loss)).toBe(Math.round(wanted * factor));
  expect(control.bitrate).toBe(Math.round(wanted * factor));
});

test('the bitrate grows to twice its initial value or to the maximum', () => {
  const [free, bound] = [rate(), rate(4_000_000)];
  for (let reports = 0; reports < 20; reports++) for (const control of [free, bound]) update(control, 0);
  expect(free.bitrate).toBe(2 * wanted);
  expect(bound.bitrate).toBe(4_000_000);
});

test('the bitrate falls to the lowest bitrate and grows again from there', () => {
  const control = rate();
  for (let reports = 0; reports < 20; reports++) update(control, 1);
  expect(control.bitrate).toBe(300_000);
  expect(update(control, 0)).toBe(324_000);
});

test("the bitrate stays below the receiver's estimate; an estimate of 0 means that there is none", () => {
  expect(update(rate(), 0.05, wanted + 1)).toBe(wanted);
  expect(update(rate(), 0.05, wanted - 1)).toBe(wanted - 1);
  expect(update(rate(), 0, 1_000_000)).toBe(1_000_000);
  expect(update(rate(), 0.05, 1)).toBe(300_000);
  expect(update(rate(), 0.05, 0)).toBe(wanted);
});
