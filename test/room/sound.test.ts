import { expect, test } from 'vitest';
import type { AudioEncoder } from '../../host/audio/encoder.ts';
import { framesOfTicks } from '../../host/base/sound.ts';
import { SoundStream } from '../../host/room/sound.ts';
import { ManualClock, settle } from './fake.ts';

/** Takes the place of the audio encoder. A packet is the first sample, in 1/1000, and the number of samples. */
class FakeEncoder implements AudioEncoder {
  closed = 0;
  /** Resolves when the encoder may go on. */
  gate: Promise<void> | undefined;
  fault: Error | undefined;
  keepsPackets = true;
  readonly packets: number[][] = [];

  async encode(samples: Float32Array): Promise<Uint8Array | undefined> {
    if (this.keepsPackets) this.packets.push([...samples]);
    const packet = Uint8Array.of(Math.round((samples[0] ?? 0) * 100), samples.length / 8);
    await this.gate;
    if (this.fault) throw this.fault;
    return packet;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

function stage(nowMs = 0) {
  const clock = new ManualClock();
  clock.jump(nowMs);
  const encoder = new FakeEncoder();
  const sent: { first: number | undefined; rtpTimestamp: number }[] = [];
  const errors: unknown[] = [];
  const stream = new SoundStream({
    encoder,
    clock,
    send: (packet, { rtpTimestamp }) => sent.push({ first: packet[0], rtpTimestamp }) > 0,
    onError: (error) => errors.push(error),
  });
  return { clock, encoder, sent, errors, stream };
}

const block = (frames: number, value: number) => new Float32Array(frames * 2).fill(value / 100);

test('the blocks of ticks are joined to packets of 10 ms, in order and complete', async () => {
  const { encoder, sent, stream } = stage();
  const samples = Float32Array.from({ length: 6 * 800 }, (_, n) => n / 8192);
  for (let tick = 0; tick < 6; tick++) {
    stream.play(samples.subarray(tick * 800, (tick + 1) * 800));
    await settle();
  }
  expect(encoder.packets.flat()).toEqual([...samples]);
  expect(encoder.packets.map(({ length }) => length)).toEqual([960, 960, 960, 960, 960]);
  expect(sent.map(({ rtpTimestamp }) => rtpTimestamp)).toEqual([0, 480, 960, 1440, 1920]);
});

test('one block may hold several packets, and a packet several blocks', async () => {
  const { sent, stream } = stage();
  stream.play(block(4800, 1));
  await settle();
  for (let tick = 0; tick < 10; tick++) stream.play(block(48, 2));
  await settle();
  expect(sent.map(({ rtpTimestamp }) => rtpTimestamp)).toEqual(Array.from({ length: 11 }, (_, n) => n * 480));
});

test('over an hour, timestamps stay within 5 ms of the ticks at every tick rate', async () => {
  for (const tickRate of [120, 144]) {
    const { encoder, sent, stream } = stage();
    encoder.keepsPackets = false;
    const silence = block(400, 0);
    for (let tick = 0; tick < 3600 * tickRate; tick++) {
      stream.play(silence.subarray(0, framesOfTicks(tick, 1, tickRate) * 2));
      for (let turn = 0; turn < 6; turn++) await undefined;
      if (sent.length > 1) sent.splice(0, sent.length - 1);
      if (stream.stats.dropped > 0) throw new Error(`tick ${tick} was dropped`);
    }
    await settle();
    const endMs = ((sent.at(-1)?.rtpTimestamp ?? 0) + 480) / 48;
    expect(Math.abs(endMs - 3_600_000)).toBeLessThan(5);
  }
});

test('frames that are left out move the timestamps on, with what was waiting for them', async () => {
  const { encoder, sent, stream } = stage();
  stream.play(block(400, 1));
  stream.skip(1200);
  stream.play(block(480, 2));
  await settle();
  // The sound after the gap fades in, and the rest of the sound before the gap leaves the encoder unheard.
  expect(sent).toEqual([{ first: 0, rtpTimestamp: 1600 }]);
  const [flushed, packet = []] = encoder.packets;
  expect(flushed?.every((sample) => sample === 0)).toBe(true);
  const steps = packet.slice(2).map((sample, index) => Math.abs(sample - (packet[index] ?? 0)));
  expect(Math.max(...steps)).toBeLessThan(0.02 / 200);
  expect(packet.slice(480).every((sample) => Math.abs(sample - 0.02) < 1e-6)).toBe(true);
  stream.play(block(480, 2));
  await settle();
  expect(sent.at(-1)).toEqual({ first: 2, rtpTimestamp: 2080 });
  expect(encoder.packets).toHaveLength(3);
});

test('a stream that follows another begins at the time of the clock, and timestamps wrap', async () => {
  const later = stage(2000);
  later.stream.play(block(480, 1));
  await settle();
  expect(later.sent[0]?.rtpTimestamp).toBe(96_000);
  const wrapped = stage(2 ** 32 / 48);
  wrapped.stream.play(block(480, 1));
  await settle();
  expect(wrapped.sent[0]?.rtpTimestamp).toBe(0);
});

test('while the encoder is slow, the oldest packets are dropped and none waits long', async () => {
  const { encoder, sent, stream } = stage();
  const gate = Promise.withResolvers<void>();
  encoder.gate = gate.promise;
  for (let packet = 1; packet <= 50; packet++) stream.play(block(480, packet));
  await settle();
  encoder.gate = undefined;
  gate.resolve();
  await settle();
  expect(sent.map(({ first }) => first)).toEqual([1, ...Array.from({ length: 11 }, (_, n) => 40 + n)]);
  expect(stream.stats).toMatchObject({ packets: 12, dropped: 38 });
  stream.play(block(480, 51));
  await settle();
  expect(sent.at(-1)).toEqual({ first: 51, rtpTimestamp: 50 * 480 });
});

test('an encoder that fails is reported once, and a closed stream sends nothing', async () => {
  const broken = stage();
  broken.encoder.fault = new Error('broken');
  for (let packet = 0; packet < 3; packet++) broken.stream.play(block(480, packet));
  await settle();
  broken.stream.play(block(480, 4));
  await settle();
  expect(broken.errors).toEqual([new Error('broken')]);
  const closed = stage();
  await closed.stream.close();
  await closed.stream.close();
  closed.stream.play(block(480, 1));
  await settle();
  expect([closed.sent, closed.encoder.closed]).toEqual([[], 1]);
});
