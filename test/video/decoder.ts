import { type AVCodecID, AVERROR_EAGAIN } from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet } from 'node-av/lib';
import { expect } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { AccessUnit } from '../../host/video/encoder.ts';
import type { Picture } from '../../host/video/readback.ts';

/** A smooth picture that moves with `step`. Each row of its planes has `padding` unused bytes at its end. */
export function picture(width: number, height: number, step: number, padding = 0): Picture {
  const plane = (across: number, down: number, scale: number) => {
    const stride = across + padding;
    const bytes = new Uint8Array(stride * down).fill(255);
    for (let y = 0; y < down; y++)
      for (let x = 0; x < across; x++)
        bytes[y * stride + x] = 128 + 90 * Math.sin((x * scale + step * 2) / 23) * Math.cos((y * scale) / 31);
    return bytes;
  };
  return {
    width,
    height,
    y: plane(width, height, 1),
    u: plane(width >> 1, height >> 1, 2),
    v: plane(width >> 1, height >> 1, 3),
    yStride: width + padding,
    uStride: (width >> 1) + padding,
    vStride: (width >> 1) + padding,
    release: () => {},
  };
}

/** Decodes access units with FFmpeg. The caller closes it. */
export function openDecoder(codec: AVCodecID): {
  decode(unit: AccessUnit): Promise<Picture | undefined>;
  close(): void;
} {
  const context = new CodecContext();
  context.allocContext3(Codec.findDecoder(codec));
  context.threadCount = 1;
  expect(context.open2Sync()).toBe(0);
  const frame = new Frame();
  frame.alloc();
  const made = {
    async decode(unit: AccessUnit): Promise<Picture | undefined> {
      const packet = new Packet();
      packet.alloc();
      packet.data = Buffer.from(unit.data);
      expect(await context.sendPacket(packet)).toBe(0);
      packet.free();
      const code = await context.receiveFrame(frame);
      if (code === AVERROR_EAGAIN) return undefined;
      expect(code).toBe(0);
      const [y, u, v] = must(frame.data, 'data in the frame').map((bytes) => new Uint8Array(bytes));
      const [yStride, uStride, vStride] = frame.linesize;
      const { width, height } = frame;
      return {
        width,
        height,
        y: must(y, 'y'),
        u: must(u, 'u'),
        v: must(v, 'v'),
        yStride: must(yStride, 'yStride'),
        uStride: must(uStride, 'uStride'),
        vStride: must(vStride, 'vStride'),
        release() {},
      };
    },
    close() {
      frame.free();
      context.freeContext();
    },
  };
  return made;
}

/** Peak signal-to-noise ratio of all three planes in dB, over the area that both pictures cover. */
export function psnr(a: Picture, b: Picture): number {
  let squares = 0;
  let count = 0;
  const compare = (name: 'y' | 'u' | 'v', width: number, height: number) => {
    const stride = `${name}Stride` as const;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        squares += ((a[name][y * a[stride] + x] ?? 0) - (b[name][y * b[stride] + x] ?? 0)) ** 2;
        count++;
      }
  };
  compare('y', b.width, b.height);
  compare('u', b.width / 2, b.height / 2);
  compare('v', b.width / 2, b.height / 2);
  return 10 * Math.log10(255 ** 2 / (squares / count));
}
