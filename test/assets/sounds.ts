import type { FFEncoderCodec } from 'node-av/constants';
import * as constants from 'node-av/constants';
import * as lib from 'node-av/lib';
import { must } from '../../host/base/assert.ts';

/** One channel of a sine. @param seconds its length */
export function sine(hertz: number, { rate, seconds }: { rate: number; seconds: number }): number[] {
  return Array.from({ length: rate * seconds }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hertz * n) / rate));
}

export interface WavOptions {
  rate: number;
  bits: 8 | 16 | 24 | 32 | 64;
  isFloat?: boolean;
  /** Whether the format is written as WAVE_FORMAT_EXTENSIBLE. */
  isExtensible?: boolean;
  /** Chunks that come before the samples, by name. */
  before?: Record<string, Uint8Array>;
}

/** Writes a WAV file of channels of the same length. */
export function wav(channels: number[][], { rate, bits, isFloat, isExtensible, before = {} }: WavOptions): Buffer {
  const frames = channels[0]?.length ?? 0;
  const bytes = bits / 8;
  const data = Buffer.alloc(frames * channels.length * bytes);
  const write = (value: number, at: number): void => {
    if (isFloat && bits === 32) data.writeFloatLE(value, at);
    else if (isFloat) data.writeDoubleLE(value, at);
    else if (bits === 8) data.writeUInt8(Math.round(value * 127) + 128, at);
    else data.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), at, bytes);
  };
  for (let frame = 0; frame < frames; frame++)
    for (const [channel, samples] of channels.entries())
      write(must(samples[frame], 'sample'), (frame * channels.length + channel) * bytes);
  const format = Buffer.alloc(isExtensible ? 40 : 16);
  format.writeUInt16LE(isExtensible ? 0xfffe : isFloat ? 3 : 1, 0);
  format.writeUInt16LE(channels.length, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(rate * channels.length * bytes, 8);
  format.writeUInt16LE(channels.length * bytes, 12);
  format.writeUInt16LE(bits, 14);
  if (isExtensible) format.writeUInt16LE(isFloat ? 3 : 1, 24);
  const chunk = (name: string, body: Uint8Array) => {
    const head = Buffer.alloc(8);
    head.write(name, 'latin1');
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
  };
  const chunks = [
    chunk('fmt ', format),
    ...Object.entries(before).map(([name, body]) => chunk(name, body)),
    chunk('data', data),
  ];
  const all = Buffer.concat([Buffer.from('WAVE'), ...chunks]);
  const head = Buffer.alloc(8);
  head.write('RIFF');
  head.writeUInt32LE(all.length, 4);
  return Buffer.concat([head, all]);
}

/** Writes an Ogg Vorbis or MP3 file with FFmpeg's encoders. */
export async function compress(
  path: string,
  { format, encoder, channels, rate }: { format: string; encoder: string; channels: number[][]; rate: number },
): Promise<void> {
  const check = (code: number): void => {
    if (code < 0) throw new Error(lib.FFmpegError.strerror(code) ?? `${code}`);
  };
  const codec = must(lib.Codec.findEncoderByName(encoder as FFEncoderCodec) ?? undefined, `encoder ${encoder}`);
  const layout = channels.length === 2 ? constants.AV_CHANNEL_LAYOUT_STEREO : constants.AV_CHANNEL_LAYOUT_MONO;
  const context = new lib.CodecContext();
  context.allocContext3(codec);
  context.sampleRate = rate;
  context.sampleFormat = constants.AV_SAMPLE_FMT_FLTP;
  context.channelLayout = layout;
  context.timeBase = new lib.Rational(1, rate);
  context.bitRate = 160_000n;
  check(await context.open2(codec, null));
  const output = new lib.FormatContext();
  check(output.allocOutputContext2(null, format, path));
  const stream = output.newStream(null);
  stream.timeBase = new lib.Rational(1, rate);
  check(context.parametersFromContext(stream.codecpar));
  check(await output.openOutput());
  check(await output.writeHeader());
  const packet = new lib.Packet();
  packet.alloc();
  const drain = async (): Promise<void> => {
    for (;;) {
      const code = await context.receivePacket(packet);
      if (code === constants.AVERROR_EAGAIN || code === constants.AVERROR_EOF) return;
      check(code);
      packet.streamIndex = stream.index;
      packet.rescaleTs({ num: 1, den: rate }, stream.timeBase);
      check(await output.writeFrame(packet));
      packet.unref();
    }
  };
  const step = context.frameSize || 1024;
  const total = channels[0]?.length ?? 0;
  for (let at = 0; at < total; at += step) {
    const frame = new lib.Frame();
    frame.alloc();
    frame.nbSamples = Math.min(step, total - at);
    frame.format = constants.AV_SAMPLE_FMT_FLTP;
    frame.sampleRate = rate;
    frame.channelLayout = layout;
    check(frame.allocBuffer());
    frame.pts = BigInt(at);
    for (const [channel, samples] of channels.entries()) {
      const plane = must(frame.data?.[channel], 'plane');
      for (let n = 0; n < frame.nbSamples; n++) plane.writeFloatLE(must(samples[at + n], 'sample'), 4 * n);
    }
    check(await context.sendFrame(frame));
    await drain();
    frame.free();
  }
  check(await context.sendFrame(null));
  await drain();
  check(await output.writeTrailer());
  packet.free();
  context.freeContext();
  await output.closeOutput();
  output.freeContext();
}
