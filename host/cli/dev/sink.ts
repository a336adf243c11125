import { PAD_COUNT } from '../../../renderer/contract/abi.ts';
import { noPad, readPads } from '../../base/pads.ts';
import {
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PAD_BUTTON,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  TEXT_HEADER_BYTES,
} from '../../base/protocol.ts';
import type { MessageSink } from '../../player/writer.ts';
import type { PlayerInput } from '../../room/input.ts';
import type { HeldState, PointerState } from '../../stream/player.ts';

/**
 * Passes the page's input messages to the game in this tab. Reads them without checks, because they do not come from
 * another machine.
 */
export function localSink(input: PlayerInput): MessageSink {
  const pointer: PointerState = {
    x: 0.5,
    y: 0.5,
    totalDx: 0,
    totalDy: 0,
    totalWheelX: 0,
    totalWheelY: 0,
    axes: [0, 0, 0, 0],
    locked: false,
  };
  const pads = Array.from({ length: PAD_COUNT }, noPad);
  const held: HeldState = { keys: new Uint32Array(8), buttons: 0, pads, hidden: false };
  const readText = (message: Uint8Array, sequence: number): void => {
    const number = new DataView(message.buffer, message.byteOffset).getUint32(8, true);
    const text = message[1] === 1 ? new TextDecoder().decode(message.subarray(TEXT_HEADER_BYTES)) : undefined;
    input.text(number, text, sequence);
  };
  return {
    event(message, sequence) {
      const [type, code = 0, down, pad = 0] = message;
      if (type === MESSAGE_KEY) input.key(code, down === 1, sequence);
      else if (type === MESSAGE_BUTTON) input.button(code, down === 1, sequence);
      else if (type === MESSAGE_PAD_BUTTON) input.padButton(pad, code, down === 1, sequence);
      else if (type === MESSAGE_RELEASE_ALL) input.releaseAll(sequence);
      else if (type === MESSAGE_TEXT) readText(message, sequence);
    },
    state(message, sequence) {
      const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
      if (message[0] === MESSAGE_HELD) {
        held.buttons = view.getUint32(8, true);
        for (let word = 0; word < 8; word++) held.keys[word] = view.getUint32(12 + 4 * word, true);
        readPads(view, pads);
        input.held(held, sequence);
        return;
      }
      pointer.locked = message[1] === 1;
      pointer.totalDx = view.getInt32(8, true);
      pointer.totalDy = view.getInt32(12, true);
      pointer.totalWheelX = view.getInt32(16, true);
      pointer.totalWheelY = view.getInt32(20, true);
      pointer.x = Math.min(Math.max(view.getFloat32(24, true), 0), 1);
      pointer.y = Math.min(Math.max(view.getFloat32(28, true), 0), 1);
      for (let axis = 0; axis < 4; axis++) pointer.axes[axis] = view.getFloat32(32 + 4 * axis, true);
      input.pointer(pointer, sequence);
    },
  };
}
