import { AV_CODEC_ID_VP8 } from 'node-av/constants';
import { afterEach, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { micro } from '../../host/base/time.ts';
import type { VideoEncoder, VideoEncoderOptions } from '../../host/video/encoder.ts';
import { createVp8Encoder } from '../../host/video/vp8.ts';
import { Random } from '../random.ts';
import { eventually } from '../wait.ts';
import { openDecoder, picture, psnr } from './decoder.ts';

const FRAME_US = 16_667;
const closing: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of closing.splice(0)) await thing.close();
});

async function encoder(options: Partial<VideoEncoderOptions> = {}): Promise<VideoEncoder> {
  const made = await createVp8Encoder({
    width: 320,
    height: 180,
    fps: 60,
    bitrate: 4_000_000,
    hardware: false,
    log() {},
    ...options,
  });
  closing.push(made);
  return made;
}

const at = (step: number, keyframe = false) => ({ keyframe, timestampUs: micro(step * FRAME_US) });

it.each([
  [320, 180, 0],
  [322, 182, 6],
])('pictures of %i x %i come back from a decoder one by one', async (width, height, padding) => {
  const video = await encoder({ width, height });
  const decoder = openDecoder(AV_CODEC_ID_VP8);
  closing.push(decoder);
  for (let step = 0; step < 6; step++) {
    const original = picture(width, height, step, padding);
    const unit = must(await video.encode(original, at(step)), 'access unit');
    expect(unit.keyframe).toBe(step === 0);
    const decoded = must(await decoder.decode(unit), 'decoded picture');
    expect([decoded.width, decoded.height]).toEqual([width, height]);
    expect(psnr(original, decoded)).toBeGreaterThan(30);
  }
});

it('the stream has keyframes only at the start and on request', async () => {
  const video = await encoder({ width: 64, height: 64 });
  for (let step = 0; step < 300; step++) {
    const unit = must(await video.encode(picture(64, 64, step), at(step, step === 150)), 'access unit');
    expect(unit.keyframe).toBe(step === 0 || step === 150);
  }
});

it('a much lower bitrate takes effect at once and a much higher one after a second, each with a keyframe; small changes have none', async () => {
  const noise = new Random(1);
  const noisy = (step: number) => {
    const made = picture(320, 180, step);
    for (let index = 0; index < made.y.length; index++) made.y[index] = (made.y[index] ?? 0) / 2 + noise.below(48);
    return made;
  };
  const video = await encoder({ bitrate: 4_000_000 });
  let step = 0;
  const rate = async (count: number) => {
    let bytes = 0;
    let keyframes = 0;
    for (const end = step + count; step < end; step++) {
      const unit = must(await video.encode(noisy(step), at(step)), 'access unit');
      bytes += unit.data.length;
      if (unit.keyframe && step > 0) keyframes++;
    }
    return { bitrate: (8 * bytes * 60) / count, keyframes };
  };
  /** Encodes until the new encoder has taken over, however long that takes on this machine. */
  const change = () =>
    eventually(async () => {
      expect((await rate(1)).keyframes).toBe(1);
    });
  await rate(60);
  expect((await rate(60)).bitrate).toBeGreaterThan(3_000_000);
  video.setBitrate(1_000_000);
  await change();
  await rate(30);
  const low = await rate(30);
  expect(low.bitrate).toBeLessThan(1_700_000);
  expect(low.keyframes).toBe(0);
  for (const small of [900_000, 1_300_000]) {
    video.setBitrate(small);
    expect((await rate(30)).keyframes).toBe(0);
  }
  video.setBitrate(4_000_000);
  await change();
  await rate(60);
  expect((await rate(60)).bitrate).toBeGreaterThan(3_000_000);
});
