import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PACE,
  MESSAGE_PING,
  MESSAGE_PONG,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  PACE_BYTES,
} from '../../host/base/protocol.ts';
import { heldMessage, pointerMessage } from './peer.ts';
import { key, keysOf, press, reader, SILENCE_MS, STALL_MS } from './reader.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

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

const answer = (submitted: number, text: string | Buffer, reserved = 0) =>
  Buffer.concat([Buffer.of(MESSAGE_TEXT, submitted, reserved, 0, 5, 0, 0, 0, 9, 0, 0, 0), Buffer.from(text)]);

test('a text is read, and that there is none', () => {
  const { input, calls } = reader();
  for (const message of [answer(1, 'Zoë'), answer(1, ''), answer(0, ''), answer(1, '\ufeff'.repeat(256))])
    expect(input.read('events', message)).toBe(true);
  expect(calls).toEqual([
    ['text', 9, 'Zoë', 5],
    ['text', 9, '', 5],
    ['text', 9, undefined, 5],
    ['text', 9, '\ufeff'.repeat(256), 5],
  ]);
});

const unreadable: [string, string, string | Buffer][] = [
  ['a text that is not UTF-8', 'events', answer(1, Buffer.of(0xc3, 0x28))],
  ['a text with half of a character', 'events', answer(1, Buffer.of(0xed, 0xa0, 0x80))],
  ['a text that is too long', 'events', answer(1, 'x'.repeat(769))],
  ['a text that was not submitted', 'events', answer(0, 'x')],
  ['a text that is half submitted', 'events', answer(2, '')],
  ['a text with a reserved byte', 'events', answer(1, '', 1)],
  ['a short text', 'events', answer(1, '').subarray(0, 11)],
  ['a text on the state channel', 'state', answer(1, 'x')],
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
  ['a held message with an unknown flag', 'state', Buffer.concat([Buffer.of(MESSAGE_HELD, 4), Buffer.alloc(42)])],
  ['a held message with a reserved byte', 'state', Buffer.concat([Buffer.of(MESSAGE_HELD, 0, 1), Buffer.alloc(41)])],
  ['a short held message', 'state', heldMessage({ sequence: 1 }).subarray(0, 43)],
  ['a held message on the events channel', 'events', heldMessage({ sequence: 1 })],
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

test('messages above the rate are dropped unread, and are not errors', () => {
  const { input, time, calls, governor } = reader({ inputRateMax: 100 });
  const send = (count: number) => {
    for (let sent = 0; sent < count; sent++)
      expect(input.read('events', Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 3, 0, 0, 0))).toBe(true);
  };
  send(101);
  expect([calls.length, governor.dropped, input.errors]).toEqual([100, 1, 0]);
  time.ms = 9;
  send(1);
  expect([calls.length, governor.dropped]).toEqual([100, 2]);
  time.ms = 21;
  send(3);
  expect([calls.length, governor.dropped, input.errors]).toEqual([102, 3, 0]);
});

describe('a silent page', () => {
  test('everything that a page holds is released when it is silent for the limit, and not before', async () => {
    const { input, calls } = reader();
    input.read('events', key(4, true, 7));
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 1);
    expect(calls).toEqual([['key', 4, true, 7]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toEqual([
      ['key', 4, true, 7],
      ['releaseAll', 7],
    ]);
    await vi.advanceTimersByTimeAsync(STALL_MS - SILENCE_MS - 1);
    expect(calls).toHaveLength(2);
  });

  test('a page that is silent for 3 s counts as hidden until it speaks again', async () => {
    const { input, calls } = reader();
    input.read('state', heldMessage({ sequence: 1, keys: [4] }));
    await vi.advanceTimersByTimeAsync(STALL_MS - 1);
    expect(calls.map(([name]) => name)).toEqual(['held', 'releaseAll']);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls.at(-1)).toEqual(['held', { keys: keysOf(), buttons: 0, hidden: true }, 1]);
    input.read('state', pointerMessage({ sequence: 2 }));
    expect(calls.slice(3)).toEqual([
      ['held', { keys: keysOf(), buttons: 0, hidden: false }, 1],
      ['pointer', expect.anything(), 2],
    ]);
    await vi.advanceTimersByTimeAsync(STALL_MS);
    expect(calls.at(-1)).toEqual(['held', { keys: keysOf(), buttons: 0, hidden: true }, 1]);
  });

  test('a page whose packets arrive again is not hidden, holds nothing, and counts as hidden again after another 3 s', async () => {
    const { input, calls } = reader();
    input.read('state', heldMessage({ sequence: 1, keys: [4] }));
    await vi.advanceTimersByTimeAsync(STALL_MS - 1);
    input.wake();
    expect(calls.map(([name]) => name)).toEqual(['held', 'releaseAll']);
    await vi.advanceTimersByTimeAsync(1);
    input.wake();
    input.wake();
    expect(calls.slice(2)).toEqual([
      ['held', { keys: keysOf(), buttons: 0, hidden: true }, 1],
      ['held', { keys: keysOf(), buttons: 0, hidden: false }, 1],
    ]);
    await vi.advanceTimersByTimeAsync(STALL_MS);
    expect(calls.slice(4)).toEqual([['held', { keys: keysOf(), buttons: 0, hidden: true }, 1]]);
  });

  test('a page that was hidden stays so when its packets arrive again', async () => {
    const { input, calls } = reader();
    input.read('state', heldMessage({ sequence: 1, hidden: true }));
    await vi.advanceTimersByTimeAsync(STALL_MS);
    input.wake();
    expect(calls.at(-1)).toEqual(['held', { keys: keysOf(), buttons: 0, hidden: true }, 1]);
  });

  test('every message that can be read starts the wait again, and one that cannot does not', async () => {
    const { input, calls } = reader();
    const messages: [string, Buffer][] = [
      ['events', key(4, true, 1)],
      ['state', pointerMessage({ sequence: 2 })],
      ['state', heldMessage({ sequence: 3, keys: [4] })],
      ['state', Buffer.of(MESSAGE_PING, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)],
    ];
    for (const [channel, message] of messages) {
      input.read(channel, message);
      await vi.advanceTimersByTimeAsync(SILENCE_MS - 1);
    }
    expect(calls.map(([name]) => name)).toEqual(['key', 'pointer', 'held']);
    input.read('events', Buffer.of(99));
    await vi.advanceTimersByTimeAsync(1);
    expect(calls.at(-1)).toEqual(['releaseAll', 3]);
  });

  test('a page that speaks again holds what it says, and is released again when it falls silent again', async () => {
    const { input, calls } = reader();
    input.read('events', key(4, true, 1));
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    input.read('state', heldMessage({ sequence: 2, keys: [4] }));
    expect(calls.at(-1)).toEqual(['held', { keys: keysOf(4), buttons: 0, hidden: false }, 2]);
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(calls.at(-1)?.[0]).toBe('releaseAll');
    expect(calls).toHaveLength(4);
  });

  test('a connection that has closed releases nothing later', async () => {
    const { input, calls } = reader();
    input.read('events', key(4, true, 1));
    input.close();
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(calls).toHaveLength(1);
  });
});

describe('what a page holds', () => {
  test('the keys and buttons that are held are read, nothing is held by a hidden page, and a muted page says so', () => {
    const { input, calls, time } = reader();
    const message = { keys: [0, 26, 255], buttons: [0, 31] };
    input.read('state', heldMessage({ sequence: 1, ...message }));
    input.read('state', heldMessage({ sequence: 2, ...message, hidden: true }));
    input.read('state', heldMessage({ sequence: 3, ...message, muted: true }));
    time.ms += 250;
    input.read('state', heldMessage({ sequence: 4, hidden: true, muted: true }));
    expect(calls).toEqual([
      ['held', { keys: keysOf(0, 26, 255), buttons: 0x80000001, hidden: false }, 1],
      ['held', { keys: keysOf(), buttons: 0, hidden: true }, 2],
      ['held', { keys: keysOf(0, 26, 255), buttons: 0x80000001, hidden: false, muted: true }, 3],
      ['held', { keys: keysOf(), buttons: 0, hidden: true, muted: true }, 4],
    ]);
  });

  test('a page that is shown counts as hidden again after 250 ms at the earliest, and holds nothing before', () => {
    const { input, calls, time } = reader();
    const states: boolean[] = [];
    const held = (sequence: number, hidden: boolean) => {
      input.read('state', heldMessage({ sequence, hidden, keys: [4] }));
      const [, { hidden: counts, keys }] = calls.at(-1) as [string, { hidden: boolean; keys: number[] }];
      states.push(counts);
      expect(keys).toEqual(hidden ? keysOf() : keysOf(4));
    };
    held(1, true);
    held(2, false);
    time.ms = 249;
    held(3, true);
    time.ms = 250;
    held(4, true);
    time.ms = 251;
    held(5, false);
    held(6, true);
    expect(states).toEqual([true, false, false, true, false, false]);
  });

  test('a message about what is held is ignored if a newer one or a newer key has arrived', () => {
    const { input, calls } = reader();
    input.read('events', key(4, true, 5));
    expect(input.read('state', heldMessage({ sequence: 4 }))).toBe(true);
    input.read('state', heldMessage({ sequence: 6, keys: [4] }));
    expect(input.read('state', heldMessage({ sequence: 6 }))).toBe(true);
    expect(calls.map(([name]) => name)).toEqual(['key', 'held']);
  });

  test('keys and buttons that arrive late change nothing that is held, but a short press counts', () => {
    const { input, calls } = reader();
    input.read('state', heldMessage({ sequence: 9, keys: [5], buttons: [2] }));
    const late = [
      key(4, true, 1),
      key(4, false, 2),
      key(5, true, 3),
      press(1, true, 4),
      press(1, false, 5),
      press(2, true, 6),
    ];
    for (const message of [...late, Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 8, 0, 0, 0)])
      expect(input.read('events', message)).toBe(true);
    expect(calls.slice(1)).toEqual([
      ['key', 4, true, 1],
      ['key', 4, false, 1],
      ['button', 1, true, 4],
      ['button', 1, false, 4],
    ]);
    input.read('events', key(4, true, 10));
    expect(calls.at(-1)).toEqual(['key', 4, true, 10]);
  });
});

test('a reader says when the page is hidden, whether the page says so or is silent', async () => {
  const { input, hidden } = reader();
  input.read('state', heldMessage({ sequence: 1 }));
  input.read('state', heldMessage({ sequence: 2, hidden: true }));
  input.read('state', heldMessage({ sequence: 3, hidden: true }));
  await vi.advanceTimersByTimeAsync(STALL_MS);
  input.read('state', heldMessage({ sequence: 4, hidden: false }));
  await vi.advanceTimersByTimeAsync(STALL_MS);
  input.wake();
  expect(hidden).toEqual([true, false, true, false]);
});
