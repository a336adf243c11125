import {
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CODEC_ID_OPUS,
  AV_SAMPLE_FMT_FLTP,
  AV_SAMPLE_FMT_S16,
  AVERROR_EAGAIN,
} from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import { afterEach, expect, test } from 'vitest';
import type { AudioEncoder } from '../../host/audio/encoder.ts';
import { createAudioEncoder } from '../../host/audio/opus.ts';
import { must } from '../../host/base/assert.ts';
import { systemClock } from '../../host/base/clock.ts';
import { PACKET_FRAMES } from '../../host/base/sound.ts';
import { SoundStream } from '../../host/room/sound.ts';
import { AUDIO_RATE } from '../../renderer/contract/abi.ts';

/** The most frames by which Opus's low-delay mode delays sound: 2.5 ms of look-ahead and one window of 2.5 ms. */
const DELAY_FRAMES_MAX = 240;

const closing: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of closing.splice(0)) await thing.close();
});

async function encoder(bitrate = 96_000): Promise<AudioEncoder> {
  const made = await createAudioEncoder({ bitrate });
  closing.push(made);
  return made;
}

/** One packet of a sine on the left and silence on the right. @param start number of the first frame */
function sine(start: number, hertz = 440): Float32Array {
  return Float32Array.from({ length: 2 * PACKET_FRAMES }, (_, n) =>
    n % 2 === 0 ? 0.5 * Math.sin((2 * Math.PI * hertz * (start + n / 2)) / AUDIO_RATE) : 0,
  );
}

/** Decodes packets of Opus. Returns the samples of the left and the right channel. */
async function decode(packets: Uint8Array[]): Promise<{ left: number[]; right: number[] }> {
  const codec = must(
    Codec.findDecoderByName('libopus' as never) ?? Codec.findDecoder(AV_CODEC_ID_OPUS),
    'decoder of Opus',
  );
  const context = new CodecContext();
  context.allocContext3(codec);
  context.sampleRate = AUDIO_RATE;
  context.channelLayout = AV_CHANNEL_LAYOUT_STEREO;
  context.pktTimebase = new Rational(1, AUDIO_RATE);
  expect(await context.open2(codec, null)).toBeGreaterThanOrEqual(0);
  const packet = new Packet();
  packet.alloc();
  const frame = new Frame();
  frame.alloc();
  const [left, right]: [number[], number[]] = [[], []];
  for (const bytes of packets) {
    packet.data = Buffer.from(bytes);
    expect(await context.sendPacket(packet)).toBeGreaterThanOrEqual(0);
    for (;;) {
      const code = await context.receiveFrame(frame);
      if (code === AVERROR_EAGAIN) break;
      expect(code).toBeGreaterThanOrEqual(0);
      const [first, second] = must(frame.data ?? undefined, 'samples');
      for (let n = 0; n < frame.nbSamples; n++) {
        if (frame.format === AV_SAMPLE_FMT_FLTP) {
          left.push(must(first, 'left').readFloatLE(4 * n));
          right.push(must(second, 'right').readFloatLE(4 * n));
        } else if (frame.format === AV_SAMPLE_FMT_S16) {
          left.push(must(first, 'samples').readInt16LE(4 * n) / 32_768);
          right.push(must(first, 'samples').readInt16LE(4 * n + 2) / 32_768);
        } else throw new Error(`the decoder returned format ${frame.format}`);
      }
    }
  }
  packet.free();
  frame.free();
  context.freeContext();
  return { left, right };
}

/** Returns by how many frames `later` is `earlier` delayed, by the greatest correlation. */
function delayOf(earlier: (n: number) => number, later: number[]): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let delay = 0; delay < 1000; delay++) {
    let sum = 0;
    for (let n = 2000; n < later.length; n++) sum += (later[n] ?? 0) * earlier(n - delay);
    if (sum > most) [best, most] = [delay, sum];
  }
  return best;
}

const loudness = (samples: number[]) =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

test('every packet of sound becomes one packet of Opus, which sounds the same on each side and hardly later', async () => {
  const opus = await encoder();
  const packets: Uint8Array[] = [];
  for (let packet = 0; packet < 40; packet++)
    packets.push(must(await opus.encode(sweep(packet * PACKET_FRAMES)), 'encoded sound'));
  const bits = packets.reduce((sum, { length }) => sum + length * 8, 0) / 0.4;
  expect(bits).toBeGreaterThan(30_000);
  expect(bits).toBeLessThan(150_000);
  const { left, right } = await decode(packets);
  expect(left.length).toBeGreaterThanOrEqual(39 * PACKET_FRAMES);
  expect(loudness(left.slice(2000))).toBeGreaterThan(0.3);
  expect(loudness(right.slice(2000))).toBeLessThan(0.03);
  expect(delayOf(wave, left)).toBeLessThanOrEqual(DELAY_FRAMES_MAX);
});

test('the bitrate is that of the options', async () => {
  const bytesAt = async (bitrate: number) => {
    const opus = await encoder(bitrate);
    let bytes = 0;
    for (let packet = 0; packet < 50; packet++) bytes += must(await opus.encode(noise()), 'encoded sound').length;
    return bytes;
  };
  expect(await bytesAt(160_000)).toBeGreaterThan(2 * (await bytesAt(32_000)));
});

test('sound that goes on after a gap begins softly, without anything of what was before the gap', async () => {
  /** Plays a tone, leaves some of it out and plays on. Returns the steepest step in what a listener hears of the second part. */
  const steepest = async (play: (opus: AudioEncoder, packets: Uint8Array[]) => Promise<void>): Promise<number> => {
    const packets: Uint8Array[] = [];
    await play(await encoder(), packets);
    const { left } = await decode(packets.slice(-20));
    expect(loudness(left.slice(2000))).toBeGreaterThan(0.3);
    return Math.max(...left.map((sample, n) => Math.abs(sample - (left[n - 1] ?? 0))));
  };
  // The tone itself has steps of 0.5 * 2 pi * 440 / 48000, which is 0.029. It goes on at its loudest moment.
  const gap = 27;
  const raw = await steepest(async (opus, packets) => {
    for (let packet = 0; packet < 20; packet++) packets.push(must(await opus.encode(sine(packet * 480)), 'packet'));
    for (let packet = 0; packet < 20; packet++)
      packets.push(must(await opus.encode(sine(packet * 480 + gap)), 'packet'));
  });
  expect(raw).toBeGreaterThan(0.1);
  const soft = await steepest(async (opus, packets) => {
    const stream = new SoundStream({
      encoder: opus,
      clock: systemClock,
      send: (packet) => packets.push(packet) > 0,
      onError: (error) => expect.unreachable(String(error)),
    });
    const play = async (start: number) => {
      const before = packets.length;
      stream.play(sine(start));
      while (packets.length === before) await systemClock.until(systemClock.now());
    };
    for (let packet = 0; packet < 20; packet++) await play(packet * 480);
    stream.skip(48_000);
    for (let packet = 0; packet < 20; packet++) await play(packet * 480 + gap);
  });
  expect(soft).toBeLessThan(0.04);
});

test('silence takes a few bytes', async () => {
  const opus = await encoder();
  let bytes = 0;
  for (let packet = 0; packet < 20; packet++)
    bytes = must(await opus.encode(new Float32Array(2 * PACKET_FRAMES)), 'encoded sound').length;
  expect(bytes).toBeLessThan(12);
});

test('while a packet is being encoded, another one is dropped; its samples may change at once', async () => {
  const opus = await encoder();
  const samples = sine(0);
  const first = opus.encode(samples);
  samples.fill(0);
  expect(await opus.encode(samples)).toBeUndefined();
  expect(must(await first, 'encoded sound').length).toBeGreaterThan(20);
  expect(await opus.encode(samples)).toBeInstanceOf(Uint8Array);
});

test('a closed encoder drops everything, and can be closed again', async () => {
  const opus = await createAudioEncoder({ bitrate: 96_000 });
  const running = opus.encode(sine(0));
  await opus.close();
  expect(await running).toBeInstanceOf(Uint8Array);
  expect(await opus.encode(sine(0))).toBeUndefined();
  await opus.close();
});

/** A wave whose pitch rises all the time, so that it resembles itself at no other time. */
function wave(frame: number): number {
  return frame < 0 ? 0 : 0.5 * Math.sin(((2 * Math.PI) / AUDIO_RATE) * (200 * frame + 0.03 * frame * frame));
}

function sweep(start: number): Float32Array {
  return Float32Array.from({ length: 2 * PACKET_FRAMES }, (_, n) => (n % 2 === 0 ? wave(start + n / 2) : 0));
}

function noise(): Float32Array {
  let state = 1;
  return Float32Array.from({ length: 2 * PACKET_FRAMES }, () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647 - 0.5;
  });
}
