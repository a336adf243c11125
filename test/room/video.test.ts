import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { systemClock } from '../../host/base/clock.ts';
import { milli } from '../../host/base/time.ts';
import { Meters } from '../../host/observe/meters.ts';
import { SizeLadder } from '../../host/room/ladder.ts';
import { VideoView, type VideoViewOptions } from '../../host/room/video.ts';
import type { FrameInfo } from '../../host/stream/player.ts';
import { RateControl } from '../../host/stream/rate.ts';
import { fakeConnection, ManualClock, settle } from './fake.ts';

interface Fake {
  readback: { texture: { width: number }; closed: boolean };
  encoder: { bitrates: number[]; closed: boolean; finish(): void };
}

/** A pipeline whose video encoder ends a picture when `finish` is called. It records its bitrates and its end. */
function pipeline(width: number): Fake {
  const waiting: (() => void)[] = [];
  const encoder = {
    bitrates: [] as number[],
    closed: false,
    finish: () => void must(waiting.shift(), 'picture')(),
    encode: () =>
      new Promise((resolve) => waiting.push(() => resolve({ data: Uint8Array.of(width & 255), keyframe: false }))),
    setBitrate: (bitrate: number) => void encoder.bitrates.push(bitrate),
    close: async () => {
      encoder.closed = true;
    },
  };
  const readback = {
    texture: { width, createView: () => ({}) },
    closed: false,
    read: async () => ({ release() {} }),
    destroy() {
      readback.closed = true;
    },
  };
  return { encoder, readback };
}

function open(options: object = {}) {
  const errors: unknown[] = [];
  const first = pipeline(100);
  const parts = {
    ...first,
    connection: fakeConnection(),
    rate: { max: 1000, bitrate: 1000, update: () => 0 },
    clock: systemClock,
    onError: (error: unknown) => errors.push(error),
    ...options,
  };
  return { view: new VideoView(parts as unknown as VideoViewOptions), errors, first };
}

const FEEDBACK = { lossFraction: 0, videoBitsPerSecond: 1, queueMs: 0 };

test('a view whose encoder fails reports that once, and draws no more', async () => {
  const encoder = { encode: () => Promise.reject(new Error('broken')), setBitrate() {}, close: async () => {} };
  const { view, errors } = open({ encoder });
  for (let frame = 0; frame < 2; frame++) view.present(frame, milli(0));
  await settle();
  for (let frame = 0; frame < 3; frame++) view.present(frame, milli(0));
  await settle();
  expect(errors).toEqual([new Error('broken')]);
  expect(view.ready).toBe(false);
});

test('a view draws nothing while the path has no room, and tells the connection how much it can use', () => {
  const limits: number[] = [];
  const connection = { ...fakeConnection(), ready: false, limitBitrate: (bits: number) => limits.push(bits) };
  const { view } = open({ connection });
  expect(limits).toEqual([2000]);
  expect(view.ready).toBe(false);
  connection.ready = true;
  expect(view.ready).toBe(true);
});

test('a size that changes opens another pipeline, which takes over when no frame is in flight', async () => {
  const opened: Fake[] = [];
  const ladder = { size: { width: 50, height: 50 }, update: () => opened.length === 0 };
  const resizing = {
    ladder,
    open: async ({ width }: { width: number }) => {
      const made = pipeline(width);
      opened.push(made);
      return made;
    },
  };
  const { view, first, errors } = open({ resizing });
  view.present(1, milli(0));
  await settle();
  view.feedback(FEEDBACK);
  await settle();
  const second = must(opened[0], 'second pipeline');
  expect(second.encoder.bitrates).toEqual([1000]);
  expect([view.ready, view.surface.texture.width, first.readback.closed]).toEqual([false, 100, false]);
  first.encoder.finish();
  await settle();
  // The game may be drawing into the first texture until the loop asks for the next one.
  expect([view.ready, first.readback.closed]).toEqual([true, false]);
  expect(view.surface.texture.width).toBe(50);
  await settle();
  expect([first.readback.closed, first.encoder.closed, view.stats.frames]).toEqual([true, true, 1]);
  await view.close();
  expect([second.readback.closed, second.encoder.closed]).toEqual([true, true]);
  expect([opened.length, errors]).toEqual([1, []]);
});

test('a picture that becomes smaller and slower keeps the view, with as many bits a second for fewer pictures', async () => {
  const opened: [number, number][] = [];
  const limits: number[] = [];
  const resizing = {
    ladder: new SizeLadder({ width: 640, height: 360, fps: 60 }),
    open: async ({ width }: { width: number }, bitrate: number) => {
      opened.push([width, bitrate]);
      return pipeline(width);
    },
  };
  const connection = { ...fakeConnection(), limitBitrate: (bits: number) => void limits.push(bits) };
  const rate = new RateControl({ width: 640, height: 360, fps: 60 }, 800_000);
  const { view, first } = open({ resizing, rate, connection, fps: 60 });
  view.fit({ width: 640, height: 360, fps: 20 });
  expect([first.encoder.bitrates, opened]).toEqual([[2_400_000], []]);
  view.fit({ width: 320, height: 180, fps: 30 });
  await settle();
  expect(opened).toEqual([[320, 2 * 800_000]]);
  expect(view.surface.texture.width).toBe(320);
  view.fit({ width: 64, height: 64, fps: 60 });
  expect(limits).toEqual([1_600_000, 1_600_000, 1_600_000, 2 * 150_000]);
  await settle();
  expect(view.surface.texture.width).toBe(64);
});

test('a size that changes while a pipeline opens is opened after it, and none is left open', async () => {
  const opened: Fake[] = [];
  const waiting: (() => void)[] = [];
  const ladder = { size: { width: 50, height: 50 }, update: () => true };
  const resizing = {
    ladder,
    open: ({ width }: { width: number }) =>
      new Promise((resolve) => {
        waiting.push(() => {
          const made = pipeline(width);
          opened.push(made);
          resolve(made);
        });
      }),
  };
  const { view, first } = open({ resizing });
  view.feedback(FEEDBACK);
  ladder.size = { width: 60, height: 60 };
  view.feedback(FEEDBACK);
  expect(waiting).toHaveLength(1);
  must(waiting.shift(), 'opening')();
  await settle();
  expect(view.surface.texture.width).toBe(50);
  must(waiting.shift(), 'opening')();
  await settle();
  expect(view.surface.texture.width).toBe(60);
  view.feedback(FEEDBACK);
  ladder.size = { width: 70, height: 70 };
  await view.close();
  must(waiting.shift(), 'opening')();
  await settle();
  expect(opened).toHaveLength(3);
  for (const { readback, encoder } of [first, ...opened])
    expect([readback.closed, encoder.closed]).toEqual([true, true]);
});

test('a pipeline that cannot be opened is a fault of the view', async () => {
  const resizing = {
    ladder: { size: { width: 50, height: 50 }, update: () => true },
    open: () => Promise.reject(new Error('no encoder')),
  };
  const { view, errors } = open({ resizing });
  view.feedback(FEEDBACK);
  view.feedback(FEEDBACK);
  await settle();
  expect(errors).toEqual([new Error('no encoder')]);
  expect(view.ready).toBe(false);
});

test('a frame carries the times of its stages, which the host counts once for each input', async () => {
  const clock = new ManualClock();
  const meters = new Meters();
  const sent: FrameInfo[] = [];
  const connection = { ...fakeConnection(), sendFrame: (_: Uint8Array, info: FrameInfo) => sent.push(info) > 0 };
  const { readback } = pipeline(100);
  const mapped: (() => void)[] = [];
  const read = () => new Promise((resolve) => mapped.push(() => resolve({ release() {} })));
  const { view, first } = open({ clock, meters, connection, readback: { ...readback, read } });
  const input = { waitMs: 1, tickMs: 2, turnMs: 3 };
  const play = async (sequence: number) => {
    const readAt = clock.now();
    clock.jump(4);
    view.present(sequence, readAt, input);
    clock.jump(5);
    must(mapped.shift(), 'reading back')();
    await settle();
    clock.jump(6);
    first.encoder.finish();
    await settle();
  };
  for (const sequence of [7, 7, 8]) await play(sequence);
  expect(sent).toHaveLength(3);
  for (const { inputToSendUs, times } of sent) {
    expect(inputToSendUs).toBe(15_000);
    expect(times).toEqual({ ...input, drawMs: 4, readbackMs: 5 });
  }
  expect([meters.inputWait.count, meters.inputTick.sumSeconds, meters.inputTurn.sumSeconds]).toEqual([2, 0.004, 0.006]);
  expect([meters.readback.count, meters.encode.sumSeconds]).toEqual([3, 0.018]);
});
