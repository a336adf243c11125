import { PAD_COUNT } from '../../renderer/contract/abi.ts';
import type { PadState } from '../base/pads.ts';
import type { HeldState } from './player.ts';

/** Games that know no gamepads get their buttons under numbers from this one on (host/player/gamepad.ts). */
const FIRST_PAD_BUTTON = 16;

/** Knows what a player holds down in the game, so that it can tell what a message presses in addition. */
export class Presses {
  readonly #keys = new Uint32Array(8);
  readonly #pads = new Uint32Array(PAD_COUNT);
  #buttons = 0;

  /** Whether pressing a key is a new action of the player. */
  isNewKey(usage: number): boolean {
    return ((this.#keys[usage >>> 5] ?? 0) & (1 << (usage & 31))) === 0;
  }

  /** The same for a button. One that only repeats the button of a gamepad for older games is not an action of its own. */
  isNewButton(button: number): boolean {
    return ((1 << button) & ~this.#buttons) >>> 0 !== 0 && !this.#repeatsPad(button);
  }

  isNewPadButton(pad: number, button: number): boolean {
    return ((this.#pads[pad] ?? 0) & (1 << button)) === 0;
  }

  key(usage: number, down: boolean): void {
    const bit = 1 << (usage & 31);
    const keys = this.#keys[usage >>> 5] ?? 0;
    this.#keys[usage >>> 5] = down ? keys | bit : keys & ~bit;
  }

  button(button: number, down: boolean): void {
    this.#buttons = down ? this.#buttons | (1 << button) : this.#buttons & ~(1 << button);
  }

  padButton(pad: number, button: number, down: boolean): void {
    const buttons = this.#pads[pad] ?? 0;
    this.#pads[pad] = down ? buttons | (1 << button) : buttons & ~(1 << button);
  }

  release(): void {
    this.#keys.fill(0);
    this.#pads.fill(0);
    this.#buttons = 0;
  }

  /** Takes all that is held now. */
  set({ keys, buttons, pads }: Readonly<HeldState>): void {
    this.#keys.set(keys);
    this.#buttons = buttons;
    for (let pad = 0; pad < PAD_COUNT; pad++) this.#pads[pad] = pads?.[pad]?.buttons ?? 0;
  }

  /** Whether a state presses something that was not held before. */
  adds({ keys, buttons, pads }: Readonly<HeldState>): boolean {
    for (let word = 0; word < 8; word++) if (((keys[word] ?? 0) & ~(this.#keys[word] ?? 0)) !== 0) return true;
    for (let pad = 0; pad < PAD_COUNT; pad++)
      if (((pads?.[pad]?.buttons ?? 0) & ~(this.#pads[pad] ?? 0)) !== 0) return true;
    return (buttons & ~this.#buttons) !== 0;
  }

  /** Takes what was not held before out of a state. */
  mask(state: { keys: Uint32Array; buttons: number; pads?: readonly PadState[] | undefined }): void {
    for (let word = 0; word < 8; word++) state.keys[word] = (state.keys[word] ?? 0) & (this.#keys[word] ?? 0);
    state.buttons &= this.#buttons;
    for (const [index, pad] of (state.pads ?? []).entries()) {
      pad.buttons &= this.#pads[index] ?? 0;
      for (let button = 0; button < pad.values.length; button++)
        if ((pad.buttons & (1 << button)) === 0) pad.values[button] = 0;
    }
  }

  #repeatsPad(button: number): boolean {
    if (button < FIRST_PAD_BUTTON) return false;
    return this.#pads.some((buttons) => (buttons & (1 << (button - FIRST_PAD_BUTTON))) !== 0);
  }
}
