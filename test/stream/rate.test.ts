import { expect, test } from 'vitest';
import { RateControl } from '../../host/stream/rate.ts';

/** Size and rate of a picture that uses at most 6,635,520 bits per second, at 0.6 bits per pixel. */
const picture = { width: 1280, height: 720, fps: 12 };
const most = 6_635_520;

const rate = (bitrateMax = 20_000_000): RateControl => new RateControl(picture, bitrateMax);
const update = (control: RateControl, videoBitsPerSecond: number): number => control.update({ videoBitsPerSecond });

test('a stream starts at 1 Mbit/s, or at what the picture can use if that is less', () => {
  expect(rate().bitrate).toBe(1_000_000);
  expect(rate(1_000_000).bitrate).toBe(1_000_000);
  expect(rate(999_999).bitrate).toBe(999_999);
  expect(new RateControl({ width: 100, height: 100, fps: 60 }, 20_000_000).bitrate).toBe(360_000);
});

test('the most follows from the size of the picture, within the bounds', () => {
  expect(rate().max).toBe(most);
  expect(rate(most - 1).max).toBe(most - 1);
  expect(rate(149_999).max).toBe(150_000);
  expect(new RateControl({ width: 64, height: 64, fps: 1 }, 20_000_000).max).toBe(150_000);
});

test('the bitrate follows what the path carries, within the bounds', () => {
  const control = rate();
  expect(update(control, 3_000_000.4)).toBe(3_000_000);
  expect(update(control, most + 1)).toBe(most);
  expect(update(control, 0)).toBe(150_000);
  expect(control.bitrate).toBe(150_000);
});

test('the bitrate falls at once, but rises only by 2 percent or to the most', () => {
  const control = rate();
  expect(update(control, 999_999)).toBe(999_999);
  expect(update(control, 1_019_998)).toBe(999_999);
  expect(update(control, 1_019_999)).toBe(1_019_999);
  update(control, most - 1);
  expect(update(control, most)).toBe(most);
});

test('a smaller or slower picture can use less, at once, and a larger one more, as the path allows', () => {
  const control = rate();
  update(control, most);
  control.fit({ ...picture, fps: 6 });
  expect([control.max, control.bitrate]).toEqual([most / 2, most / 2]);
  control.fit(picture);
  expect([control.max, control.bitrate]).toEqual([most, most / 2]);
  expect(update(control, most)).toBe(most);
});
