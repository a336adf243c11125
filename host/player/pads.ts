import { PAD_BUTTON_COUNT, PAD_COUNT } from '../../renderer/contract/abi.ts';
import { noPad, PAD_VALUE_MAX, type PadState, releasePad } from '../base/pads.ts';
import { HELD_BYTES, PAD_AXIS_MAX, PAD_BYTES } from '../base/protocol.ts';

/** The gamepads of a player, as they follow the fixed part of MESSAGE_HELD. Their axes are kept in units of 1 / PAD_AXIS_MAX. */
export class HeldPads {
  readonly #pads: readonly PadState[] = Array.from({ length: PAD_COUNT }, noPad);

  /** Connects or disconnects a gamepad. Nothing is held on it then. @returns false if it was in that state already */
  connect(place: number, connected: boolean): boolean {
    const pad = this.#pads[place];
    if (!pad || pad.connected === connected) return false;
    pad.connected = connected;
    releasePad(pad);
    return true;
  }

  /** Presses or releases a button of a gamepad. @returns false if it was in that state already */
  press(place: number, button: number, down: boolean): boolean {
    const pad = this.#pads[place];
    if (!pad || ((pad.buttons >>> button) & 1) === Number(down)) return false;
    pad.buttons ^= 1 << button;
    return true;
  }

  /** Sets how far a button is pressed, 0 to 1. @returns false if that changes nothing */
  value(place: number, button: number, value: number): boolean {
    const pad = this.#pads[place];
    const now = Math.round(Math.min(1, Math.max(0, value)) * PAD_VALUE_MAX);
    if (!pad || pad.values[button] === now) return false;
    pad.values[button] = now;
    return true;
  }

  /** Sets an axis of a stick, -1 to 1. @returns false if that changes nothing */
  axis(place: number, axis: number, value: number): boolean {
    const pad = this.#pads[place];
    const now = Math.round(Math.min(1, Math.max(-1, value)) * PAD_AXIS_MAX);
    if (!pad || pad.axes[axis] === now) return false;
    pad.axes[axis] = now;
    return true;
  }

  /** Releases all buttons and sticks. */
  release(): void {
    for (const pad of this.#pads) releasePad(pad);
  }

  /** Writes the gamepads that are connected into a MESSAGE_HELD. @returns their number */
  write(message: DataView): number {
    let count = 0;
    for (let place = 0; place < PAD_COUNT; place++) {
      const pad = this.#pads[place];
      if (!pad?.connected) continue;
      const at = HELD_BYTES + PAD_BYTES * count++;
      message.setUint32(at, place, true);
      message.setUint32(at + 4, pad.buttons, true);
      for (let axis = 0; axis < 4; axis++) message.setInt16(at + 8 + 2 * axis, pad.axes[axis] ?? 0, true);
      for (let button = 0; button < PAD_BUTTON_COUNT; button++)
        message.setUint8(at + 16 + button, pad.values[button] ?? 0);
    }
    return count;
  }
}
