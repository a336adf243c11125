import { expect, test } from 'vitest';
import {
  MESSAGE_BUTTON,
  MESSAGE_KEY,
  MESSAGE_PACE,
  MESSAGE_PING,
  MESSAGE_PONG,
  MESSAGE_RELEASE_ALL,
  PACE_BYTES,
} from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import { InputReader } from '../../host/stream/input.ts';
import { pointerMessage } from './peer.ts';

function reader({ inputBytesMax = 1024, inputRateMax = 4000 } = {}) {
  const calls: unknown[][] = [];
  const pongs: Buffer[] = [];
  const time = { ms: 0 };
  const input = new InputReader({
    sink: {
      key: (...args) => void calls.push(['key', ...args]),
      button: (...args) => void calls.push(['button', ...args]),
      releaseAll: (...args) => void calls.push(['releaseAll', ...args]),
      pace: (slackMs) => void calls.push(['pace', slackMs]),
      pointer: (state, sequence) => void calls.push(['pointer', { ...state, axes: [...state.axes] }, sequence]),
    },
    config: { inputBytesMax, inputRateMax },
    pong: (message) => void pongs.push(Buffer.from(message)),
    clock: { now: () => milli(time.ms) },
  });
  return { input, calls, pongs, time };
}

test('keys, buttons and releases are read', () => {
  const { input, calls } = reader();
  expect(input.read('events', Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0))).toBe(true);
  expect(input.read('events', Buffer.of(MESSAGE_KEY, 255, 0, 0, 255, 255, 255, 255))).toBe(true);
  expect(input.read('events', Buffer.of(MESSAGE_BUTTON, 31, 1, 0, 2, 0, 0, 0))).toBe(true);
  expect(input.read('events', Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 3, 0, 0, 0))).toBe(true);
  expect(calls).toEqual([
    ['key', 4, true, 1],
    ['key', 255, false, 0xffffffff],
    ['button', 31, true, 2],
    ['releaseAll', 3],
  ]);
});

test('the slack of the display is read if it is a finite number', () => {
  const { input, calls } = reader();
  const message = Buffer.alloc(PACE_BYTES);
  message[0] = MESSAGE_PACE;
  message.writeFloatLE(12.5, 4);
  expect(input.read('state', message)).toBe(true);
  expect(input.read('state', message.subarray(0, PACE_BYTES - 1))).toBe(false);
  expect(input.read('events', message)).toBe(false);
  message.writeFloatLE(Number.NaN, 4);
  expect(input.read('state', message)).toBe(false);
  expect(calls).toEqual([['pace', 12.5]]);
});

test('the pointer is read, and its values are limited to their ranges', () => {
  const { input, calls } = reader();
  const message = pointerMessage({
    sequence: 7,
    x: 1.5,
    y: 0.25,
    dx: -3,
    dy: 4,
    axes: [-2, 0.5, 0, 1],
    locked: true,
  });
  expect(input.read('state', message)).toBe(true);
  expect(calls).toEqual([
    [
      'pointer',
      {
        x: 1,
        y: 0.25,
        totalDx: -3,
        totalDy: 4,
        totalWheelX: 0,
        totalWheelY: 0,
        axes: [-1, 0.5, 0, 1],
        locked: true,
      },
      7,
    ],
  ]);
});

test('an older or repeated pointer is ignored, even if its sequence wraps', () => {
  const { input, calls } = reader();
  for (const sequence of [0xfffffffe, 0xfffffffd, 0xfffffffe, 0xffffffff, 0xfffffffe, 3, 0xffffffff, 2, 4])
    expect(input.read('state', pointerMessage({ sequence }))).toBe(true);
  expect(calls.map((call) => call[2])).toEqual([0xfffffffe, 0xffffffff, 3, 4]);
  expect(input.errors).toBe(0);
});

test('a ping is answered with the same bytes', () => {
  const { input, pongs } = reader();
  const ping = Buffer.of(MESSAGE_PING, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
  expect(input.read('state', ping)).toBe(true);
  expect(pongs).toEqual([Buffer.of(MESSAGE_PONG, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)]);
});

const unreadable: [string, string, string | Buffer][] = [
  ['empty', 'events', Buffer.alloc(0)],
  ['text', 'events', 'hello'],
  ['an unknown type', 'events', Buffer.of(99, 0, 0, 0, 0, 0, 0, 0)],
  ['a short key', 'events', Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0)],
  ['a long key', 'events', Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0, 0)],
  ['a key that is half down', 'events', Buffer.of(MESSAGE_KEY, 4, 2, 0, 1, 0, 0, 0)],
  ['a key with a reserved byte', 'events', Buffer.of(MESSAGE_KEY, 4, 1, 1, 1, 0, 0, 0)],
  ['button 32', 'events', Buffer.of(MESSAGE_BUTTON, 32, 1, 0, 1, 0, 0, 0)],
  ['a short release', 'events', Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0)],
  ['a pointer on the events channel', 'events', pointerMessage({ sequence: 1 })],
  ['a key on the state channel', 'state', Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0)],
  ['a pointer that is not a number', 'state', pointerMessage({ sequence: 1, x: Number.NaN })],
  ['an infinite axis', 'state', pointerMessage({ sequence: 1, axes: [0, 0, 0, Number.POSITIVE_INFINITY] })],
  ['a short pointer', 'state', pointerMessage({ sequence: 1 }).subarray(0, 47)],
  ['a short ping', 'state', Buffer.of(MESSAGE_PING, 0, 0, 0)],
  ['a known type on an unknown channel', 'chat', Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0)],
];

test.each(unreadable)('%s is not read', (_, channel, message) => {
  const { input, calls } = reader();
  expect(input.read(channel, message)).toBe(false);
  expect(input.errors).toBe(1);
  expect(calls).toEqual([]);
});

test('a message is not read if it is one byte too large', () => {
  expect(reader({ inputBytesMax: 48 }).input.read('state', pointerMessage({ sequence: 1 }))).toBe(true);
  expect(reader({ inputBytesMax: 47 }).input.read('state', pointerMessage({ sequence: 1 }))).toBe(false);
});

test('messages above the rate limit are not read until the next second', () => {
  const { input, time } = reader({ inputRateMax: 3 });
  const send = () => input.read('events', Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 3, 0, 0, 0));
  expect([send(), send(), send(), send()]).toEqual([true, true, true, false]);
  time.ms = 999;
  expect(send()).toBe(false);
  time.ms = 1000;
  expect(send()).toBe(true);
});
