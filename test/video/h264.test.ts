import { AV_CODEC_ID_H264 } from 'node-av/constants';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { micro } from '../../host/base/time.ts';
import type { AccessUnit, VideoEncoder, VideoEncoderOptions } from '../../host/video/encoder.ts';
import { createVideoEncoder } from '../../host/video/h264.ts';
import type { Picture } from '../../host/video/readback.ts';
import { openDecoder, picture, psnr } from './decoder.ts';

const FRAME_US = 16_667;
const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 };

const closing: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of closing.splice(0)) await thing.close();
});

async function encoder(options: Partial<VideoEncoderOptions> = {}): Promise<VideoEncoder> {
  const all = {
    width: 320,
    height: 180,
    fps: 60,
    bitrate: 4_000_000,
    hardware: false,
    log: () => {},
    ...options,
  };
  const made = await createVideoEncoder(all);
  closing.push(made);
  return made;
}

const at = (step: number, keyframe = false) => ({ keyframe, timestampUs: micro(step * FRAME_US) });

/** Finds the NAL units in an access unit: the type of each, and the offset after its start code. */
function nals(data: Uint8Array): { type: number; start: number }[] {
  const found: { type: number; start: number }[] = [];
  for (let i = 0; i + 3 < data.length; i++)
    if (data[i] === 0 && data[i + 1] === 0 && data[i + 2] === 1)
      found.push({ type: (data[i + 3] ?? 0) & 31, start: i + 3 });
  return found;
}

function decoder(): ReturnType<typeof openDecoder> {
  const made = openDecoder(AV_CODEC_ID_H264);
  closing.push(made);
  return made;
}

const types = (unit: AccessUnit) => nals(unit.data).map(({ type }) => type);

describe('pictures', () => {
  it.each([
    ['rows as long as the frame', 320, 180, 0],
    ['padded rows', 320, 180, 24],
    ['a width that is not a multiple of 16', 322, 182, 6],
  ])('encoded pictures come back from a decoder one by one, with %s', async (_, width, height, padding) => {
    const video = await encoder({ width, height });
    const decode = decoder();
    for (let step = 0; step < 6; step++) {
      const original = picture(width, height, step, padding);
      const unit = must(await video.encode(original, at(step)), 'access unit');
      expect(unit.keyframe).toBe(step === 0);
      const decoded = must(await decode.decode(unit), 'decoded picture');
      expect([decoded.width, decoded.height]).toEqual([width, height]);
      expect(psnr(original, decoded)).toBeGreaterThan(30);
      expect(psnr(picture(width, height, step + 8, padding), decoded)).toBeLessThan(25);
    }
  });

  it('pictures of odd size lose their last column and row', async () => {
    const video = await encoder({ width: 321, height: 181 });
    const original = picture(321, 181, 0);
    const unit = must(await video.encode(original, at(0)), 'access unit');
    const decoded = must(await decoder().decode(unit), 'decoded picture');
    expect([decoded.width, decoded.height]).toEqual([320, 180]);
    expect(psnr(original, decoded)).toBeGreaterThan(30);
  });

  it('a picture may be overwritten as soon as encode() has returned', async () => {
    const video = await encoder();
    const original = picture(320, 180, 0);
    const reused = picture(320, 180, 0);
    const encoding = video.encode(reused, at(0));
    for (const plane of [reused.y, reused.u, reused.v]) plane.fill(0);
    expect(
      psnr(original, must(await decoder().decode(must(await encoding, 'access unit')), 'decoded picture')),
    ).toBeGreaterThan(30);
  });

  it('pictures that are smaller than the video encoder expects are refused', async () => {
    const video = await encoder();
    const encoding = video.encode(picture(160, 90, 0), at(0));
    await expect(encoding).rejects.toMatchObject({ code: 'NL_ENCODER' });
  });
});

describe('stream', () => {
  it('the stream has keyframes only at the start and on request, each with SPS and PPS', async () => {
    // x264 would add a keyframe after 250 pictures by default.
    const video = await encoder({ width: 64, height: 64 });
    for (let step = 0; step < 300; step++) {
      const keyframe = step === 150;
      const unit = must(await video.encode(picture(64, 64, step), at(step, keyframe)), 'access unit');
      const expected = step === 0 || keyframe;
      expect(unit.keyframe).toBe(expected);
      expect(types(unit).filter((type) => Object.values(NAL).includes(type))).toEqual(
        expected ? [NAL.sps, NAL.pps, NAL.idr] : [NAL.slice],
      );
    }
  });

  it('the stream is constrained baseline, BT.709 limited range, and lets the decoder show each picture at once', async () => {
    const video = await encoder();
    const unit = must(await video.encode(picture(320, 180, 0), at(0)), 'access unit');
    const units = nals(unit.data);
    const first = units.findIndex(({ type }) => type === NAL.sps);
    const sps = readSps(
      unit.data.subarray(
        must(units[first], 'SPS').start + 1,
        must(units[first + 1], 'NAL unit after the SPS').start - 3,
      ),
    );
    expect(sps).toMatchObject({ profile: 66, constrained: true, fullRange: false, colours: [1, 1, 1] });
    expect(sps).toMatchObject({ reorderFrames: 0 });
    expect(sps.bufferedFrames).toBeLessThanOrEqual(1);
  });

  it('the stream shows a sudden change of the whole scene completely in the next picture', async () => {
    const [width, height] = [1280, 720];
    const flat = (luma: number): Picture => ({
      ...picture(16, 16, 0),
      ...{ width, height, yStride: width, uStride: width / 2, vStride: width / 2 },
      y: new Uint8Array(width * height).fill(luma),
      u: new Uint8Array((width * height) / 4).fill(128),
      v: new Uint8Array((width * height) / 4).fill(128),
    });
    const [black, white] = [flat(16), flat(235)];
    const video = await encoder({ width, height, bitrate: 16_588_800 });
    const decode = decoder();
    for (let step = 0; step < 60; step++) {
      const shown = Math.floor(step / 5) % 2 === 1;
      const unit = must(await video.encode(shown ? white : black, at(step, step === 0)), 'access unit');
      const decoded = must(await decode.decode(unit), 'decoded picture');
      expect(Math.abs((decoded.y[(height / 2) * decoded.yStride + width / 2] ?? 0) - (shown ? 235 : 16))).toBeLessThan(
        20,
      );
    }
  });

  it('the stream keeps to the bitrate, also after the bitrate has changed', async () => {
    const video = await encoder();
    let random = 1;
    const noise = picture(320, 180, 0);
    const measure = async (from: number) => {
      let bytes = 0;
      for (let step = from; step < from + 90; step++) {
        for (let i = 0; i < noise.y.length; i++) {
          random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
          noise.y[i] = 64 + (random >>> 25);
        }
        const unit = must(await video.encode(noise, at(step)), 'access unit');
        if (step >= from + 30) bytes += unit.data.length;
      }
      return bytes * 8;
    };
    const fast = await measure(0);
    video.setBitrate(1_000_000);
    const slow = await measure(90);
    expect(fast / 4_000_000).toBeGreaterThan(0.7);
    expect(fast / 4_000_000).toBeLessThan(1.2);
    expect(slow / 1_000_000).toBeGreaterThan(0.7);
    expect(slow / 1_000_000).toBeLessThan(1.2);
  });

  it('the stream can contain pictures with the same timestamp', async () => {
    const video = await encoder();
    for (let step = 0; step < 3; step++) expect(await video.encode(picture(320, 180, step), at(0))).toBeDefined();
  });
});

describe('a video encoder', () => {
  it('a video encoder drops a picture that comes while another is being encoded', async () => {
    const video = await encoder();
    const options = at(0);
    const first = video.encode(picture(320, 180, 0), options);
    const second = video.encode(picture(320, 180, 1), options);
    expect(await second).toBeUndefined();
    expect(await first).toBeDefined();
    expect(await video.encode(picture(320, 180, 2), options)).toBeDefined();
  });

  it('a video encoder can be closed twice while it encodes a picture, and then drops every picture', async () => {
    const video = await encoder();
    const options = at(0);
    const encoding = video.encode(picture(320, 180, 0), options);
    await Promise.all([video.close(), video.close()]);
    expect(await encoding).toBeDefined();
    expect(await video.encode(picture(320, 180, 1), options)).toBeUndefined();
  });

  it('a video encoder logs once that there is no hardware for it, and encodes on the CPU', async () => {
    const log = vi.fn();
    const video = await encoder({ hardware: true, log });
    await encoder({ hardware: true, log });
    expect(log.mock.calls.length).toBeLessThanOrEqual(1);
    expect(await video.encode(picture(320, 180, 0), at(0))).toBeDefined();
  });

  it('a video encoder fails with NL_ENCODER for a size that it cannot encode', async () => {
    const opening = encoder({ width: 0, height: 0 });
    await expect(opening).rejects.toBeInstanceOf(NearlightError);
    await expect(opening).rejects.toMatchObject({ code: 'NL_ENCODER' });
  });
});

/** Reads fields of a baseline SPS (ITU-T H.264, 7.3.2.1.1 and E.1.1). `bytes` starts after the header of the NAL unit. */
function readSps(bytes: Uint8Array) {
  const raw = [...bytes].filter((byte, i) => !(byte === 3 && bytes[i - 1] === 0 && bytes[i - 2] === 0));
  let bit = 24;
  const u = (count: number) => {
    let value = 0;
    for (; count > 0; count--, bit++) value = value * 2 + (((raw[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1);
    return value;
  };
  const ue = () => {
    let zeros = 0;
    while (u(1) === 0) zeros++;
    return 2 ** zeros - 1 + u(zeros);
  };
  ue(); // seq_parameter_set_id
  ue(); // log2_max_frame_num_minus4
  expect(ue()).toBe(2); // pic_order_cnt_type: output order is decoding order
  ue(); // max_num_ref_frames
  u(1);
  ue(); // width and height in macroblocks
  ue();
  u(2); // frame_mbs_only_flag, direct_8x8_inference_flag
  if (u(1)) for (let i = 0; i < 4; i++) ue(); // cropping
  expect(u(1)).toBe(1); // vui_parameters_present_flag
  if (u(1) && u(8) === 255) u(32); // aspect ratio
  if (u(1)) u(1); // overscan
  expect(u(1)).toBe(1); // video_signal_type_present_flag
  u(3);
  const fullRange = u(1) === 1;
  expect(u(1)).toBe(1); // colour_description_present_flag
  const colours = [u(8), u(8), u(8)];
  if (u(1)) {
    ue(); // chroma location
    ue();
  }
  if (u(1)) u(65); // timing
  expect(u(2)).toBe(0); // no HRD parameters
  u(1); // pic_struct_present_flag
  expect(u(1)).toBe(1); // bitstream_restriction_flag
  u(1);
  for (let i = 0; i < 4; i++) ue();
  return {
    profile: raw[0],
    constrained: ((raw[1] ?? 0) & 0x40) !== 0,
    fullRange,
    colours,
    reorderFrames: ue(),
    bufferedFrames: ue(),
  };
}
