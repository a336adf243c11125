import { beforeEach, expect, test } from 'vitest';
import { noPad, type PadState } from '../../host/base/pads.ts';
import { clearRecord, PlayerInput } from '../../host/room/input.ts';
import {
  INPUT_STRIDE,
  PAD_AXES,
  PAD_BUTTONS,
  PAD_BUTTONS_PRESSED,
  PAD_CONNECTED,
  PAD_COUNT,
  PAD_FLAGS,
  PAD_STRIDE,
  PAD_VALUES,
  PADS_STRIDE,
} from '../../renderer/contract/abi.ts';

const SEATS = 2;
let input: PlayerInput;
let records: { inputs: DataView; pads: DataView };

beforeEach(() => {
  input = new PlayerInput();
  records = {
    inputs: new DataView(new ArrayBuffer(SEATS * INPUT_STRIDE)),
    pads: new DataView(new ArrayBuffer(SEATS * PADS_STRIDE)),
  };
});

/** Sends the state of the gamepad at one place; the player has no other. */
function hold(place: number, change: Partial<PadState>, { hidden = false } = {}): void {
  const pads = Array.from({ length: PAD_COUNT }, noPad);
  Object.assign(pads[place] ?? {}, { connected: true, ...change });
  input.held({ keys: new Uint32Array(8), buttons: 0, pads, hidden }, 1);
}

/** Reads the record of a gamepad of the player in the last seat: flags, buttons, presses, the first axis and the last value. */
function read(place: number): number[] {
  input.write(records, SEATS - 1);
  const at = (SEATS - 1) * PADS_STRIDE + place * PAD_STRIDE;
  const { pads } = records;
  const words = [PAD_FLAGS, PAD_BUTTONS, PAD_BUTTONS_PRESSED].map((field) => pads.getUint32(at + field, true));
  return [...words, pads.getFloat32(at + PAD_AXES, true), pads.getUint8(at + PAD_VALUES + 16)];
}

const axes = Float32Array.of(-1, 0, 0, 0);
const values = new Uint8Array(17).fill(200, 16);
const home = 1 << 16;

test('the record of a gamepad holds its buttons, their values and its axes, and reports a press once', () => {
  hold(3, { buttons: home, axes, values });
  expect(read(3)).toEqual([PAD_CONNECTED, home, home, -1, 200]);
  expect(read(2)).toEqual([0, 0, 0, 0, 0]);
  input.endTick();
  expect(read(3)).toEqual([PAD_CONNECTED, home, 0, -1, 200]);
  expect(new Uint8Array(records.pads.buffer, 0, PADS_STRIDE).every((byte) => byte === 0)).toBe(true);
});

test('a press that comes alone has the highest value, and is reported even if it is over before the tick', () => {
  hold(0, {});
  input.padButton(0, 16, true, 2);
  expect(read(0)).toEqual([PAD_CONNECTED, home, home, 0, 255]);
  input.padButton(0, 16, false, 3);
  expect(read(0)).toEqual([PAD_CONNECTED, 0, home, 0, 0]);
  expect(input.sequence).toBe(3);
});

test('nothing is held on a gamepad after a release or while the page is hidden, but it stays connected', () => {
  hold(1, { buttons: home, axes, values });
  input.endTick();
  input.releaseAll(2);
  expect(read(1)).toEqual([PAD_CONNECTED, 0, 0, 0, 0]);
  hold(1, { buttons: home, axes, values });
  input.endTick();
  hold(1, { buttons: home, axes, values }, { hidden: true });
  expect(read(1)).toEqual([PAD_CONNECTED, 0, 0, 0, 0]);
  hold(1, { buttons: home, axes, values });
  expect(read(1)).toEqual([PAD_CONNECTED, home, home, -1, 200]);
  // The host itself says so when the page is silent.
  input.endTick();
  input.held({ keys: new Uint32Array(8), buttons: 0, hidden: true }, 5);
  expect(read(1)).toEqual([PAD_CONNECTED, 0, 0, 0, 0]);
});

test('the records of a free seat are zero', () => {
  hold(0, { buttons: home });
  read(0);
  clearRecord(records, SEATS - 1);
  expect(new Uint8Array(records.pads.buffer).every((byte) => byte === 0)).toBe(true);
});
