/** Lists the messages that pages send, and checks that no game gets anything out of bounds from them. */
import {
  HELD_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PACE,
  MESSAGE_PAD_BUTTON,
  MESSAGE_PING,
  MESSAGE_POINTER,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  MESSAGE_TIMES,
  PACE_BYTES,
  PAD_BYTES,
  PING_BYTES,
  POINTER_BYTES,
  TIMES_BYTES,
} from '../../host/base/protocol.ts';
import type { HeldState, PointerState } from '../../host/stream/player.ts';

/** A valid message of each kind that a page sends. */
export const INPUTS = [
  Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0),
  Buffer.of(MESSAGE_BUTTON, 3, 1, 0, 2, 0, 0, 0),
  Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 3, 0, 0, 0),
  messageOf(MESSAGE_POINTER, POINTER_BYTES),
  messageOf(MESSAGE_HELD, HELD_BYTES),
  Buffer.concat([messageOf(MESSAGE_HELD, HELD_BYTES), messageOf(1, PAD_BYTES), messageOf(3, PAD_BYTES)]),
  Buffer.of(MESSAGE_PAD_BUTTON, 16, 1, 3, 4, 0, 0, 0),
  Buffer.concat([Buffer.of(MESSAGE_TEXT, 1, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0), Buffer.from('Zoë 日本')]),
  messageOf(MESSAGE_PING, PING_BYTES),
  messageOf(MESSAGE_PACE, PACE_BYTES),
  Buffer.concat([
    Buffer.of(MESSAGE_TIMES, 4, 16, 0, 0xb8, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    Buffer.alloc(TIMES_BYTES - 15),
  ]),
];

/** Checks that a report counts no more pictures than a page can show in a second, and that its sum fits the counts. */
const checkedCounts = {
  merge(counts: ArrayLike<number>, sumMs: number): void {
    const pictures = Array.from(counts).reduce((sum, count) => sum + count, 0);
    expectThat(pictures > 0 && pictures <= 250, `${pictures} pictures in a second`);
    expectThat(sumMs >= 0 && sumMs <= pictures * 8000.1, `${sumMs} ms for ${pictures} pictures`);
  },
};
export const CHECKED_TIMES = {
  uplink: checkedCounts,
  downlink: checkedCounts,
  decode: checkedCounts,
  present: checkedCounts,
  total: checkedCounts,
};

/** Checks that the game gets nothing out of bounds. */
export class CheckedSink {
  key(usage: number, _down: boolean, sequence: number): void {
    checkInteger(usage, 255);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  button(button: number, _down: boolean, sequence: number): void {
    checkInteger(button, 31);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  padButton(pad: number, button: number, _down: boolean, sequence: number): void {
    checkInteger(pad, 3);
    checkInteger(button, 16);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  releaseAll(sequence: number): void {
    checkInteger(sequence, 2 ** 32 - 1);
  }
  held({ keys, buttons, pads = [] }: HeldState, sequence: number): void {
    for (const pad of pads) {
      checkInteger(pad.buttons, 2 ** 17 - 1);
      for (const axis of pad.axes) expectThat(axis >= -1 && axis <= 1, `axis of a gamepad at ${axis}`);
    }
    expectThat(keys.length === 8, `${keys.length} words of keys`);
    checkInteger(buttons, 2 ** 32 - 1);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  pointer({ x, y, axes, totalDx, totalDy }: PointerState, sequence: number): void {
    for (const part of [x, y]) expectThat(part >= 0 && part <= 1, `pointer at ${part}`);
    for (const axis of axes) expectThat(axis >= -1 && axis <= 1, `axis at ${axis}`);
    for (const total of [totalDx, totalDy]) expectThat(Number.isInteger(total), `movement of ${total}`);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  text(number: number, text: string | undefined, sequence: number): void {
    checkInteger(number, 2 ** 32 - 1);
    checkInteger(sequence, 2 ** 32 - 1);
    expectThat(text === undefined || text.isWellFormed(), 'half a character');
  }
  pace(slackMs: number): void {
    expectThat(Number.isFinite(slackMs), `slack of ${slackMs}`);
  }
}

function messageOf(type: number, bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  message[0] = type;
  return message;
}

export function checkInteger(value: number, max: number): void {
  expectThat(Number.isInteger(value) && value >= 0 && value <= max, `${value} is not a whole number up to ${max}`);
}

export function expectThat(condition: boolean, fault: string): void {
  if (!condition) throw new Error(fault);
}
