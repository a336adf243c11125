import { must } from '../../host/base/assert.ts';
import type { Call } from '../../host/session/format.ts';
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
  INPUT_POINTER,
  INPUT_SEQUENCE,
  INPUT_STRIDE,
  INPUT_VERSION,
  INPUT_WHEEL,
} from '../../renderer/contract/abi.ts';

export interface ScriptOptions {
  seed: number;
  ticks: number;
  seats: number;
}

/** USB usage numbers of the keys that the players press: letters, space, Enter and the arrows. */
const KEYS = [26, 4, 22, 7, 44, 40, 79, 80, 81, 82];
const TICKS_PER_RENDER = 12;
const SIZES = [
  [64, 36],
  [320, 180],
  [640, 360],
] as const;

/**
 * Yields the calls that a room would make in a session in which players join, press keys, move and leave at random, with an
 * occasional picture. The same seed yields the same calls.
 */
export function* script({ seed, ticks, seats }: ScriptOptions): Generator<Call> {
  const random = generator(seed);
  const taken = new Array<boolean>(seats).fill(false);
  const records = Array.from({ length: seats }, () => new DataView(new ArrayBuffer(INPUT_STRIDE)));
  const recordOf = (seat: number) => must(records[seat], 'input record');
  const input = (seat: number): Call => ({
    kind: 'input',
    seat,
    record: new Uint8Array(recordOf(seat).buffer).slice(),
  });
  for (let tick = 0; tick < ticks; tick++) {
    const seat = random(seats);
    const record = recordOf(seat);
    if (taken[seat] && random(240) === 0) {
      taken[seat] = false;
      yield { kind: 'leave', seat };
      clear(record);
      yield input(seat);
    } else if (!taken[seat] && (tick === 0 || random(30) === 0)) {
      taken[seat] = true;
      yield { kind: 'join', seat };
    }
    if (taken[seat]) {
      play(record, random);
      yield input(seat);
    }
    yield { kind: 'tick', tick };
    forget(record);
    if (taken[seat]) yield input(seat);
    const [width, height] = must(SIZES[random(SIZES.length)], 'size');
    const viewer = taken.indexOf(true);
    if (viewer >= 0 && random(TICKS_PER_RENDER) === 0) yield { kind: 'render', seat: viewer, width, height };
  }
}

/** Returns a function that yields pseudo-random whole numbers below a bound (Mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function clear(record: DataView): void {
  new Uint8Array(record.buffer).fill(0);
  record.setUint32(INPUT_VERSION, 1, true);
}

/** Resets the fields of an input record that hold only for one tick: presses and movement. */
function forget(record: DataView): void {
  new Uint8Array(record.buffer, INPUT_BUTTONS_PRESSED, 4).fill(0);
  new Uint8Array(record.buffer, INPUT_KEYS_PRESSED, INPUT_POINTER - INPUT_KEYS_PRESSED).fill(0);
  new Uint8Array(record.buffer, INPUT_MOVEMENT, INPUT_AXES - INPUT_MOVEMENT).fill(0);
}

/** Changes one key, the mouse buttons, and all positions of an input record at random. */
function play(record: DataView, random: (below: number) => number): void {
  record.setUint32(INPUT_VERSION, 1, true);
  record.setUint32(INPUT_FLAGS, INPUT_CONNECTED | (random(2) === 0 ? INPUT_LOCKED : 0), true);
  record.setUint32(INPUT_SEQUENCE, record.getUint32(INPUT_SEQUENCE, true) + 1, true);
  const usage = must(KEYS[random(KEYS.length)], 'key');
  const at = (usage >>> 5) * 4;
  const bit = 1 << (usage & 31);
  const keys = (record.getUint32(INPUT_KEYS + at, true) ^ bit) >>> 0;
  record.setUint32(INPUT_KEYS + at, keys, true);
  record.setUint32(INPUT_KEYS_PRESSED + at, keys & bit, true);
  const buttons = random(8);
  record.setUint32(INPUT_BUTTONS_PRESSED, buttons & ~record.getUint32(INPUT_BUTTONS, true), true);
  record.setUint32(INPUT_BUTTONS, buttons, true);
  for (const [start, values, scale] of [
    [INPUT_POINTER, 2, 1 / 1024],
    [INPUT_MOVEMENT, 2, 1 / 16],
    [INPUT_WHEEL, 2, 1 / 16],
    [INPUT_AXES, 4, 1 / 512],
  ] as const)
    for (let value = 0; value < values; value++)
      record.setFloat32(start + 4 * value, (random(1024) - (start === INPUT_POINTER ? 0 : 512)) * scale, true);
}
