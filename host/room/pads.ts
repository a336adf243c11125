import {
  PAD_AXES,
  PAD_BUTTON_COUNT,
  PAD_BUTTONS,
  PAD_BUTTONS_PRESSED,
  PAD_CONNECTED,
  PAD_COUNT,
  PAD_FLAGS,
  PAD_STRIDE,
  PAD_VALUES,
  PADS_STRIDE,
} from '../../renderer/contract/abi.ts';
import { noPad, PAD_VALUE_MAX, type PadState, releasePad } from '../base/pads.ts';

/** The gamepads of one player, as records for the module (ABI.md, "Gamepads"). Presses accumulate until a tick has read them. */
export class PlayerPads {
  readonly #pads: readonly PadState[] = Array.from({ length: PAD_COUNT }, noPad);
  readonly #pressed = new Uint32Array(PAD_COUNT);

  /** Presses or releases one button. */
  button(place: number, button: number, down: boolean): void {
    const pad = this.#pads[place];
    if (!pad) return;
    const bit = 1 << button;
    if (down) {
      this.#press(place, bit & ~pad.buttons);
      pad.buttons |= bit;
      // A message about the whole gamepad says later how far the button is pressed.
      if (pad.values[button] === 0) pad.values[button] = PAD_VALUE_MAX;
    } else {
      pad.buttons &= ~bit;
      pad.values[button] = 0;
    }
  }

  /**
   * Sets the state of all gamepads. @param pads undefined if nothing is known but that nothing is held
   * @param isHidden whether the page is hidden, so that nothing counts as held
   */
  set(pads: readonly PadState[] | undefined, isHidden: boolean): void {
    if (!pads || isHidden) this.release();
    for (let place = 0; place < PAD_COUNT; place++) {
      const pad = this.#pads[place];
      const now = pads?.[place];
      if (!pad || !now) continue;
      pad.connected = now.connected;
      if (isHidden) continue;
      this.#press(place, now.buttons & ~pad.buttons);
      pad.buttons = now.buttons;
      pad.axes.set(now.axes);
      pad.values.set(now.values);
    }
  }

  /** Releases all buttons and sticks. The gamepads stay connected. */
  release(): void {
    for (let place = 0; place < PAD_COUNT; place++) {
      const pad = this.#pads[place];
      if (pad) releasePad(pad);
    }
  }

  /** Writes the gamepads into `records`, which holds the records of the gamepads of each seat. */
  write(records: DataView, seat: number): void {
    for (let place = 0; place < PAD_COUNT; place++) {
      const pad = this.#pads[place];
      if (!pad) continue;
      const at = seat * PADS_STRIDE + place * PAD_STRIDE;
      records.setUint32(at + PAD_FLAGS, pad.connected ? PAD_CONNECTED : 0, true);
      records.setUint32(at + PAD_BUTTONS, pad.buttons, true);
      records.setUint32(at + PAD_BUTTONS_PRESSED, this.#pressed[place] ?? 0, true);
      for (let axis = 0; axis < 4; axis++) records.setFloat32(at + PAD_AXES + axis * 4, pad.axes[axis] ?? 0, true);
      for (let button = 0; button < PAD_BUTTON_COUNT; button++)
        records.setUint8(at + PAD_VALUES + button, pad.values[button] ?? 0);
    }
  }

  /** Forgets the presses that a simulation tick has read. */
  endTick(): void {
    this.#pressed.fill(0);
  }

  #press(place: number, bits: number): void {
    this.#pressed[place] = (this.#pressed[place] ?? 0) | bits;
  }
}

/** Writes empty records of gamepads for a seat that no player has. */
export function clearPads(records: DataView, seat: number): void {
  for (let at = 0; at < PADS_STRIDE; at += 4) records.setUint32(seat * PADS_STRIDE + at, 0, true);
}
