import { describe, expect, test } from 'vitest';
import { PlayerInput } from '../../host/room/input.ts';
import type { PointerState } from '../../host/stream/player.ts';
import {
  INPUT_AXES,
  INPUT_BUTTONS,
  INPUT_BUTTONS_PRESSED,
  INPUT_CONNECTED,
  INPUT_FLAGS,
  INPUT_KEYS,
  INPUT_KEYS_PRESSED,
  INPUT_LOCKED,
  INPUT_MOVEMENT,
  INPUT_SEQUENCE,
  INPUT_STRIDE,
  INPUT_WHEEL,
  PADS_STRIDE,
} from '../../renderer/contract/abi.ts';

const pointer = (changes: Partial<PointerState> = {}): PointerState => ({
  x: 0,
  y: 0,
  totalDx: 0,
  totalDy: 0,
  totalWheelX: 0,
  totalWheelY: 0,
  axes: [0, 0, 0, 0],
  locked: false,
  ...changes,
});

function written(input: PlayerInput, seat = 1): DataView {
  const records = new DataView(new ArrayBuffer(2 * INPUT_STRIDE));
  input.write({ inputs: records, pads: new DataView(new ArrayBuffer(2 * PADS_STRIDE)) }, seat);
  return new DataView(records.buffer, seat * INPUT_STRIDE);
}

const word = (record: DataView, at: number): number => record.getUint32(at, true);

describe('an input record', () => {
  test('an input record holds the keys and buttons that are down, from the lowest number to the highest', () => {
    const input = new PlayerInput();
    input.key(0, true, 1);
    input.key(255, true, 2);
    input.button(31, true, 3);
    const record = written(input);
    expect(word(record, INPUT_FLAGS)).toBe(INPUT_CONNECTED);
    expect(word(record, INPUT_KEYS)).toBe(1);
    expect(word(record, INPUT_KEYS + 28)).toBe(0x80000000);
    expect(word(record, INPUT_BUTTONS)).toBe(0x80000000);
    expect(word(record, INPUT_SEQUENCE)).toBe(3);
  });

  test('an input record reports a press once, no matter how long the key is held', () => {
    const input = new PlayerInput();
    input.key(4, true, 1);
    input.button(0, true, 2);
    input.endTick();
    input.key(4, true, 3);
    input.button(0, true, 4);
    const record = written(input);
    expect(word(record, INPUT_KEYS)).toBe(16);
    expect(word(record, INPUT_KEYS_PRESSED)).toBe(0);
    expect(word(record, INPUT_BUTTONS_PRESSED)).toBe(0);
  });

  test('an input record has no key, button or axis set after releaseAll', () => {
    const input = new PlayerInput();
    input.key(4, true, 1);
    input.button(3, true, 2);
    input.pointer(pointer({ axes: [1, -1, 0.5, 0] }), 3);
    input.releaseAll(4);
    const record = written(input);
    expect([word(record, INPUT_KEYS), word(record, INPUT_BUTTONS), record.getFloat32(INPUT_AXES, true)]).toEqual([
      0, 0, 0,
    ]);
  });

  test('an input record holds exactly what the page says to be held, and reports the presses in it', () => {
    const input = new PlayerInput();
    input.key(4, true, 1);
    input.button(3, true, 2);
    input.endTick();
    const keys = new Uint32Array(8);
    keys[0] = (1 << 4) | (1 << 5);
    input.held({ keys, buttons: 0x80000000, hidden: false }, 3);
    const record = written(input);
    expect([word(record, INPUT_KEYS), word(record, INPUT_KEYS_PRESSED)]).toEqual([48, 32]);
    expect([word(record, INPUT_BUTTONS), word(record, INPUT_BUTTONS_PRESSED)]).toEqual([0x80000000, 0x80000000]);
    expect(word(record, INPUT_SEQUENCE)).toBe(3);
    input.held({ keys: new Uint32Array(8), buttons: 0, hidden: false }, 4);
    expect([word(written(input), INPUT_KEYS), word(written(input), INPUT_BUTTONS)]).toEqual([0, 0]);
  });

  test('an input record of a hidden page has no stick moved until the page is shown again', () => {
    const input = new PlayerInput();
    const none = { keys: new Uint32Array(8), buttons: 0 };
    input.pointer(pointer({ axes: [1, 0, 0, 0] }), 1);
    input.held({ ...none, hidden: true }, 2);
    expect([input.hidden, written(input).getFloat32(INPUT_AXES, true)]).toEqual([true, 0]);
    input.pointer(pointer({ axes: [1, 0, 0, 0] }), 3);
    expect(written(input).getFloat32(INPUT_AXES, true)).toBe(0);
    input.held({ ...none, hidden: false }, 4);
    input.pointer(pointer({ axes: [1, 0, 0, 0] }), 5);
    expect([input.hidden, written(input).getFloat32(INPUT_AXES, true)]).toEqual([false, 1]);
  });

  test('an input record holds the movement since the last tick, even if the sums of movement wrap', () => {
    const input = new PlayerInput();
    input.pointer(pointer({ totalDx: 0x7fffffff, totalWheelY: -160, locked: true }), 1);
    expect(written(input).getFloat32(INPUT_WHEEL + 4, true)).toBe(-10);
    expect(word(written(input), INPUT_FLAGS)).toBe(INPUT_CONNECTED | INPUT_LOCKED);
    input.endTick();
    input.pointer(pointer({ totalDx: (0x7fffffff + 32) | 0 }), 2);
    expect(written(input).getFloat32(INPUT_MOVEMENT, true)).toBe(2);
    input.endTick();
    expect(written(input).getFloat32(INPUT_MOVEMENT, true)).toBe(0);
  });

  test('an input record holds the newest sequence number, even if the number wraps', () => {
    const input = new PlayerInput();
    input.key(4, true, 0xffffffff);
    input.key(5, true, 0xfffffff0);
    expect(input.sequence).toBe(0);
    input.key(4, true, 0x7fffffff);
    input.key(5, true, 0xfffffffe);
    input.key(6, true, 3);
    expect(input.sequence).toBe(3);
  });
});
