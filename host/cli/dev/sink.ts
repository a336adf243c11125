import type { PlayerInput } from '../../room/input.ts';
import type { PointerState } from '../../stream/player.ts';

/** The types and layouts of host/stream/protocol.ts, which the page's input writer speaks. */
interface Types {
  MESSAGE_KEY: number;
  MESSAGE_BUTTON: number;
  MESSAGE_RELEASE_ALL: number;
}

/** Takes what the page's input writer sends straight to the input of the player in this tab. */
export function localSink(input: PlayerInput, types: Types) {
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
  return {
    event([type, code, down]: Uint8Array, sequence: number): void {
      if (type === types.MESSAGE_KEY) input.key(code!, down === 1, sequence);
      else if (type === types.MESSAGE_BUTTON) input.button(code!, down === 1, sequence);
      else if (type === types.MESSAGE_RELEASE_ALL) input.releaseAll(sequence);
    },
    state(message: Uint8Array, sequence: number): void {
      const view = new DataView(message.buffer, message.byteOffset);
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
