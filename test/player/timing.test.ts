import { beforeEach, expect, test } from 'vitest';
import {
  FRAME_BYTES,
  FRAME_TIME_MAX,
  MESSAGE_FRAME,
  MESSAGE_PONG,
  PING_BYTES,
  PONG_BYTES,
  TIMED_FRAME_BYTES,
} from '../../host/base/protocol.ts';
import { STAGES } from '../../host/base/stages.ts';
import { milli } from '../../host/base/time.ts';
import { PictureTiming } from '../../host/player/timing.ts';

let pictures: Record<string, number>[];
let timing: PictureTiming;

beforeEach(() => {
  pictures = [];
  timing = new PictureTiming({
    onSample() {},
    onPicture: ({ stages }) =>
      pictures.push(Object.fromEntries(STAGES.map((stage, index) => [stage, stages[index] ?? 0]))),
  });
});

/** Writes MESSAGE_FRAME about input 1 with the times 1, 2, 3, 4, 5 and 6 ms; encoding took 7 ms. */
function frameMessage(bytes: number, times = [100, 200, 300, 400, 500, 600]): DataView {
  const view = new DataView(new ArrayBuffer(Math.max(bytes, TIMED_FRAME_BYTES)));
  view.setUint8(0, MESSAGE_FRAME);
  view.setUint32(4, 9000, true);
  view.setUint32(8, 1, true);
  view.setUint32(12, 16_000, true);
  for (const [field, units] of times.entries()) view.setUint16(FRAME_BYTES + 2 * field, units, true);
  return new DataView(view.buffer, 0, bytes);
}

function show(): void {
  const arrival = { receiveTime: 1038, processingDuration: 0.002 };
  timing.show(9000, milli(1045), { arrival, displayAt: 1050 });
}

test('a message with times gives the stages of a picture', () => {
  timing.noteSent(1, milli(1000));
  expect(timing.describe(frameMessage(TIMED_FRAME_BYTES))).toBe(16);
  show();
  // The clocks are not related yet.
  const network = { uplink: 5, downlink: 5 };
  const host = { wait: 1, tick: 2, turn: 3, draw: 4, readback: 5, encode: 7, send: 6 };
  expect(pictures).toEqual([{ ...network, ...host, decode: 2, present: 5 }]);
  expect(timing.history.size).toBe(1);
  const reported = [0, 1, 2, 3, 4].map(() => timing.report() !== undefined);
  expect(reported).toEqual([true, true, true, true, true]);
});

test.each([
  ['a newer host, whose message is longer', TIMED_FRAME_BYTES + 4, 16, 1],
  ['a message whose times are cut', TIMED_FRAME_BYTES - 1, 16, 0],
  ['an older host, whose message has no times', FRAME_BYTES, 16, 0],
  ['a message that is too short', FRAME_BYTES - 1, undefined, 0],
])('%s', (_, bytes, hostMs, count) => {
  timing.noteSent(1, milli(1000));
  expect(timing.describe(frameMessage(bytes))).toBe(hostMs);
  show();
  expect(pictures).toHaveLength(count);
});

test.each([
  ['as long as a message can say', FRAME_TIME_MAX - 1, 1],
  ['longer than a message can say', FRAME_TIME_MAX, 0],
])('a time that is %s', (_, units, count) => {
  timing.noteSent(1, milli(0));
  timing.describe(frameMessage(TIMED_FRAME_BYTES, [units, 200, 300, 400, 500, 600]));
  show();
  expect(pictures).toHaveLength(count);
});

test('a host that claims to have drawn for longer than the whole has not encoded', () => {
  timing.noteSent(1, milli(1000));
  timing.describe(frameMessage(TIMED_FRAME_BYTES, [0, 0, 0, 1500, 500, 0]));
  show();
  expect(pictures[0]).toMatchObject({ draw: 15, readback: 5, encode: 0 });
});

test('the answer to a ping relates the clocks if it has the time of the host', () => {
  const answer = (bytes: number) => {
    const view = new DataView(new ArrayBuffer(PONG_BYTES));
    view.setUint8(0, MESSAGE_PONG);
    view.setFloat64(4, 1000, true);
    view.setFloat64(PING_BYTES, 9005, true);
    return timing.answer(new DataView(view.buffer, 0, bytes), milli(1010));
  };
  expect(answer(PING_BYTES - 1)).toBeUndefined();
  expect(answer(PING_BYTES)).toBe(10);
  expect(answer(PONG_BYTES - 1)).toBe(10);
  expect(timing.clock.offsetMs).toBeNaN();
  expect(answer(PONG_BYTES)).toBe(10);
  expect([timing.clock.offsetMs, timing.clock.errorMs]).toEqual([8000, 5]);
});

test('reset forgets the last connection', () => {
  timing.noteSent(1, milli(1000));
  timing.describe(frameMessage(TIMED_FRAME_BYTES));
  show();
  timing.reset();
  expect(timing.history.size).toBe(0);
  expect(timing.report()).toBeUndefined();
});
