import { beforeEach, describe, expect, test } from 'vitest';
import { noPad, type PadState } from '../../host/base/pads.ts';
import { HELD_BYTES, MESSAGE_PAD_BUTTON, PAD_AXIS_MAX, PAD_BUTTON_BYTES, PAD_BYTES } from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import { InputWriter } from '../../host/player/writer.ts';
import { InputGovernor } from '../../host/stream/governor.ts';
import { InputReader } from '../../host/stream/input.ts';
import { PAD_COUNT } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { UNLIMITED } from './limits.ts';
import { heldMessage } from './peer.ts';

/** Calls that the reader made, such as "0 button 3 down 7" and the gamepads of each message about what is held. */
let edges: string[];
let states: PadState[][];
let reader: InputReader;

const clock = { now: () => milli(0) };

beforeEach(() => {
  edges = [];
  states = [];
  reader = new InputReader({
    sink: {
      key() {},
      button() {},
      releaseAll() {},
      pointer() {},
      pace() {},
      text() {},
      padButton: (pad, button, down, sequence) =>
        void edges.push(`${pad} button ${button} ${down ? 'down' : 'up'} ${sequence}`),
      held: ({ pads = [] }) => void states.push(structuredClone([...pads])),
    },
    config: { inputBytesMax: 1024, inputSilenceMsMax: 600_000, stallMsMax: 600_000 },
    governor: new InputGovernor({ limits: UNLIMITED, clock }),
    pong() {},
    clock,
  });
});

/** A message about what is held, with gamepads at the given places, each of which a test may change. */
function withPads(places: number[], change: (message: Buffer) => void = () => {}): Buffer {
  const pads = places.map((place) => Buffer.concat([Buffer.of(place), Buffer.alloc(PAD_BYTES - 1)]));
  const message = Buffer.concat([heldMessage({ sequence: 1 }), ...pads]);
  change(message);
  return message;
}

describe('the gamepads in a message about what is held', () => {
  test('the gamepads that the page writes are those that the host reads', () => {
    const writer = new InputWriter({
      event: (message) => void reader.read('events', Buffer.from(message)),
      state: (message) => void reader.read('state', Buffer.from(message)),
    });
    writer.open();
    writer.padConnect(1, true);
    writer.padConnect(3, true);
    writer.padButton(3, 16, true);
    writer.padValue(1, 7, 0.5);
    writer.padAxis(1, 0, -1);
    writer.padAxis(1, 3, 2);
    writer.heartbeat();
    const newest = at(states, states.length - 1);
    expect(newest.map(({ connected }) => connected)).toEqual([false, true, false, true]);
    expect([...at(newest, 1).axes]).toEqual([-1, 0, 0, 1]);
    expect([at(newest, 1).values[7], at(newest, 3).buttons]).toEqual([128, 1 << 16]);
    expect(at(newest, 0)).toEqual(noPad());
    writer.padConnect(3, false);
    writer.heartbeat();
    expect(at(at(states, states.length - 1), 3)).toEqual(noPad());
    writer.close();
    reader.close();
  });

  test.each<[string, Buffer]>([
    ['no gamepad', withPads([])],
    ['the highest place', withPads([3])],
    ['all places', withPads([0, 1, 2, 3])],
    ['the highest button', withPads([0], (message) => message.writeUInt32LE(0x1ffff, HELD_BYTES + 4))],
    ['the lowest axis', withPads([0], (message) => message.writeInt16LE(-PAD_AXIS_MAX, HELD_BYTES + 8))],
    ['the highest value of the last button', withPads([0], (message) => message.writeUInt8(255, HELD_BYTES + 32))],
  ])('the gamepads are read: %s', (_, message) => {
    expect(reader.read('state', message)).toBe(true);
    expect(at(states, 0)).toHaveLength(PAD_COUNT);
  });

  test.each<[string, Buffer]>([
    ['a place that does not exist', withPads([4])],
    ['a place twice', withPads([1, 1])],
    ['places in another order', withPads([1, 0])],
    ['too many', withPads([0, 1, 2, 3, 3])],
    ['a part of a gamepad', withPads([0]).subarray(0, HELD_BYTES + PAD_BYTES - 1)],
    ['one byte more', Buffer.concat([withPads([0]), Buffer.alloc(1)])],
    ['button 17', withPads([0], (message) => message.writeUInt32LE(0x20000, HELD_BYTES + 4))],
    ['an axis below -1', withPads([0], (message) => message.writeInt16LE(-PAD_AXIS_MAX - 1, HELD_BYTES + 8))],
    ['a reserved byte after the place', withPads([0], (message) => message.writeUInt8(1, HELD_BYTES + 3))],
    ['a reserved byte at the end', withPads([0], (message) => message.writeUInt8(1, HELD_BYTES + 33))],
  ])('the gamepads are refused: %s', (_, message) => {
    expect(reader.read('state', message)).toBe(false);
    expect(states).toEqual([]);
  });
});

describe('a button of a gamepad', () => {
  const button = (number: number, down: number, pad: number, sequence: number) =>
    Buffer.of(MESSAGE_PAD_BUTTON, number, down, pad, sequence, 0, 0, 0);

  test('a button of a gamepad is read up to the last one of the last gamepad', () => {
    expect(reader.read('events', button(0, 1, 0, 1))).toBe(true);
    expect(reader.read('events', button(16, 0, 3, 2))).toBe(true);
    expect(edges).toEqual(['0 button 0 down 1', '3 button 16 up 2']);
    expect(button(0, 0, 0, 0)).toHaveLength(PAD_BUTTON_BYTES);
  });

  test.each<[string, string, Buffer]>([
    ['button 17', 'events', button(17, 1, 0, 1)],
    ['gamepad 4', 'events', button(0, 1, 4, 1)],
    ['half down', 'events', button(0, 2, 0, 1)],
    ['too short', 'events', button(0, 1, 0, 1).subarray(0, 7)],
    ['on the other channel', 'state', button(0, 1, 0, 1)],
  ])('a button of a gamepad is refused: %s', (_, channel, message) => {
    expect(reader.read(channel, message)).toBe(false);
    expect(edges).toEqual([]);
  });

  test('a press that a message about what is held has overtaken counts once', () => {
    const held = (sequence: number, buttons: number) =>
      withPads([2], (message) => {
        message.writeUInt32LE(sequence, 4);
        message.writeUInt32LE(buttons, HELD_BYTES + 4);
      });
    reader.read('state', held(5, 1));
    reader.read('events', button(0, 1, 2, 4));
    expect(edges).toEqual([]);
    reader.read('events', button(1, 1, 2, 4));
    expect(edges).toEqual(['2 button 1 down 4', '2 button 1 up 4']);
  });
});
