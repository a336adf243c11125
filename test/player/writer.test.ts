import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  BUTTON_BYTES,
  HELD_BYTES,
  KEY_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PAD_BUTTON,
  MESSAGE_POINTER,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  PAD_BYTES,
  POINTER_BYTES,
  RELEASE_ALL_BYTES,
  TEXT_HEADER_BYTES,
} from '../../host/base/protocol.ts';
import { InputWriter } from '../../host/player/writer.ts';
import { at } from '../at.ts';

let events: Buffer[];
let states: Buffer[];
let writer: InputWriter;

beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  states = [];
  writer = new InputWriter({
    event: (message) => void events.push(Buffer.from(message)),
    state: (message) => void states.push(Buffer.from(message)),
  });
  writer.open();
  // A connection begins with two messages: what is held (sequence number 1) and the pointer (2).
  vi.advanceTimersByTime(1000);
  states.length = 0;
});

afterEach(() => vi.useRealTimers());

describe('keys and buttons', () => {
  test('keys and buttons are sent at once in the layout of the protocol', () => {
    writer.key(0x1a, true);
    writer.button(31, true);
    writer.key(0x1a, false);
    expect(events.map((event) => [...event])).toEqual([
      [MESSAGE_KEY, 0x1a, 1, 0, 3, 0, 0, 0],
      [MESSAGE_BUTTON, 31, 1, 0, 4, 0, 0, 0],
      [MESSAGE_KEY, 0x1a, 0, 0, 5, 0, 0, 0],
    ]);
    expect([KEY_BYTES, BUTTON_BYTES, RELEASE_ALL_BYTES]).toEqual(events.map((event) => event.length));
  });

  test('a key or button that is held is not sent again, and one that is not held is not released', () => {
    writer.key(4, true);
    writer.key(4, true);
    writer.key(5, false);
    writer.button(0, false);
    expect(events).toHaveLength(1);
  });

  test('keys, buttons and sticks are all released together', () => {
    writer.key(4, true);
    writer.axis(1, -1);
    writer.releaseAll();
    expect([...at(events, 1)]).toEqual([MESSAGE_RELEASE_ALL, 0, 0, 0, 4, 0, 0, 0]);
    expect(at(states, 0).readFloatLE(36)).toBe(0);
    writer.key(4, false);
    expect(events).toHaveLength(2);
    writer.key(4, true);
    expect(events).toHaveLength(3);
  });
});

describe('the state', () => {
  test("the state message holds sums of movement in 1/16 pixel, the pointer's position, the axes and the lock", () => {
    writer.move(1.5, -2);
    writer.move(0.25, 0);
    writer.wheel(0, 120);
    writer.point(0.25, 1.5);
    writer.axis(0, -3);
    writer.axis(3, 0.5);
    writer.lock(true);
    writer.commit();
    const state = at(states, 0);
    expect(state.length).toBe(POINTER_BYTES);
    expect([state[0], state[1], state.readUInt16LE(2), state.readUInt32LE(4)]).toEqual([MESSAGE_POINTER, 1, 0, 3]);
    expect([8, 12, 16, 20].map((offset) => state.readInt32LE(offset))).toEqual([28, -32, 0, 1920]);
    expect([24, 28, 32, 36, 40, 44].map((offset) => state.readFloatLE(offset))).toEqual([0.25, 1, -1, 0, 0, 0.5]);
  });

  test('the sums of movement in the state message wrap', () => {
    // This is 2^31 in 1/16 pixel.
    writer.move(2 ** 27, 0);
    writer.commit();
    expect(at(states, 0).readInt32LE(8)).toBe(-(2 ** 31));
  });

  test('the state message is sent at most every 4 ms, and always with the last change', () => {
    for (let i = 0; i < 5; i++) {
      writer.move(1, 0);
      writer.commit();
    }
    expect(states).toHaveLength(1);
    vi.advanceTimersByTime(4);
    expect(states).toHaveLength(2);
    expect(at(states, 1).readInt32LE(8)).toBe(80);
    vi.advanceTimersByTime(50);
    expect(states).toHaveLength(2);
  });

  test('the state message is not sent if nothing has changed', () => {
    writer.axis(0, 0);
    writer.lock(false);
    writer.commit();
    expect(states).toEqual([]);
  });

  test('the heartbeat sends the pointer again unless it was sent just now, and always what is held', () => {
    writer.heartbeat();
    writer.heartbeat();
    vi.advanceTimersByTime(100);
    writer.heartbeat();
    const types = states.map((state) => state[0]);
    expect(types).toEqual([MESSAGE_HELD, MESSAGE_POINTER, MESSAGE_HELD, MESSAGE_HELD, MESSAGE_POINTER]);
  });

  test('the message about what is held has a bit for each key and button, and one for a hidden page', () => {
    for (const usage of [1, 0x1a, 255]) writer.key(usage, true);
    for (const button of [0, 31]) writer.button(button, true);
    writer.heartbeat();
    const held = at(states, 0);
    expect(held.length).toBe(HELD_BYTES);
    expect([held[0], held[1], held.readUInt16LE(2), held.readUInt32LE(4)]).toEqual([MESSAGE_HELD, 0, 0, 8]);
    expect(held.readUInt32LE(8)).toBe(0x80000001);
    const words = Array.from({ length: 8 }, (_, word) => held.readUInt32LE(12 + 4 * word));
    expect(words).toEqual([0x04000002, 0, 0, 0, 0, 0, 0, 0x80000000]);
    states.length = 0;
    writer.hide(true);
    expect([states.length, at(states, 0)[1]]).toEqual([1, 1]);
    writer.hide(false);
    expect([states.length, at(states, 1)[1]]).toEqual([2, 0]);
    writer.mute(true);
    writer.mute(true);
    writer.hide(true);
    expect([states.length, at(states, 2)[1], at(states, 3)[1]]).toEqual([4, 2, 3]);
    writer.open();
    expect(at(states, 4)[1]).toBe(3);
  });
});

describe('gamepads', () => {
  const pads = (message: Buffer) => (message.length - HELD_BYTES) / PAD_BYTES;

  test('a button of a gamepad is sent at once, and the gamepad with the next commit', () => {
    writer.padConnect(2, true);
    writer.padButton(2, 16, true);
    writer.padButton(2, 16, true);
    writer.padValue(2, 16, 1);
    writer.padAxis(2, 3, -0.5);
    expect(events.map((event) => [...event])).toEqual([[MESSAGE_PAD_BUTTON, 16, 1, 2, 3, 0, 0, 0]]);
    expect(states).toEqual([]);
    writer.commit();
    const held = at(states, 0);
    expect([held[0], pads(held), held[HELD_BYTES]]).toEqual([MESSAGE_HELD, 1, 2]);
    expect(held.readUInt32LE(HELD_BYTES + 4)).toBe(1 << 16);
    expect(held.readInt16LE(HELD_BYTES + 14)).toBe(-16_383);
    expect(held[HELD_BYTES + 32]).toBe(255);
  });

  test('a gamepad that does not change costs no messages, and one that moves at most one every 4 ms', () => {
    writer.padConnect(0, true);
    writer.commit();
    vi.advanceTimersByTime(4);
    states.length = 0;
    for (let n = 0; n < 10; n++) {
      writer.padConnect(0, true);
      writer.padButton(0, 3, false);
      writer.padValue(0, 3, 0.0001);
      writer.padAxis(0, 0, 0.000_001);
      writer.commit();
      vi.advanceTimersByTime(16);
    }
    expect(states).toEqual([]);
    writer.heartbeat();
    expect(states.map((state) => state[0])).toEqual([MESSAGE_HELD, MESSAGE_POINTER]);
    vi.advanceTimersByTime(4);
    states.length = 0;
    for (let n = 1; n <= 8; n++) {
      writer.padAxis(0, 0, n / 10);
      writer.commit();
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(50);
    expect(states.map((state) => state[0])).toEqual([MESSAGE_HELD, MESSAGE_HELD, MESSAGE_HELD]);
    expect(at(states, 2).readInt16LE(HELD_BYTES + 8)).toBe(26_214);
  });

  test('the gamepads are in the first message of a connection, and a release leaves them connected', () => {
    writer.padConnect(0, true);
    writer.padConnect(3, true);
    writer.padButton(3, 0, true);
    writer.close();
    states.length = 0;
    writer.open();
    expect([pads(at(states, 0)), at(states, 0).readUInt32LE(HELD_BYTES + PAD_BYTES + 4)]).toEqual([2, 1]);
    writer.releaseAll();
    writer.heartbeat();
    const newest = at(
      states.filter(([type]) => type === MESSAGE_HELD),
      1,
    );
    expect([pads(newest), newest.readUInt32LE(HELD_BYTES + PAD_BYTES + 4)]).toEqual([2, 0]);
    writer.padConnect(0, false);
    writer.commit();
    vi.advanceTimersByTime(4);
    expect(pads(at(states, states.length - 1))).toBe(1);
  });
});

test('a text is sent with the number of its request, and a cancelled one without a text', () => {
  writer.text(9, 'Zoë');
  writer.text(9, '');
  writer.text(0x1_0000_0000 - 1, undefined);
  const heads = events.map((event) => [...event.subarray(0, TEXT_HEADER_BYTES)]);
  expect(heads).toEqual([
    [MESSAGE_TEXT, 1, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0],
    [MESSAGE_TEXT, 1, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0],
    [MESSAGE_TEXT, 0, 0, 0, 5, 0, 0, 0, 255, 255, 255, 255],
  ]);
  expect(events.map((event) => event.subarray(TEXT_HEADER_BYTES).toString())).toEqual(['Zoë', '', '']);
  writer.close();
  writer.text(9, 'late');
  expect(events).toHaveLength(3);
});

describe('a connection', () => {
  test('a connection begins with what the player holds, with sums of movement of 0 and sequence number 1', () => {
    writer.key(4, true);
    writer.move(5, 5);
    writer.axis(1, -1);
    writer.close();
    writer.button(2, true);
    states.length = 0;
    writer.open();
    const [held, pointer] = [at(states, 0), at(states, 1)];
    expect([held[0], held.readUInt32LE(4), held.readUInt32LE(8), held.readUInt32LE(12)]).toEqual([
      MESSAGE_HELD,
      1,
      4,
      16,
    ]);
    expect([pointer[0], pointer.readUInt32LE(4), pointer.readInt32LE(8)]).toEqual([MESSAGE_POINTER, 2, 0]);
    expect(pointer.readFloatLE(36)).toBe(-1);
  });

  test('a key that is let go, or released with all others, while there is no connection is not held in the next one', () => {
    writer.key(4, true);
    writer.key(5, true);
    writer.close();
    writer.key(4, false);
    states.length = 0;
    writer.open();
    expect(at(states, 0).readUInt32LE(12)).toBe(32);
    writer.close();
    writer.releaseAll();
    states.length = 0;
    writer.open();
    expect(at(states, 0).readUInt32LE(12)).toBe(0);
  });

  test('the writer of input sends nothing after it was closed', () => {
    writer.move(1, 1);
    writer.commit();
    writer.move(1, 1);
    writer.commit();
    writer.close();
    writer.key(4, true);
    writer.button(0, true);
    writer.hide(true);
    writer.releaseAll();
    writer.heartbeat();
    vi.advanceTimersByTime(100);
    expect([events.length, states.length]).toEqual([0, 1]);
  });
});
