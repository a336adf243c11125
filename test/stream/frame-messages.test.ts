import { expect, test } from 'vitest';
import { FRAME_BYTES, FRAME_TIME_MAX, MESSAGE_FRAME, TIMED_FRAME_BYTES } from '../../host/base/protocol.ts';
import { micro, milli } from '../../host/base/time.ts';
import { FrameMessages } from '../../host/stream/frame-messages.ts';
import type { FrameTimes } from '../../host/stream/player.ts';
import { at } from '../at.ts';

const TIMES = { waitMs: 1, tickMs: 0.5, turnMs: 3, drawMs: 2.004, readbackMs: 4.006 };

function open() {
  const sent: Buffer[] = [];
  const paces: number[] = [];
  const messages = new FrameMessages({
    send: (message) => void sent.push(Buffer.from(message)),
    pace: { add: (ms) => void paces.push(ms) },
  });
  const add = (rtpTimestamp: number, now: number, times?: FrameTimes) =>
    messages.add(
      { rtpTimestamp, keyframe: true, inputSequence: 7, inputToSendUs: micro(9000), times },
      1234,
      milli(now),
    );
  return { sent, paces, messages, add };
}

test('a frame is described when its last packet has left, with the times of its stages', () => {
  const { sent, paces, messages, add } = open();
  add(90, 100, TIMES);
  expect(sent).toEqual([]);
  messages.finish(90, milli(102.5));
  const message = at(sent, 0);
  expect(message).toHaveLength(TIMED_FRAME_BYTES);
  expect([message[0], message[1]]).toEqual([MESSAGE_FRAME, 1]);
  expect([4, 8, 12, 16].map((offset) => message.readUInt32LE(offset))).toEqual([90, 7, 9000, 1234]);
  expect([20, 22, 24, 26, 28, 30].map((offset) => message.readUInt16LE(offset))).toEqual([100, 50, 300, 200, 401, 250]);
  expect(paces).toEqual([2.5]);
});

test('a frame without times is described by the shorter message', () => {
  const { sent, messages, add } = open();
  add(90, 100, TIMES);
  messages.finish(90, milli(101));
  add(91, 100);
  messages.finish(91, milli(101));
  expect(sent.map(({ length }) => length)).toEqual([TIMED_FRAME_BYTES, FRAME_BYTES]);
});

test.each([
  [-1, 0],
  [655.34, FRAME_TIME_MAX - 1],
  [655.35, FRAME_TIME_MAX],
  [100_000, FRAME_TIME_MAX],
])('a time of %d ms is written as %i units', (waitMs, units) => {
  const { sent, messages, add } = open();
  add(90, 100, { ...TIMES, waitMs });
  messages.finish(90, milli(100));
  expect(at(sent, 0).readUInt16LE(20)).toBe(units);
});

test('frames may leave in any order, each is described once, and unknown ones are not', () => {
  const { sent, messages, add } = open();
  for (const rtp of [1, 2, 3]) add(rtp, 100, TIMES);
  for (const rtp of [2, 2, 4, 1]) messages.finish(rtp, milli(100));
  expect(sent.map((message) => message.readUInt32LE(4))).toEqual([2, 1]);
});

test('of many waiting frames, the newest 16 are described', () => {
  const { sent, messages, add } = open();
  for (let rtp = 0; rtp < 17; rtp++) add(rtp, 100, TIMES);
  for (let rtp = 0; rtp < 17; rtp++) messages.finish(rtp, milli(100));
  expect(sent.map((message) => message.readUInt32LE(4))).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
});
