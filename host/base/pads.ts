import { PAD_BUTTON_COUNT, PAD_COUNT } from '../../renderer/contract/abi.ts';
import { HELD_BYTES, PAD_AXIS_MAX, PAD_BYTES } from './protocol.ts';

/** Value of a button that is pressed all the way. */
export const PAD_VALUE_MAX = 255;

/** The state of one gamepad of a player. */
export interface PadState {
  /** Whether the player has this gamepad. Everything else is 0 if not. */
  connected: boolean;
  /** Buttons that are down; bit b is the button at place b of the standard mapping. */
  buttons: number;
  /** Axes of the sticks, -1 to 1; right and down are positive. */
  readonly axes: Float32Array;
  /** How far each button is pressed, 0 to PAD_VALUE_MAX. */
  readonly values: Uint8Array;
}

/** Returns the state of a gamepad that the player does not have. */
export function noPad(): PadState {
  return { connected: false, buttons: 0, axes: new Float32Array(4), values: new Uint8Array(PAD_BUTTON_COUNT) };
}

/** Releases all buttons and sticks of a gamepad, which stays connected. */
export function releasePad(pad: PadState): void {
  pad.buttons = 0;
  pad.axes.fill(0);
  pad.values.fill(0);
}

/** Reads the gamepads of a MESSAGE_HELD, which must be valid, into `pads`. The others are not connected. */
export function readPads(message: DataView, pads: readonly PadState[]): void {
  for (let place = 0; place < PAD_COUNT; place++) {
    const pad = pads[place];
    if (!pad) continue;
    pad.connected = false;
    releasePad(pad);
  }
  for (let at = HELD_BYTES; at < message.byteLength; at += PAD_BYTES) {
    const pad = pads[message.getUint8(at)];
    if (!pad) continue;
    pad.connected = true;
    pad.buttons = message.getUint32(at + 4, true);
    for (let axis = 0; axis < 4; axis++) pad.axes[axis] = message.getInt16(at + 8 + 2 * axis, true) / PAD_AXIS_MAX;
    for (let button = 0; button < PAD_BUTTON_COUNT; button++) pad.values[button] = message.getUint8(at + 16 + button);
  }
}
