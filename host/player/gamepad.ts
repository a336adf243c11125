import type { InputWriter } from './writer.ts';

/** Number under which the game gets a gamepad's first button. Mouse buttons have lower numbers. */
const FIRST_BUTTON = 16;
const BUTTONS = 16;
const AXES = 4;
/** A gamepad's stick axis that is below this, of at most 1, counts as at rest. */
const DEAD_ZONE = 0.1;

/**
 * Reads gamepads that have the standard mapping, once per frame while one is connected. It ignores all others. A stick at rest
 * is written only once, so that it does not disturb the touch controls, which write the same axes. Everything else is written in
 * each frame: what was released because the page lost the focus acts again, without being moved.
 */
export class GamepadInput {
  readonly #writer: InputWriter;
  readonly #onAct: () => void;
  readonly #isWanted: () => boolean;
  readonly #axes = new Float64Array(AXES);
  #buttons = 0;
  #connected = 0;
  #frame = 0;

  /** @param isWanted whether gamepads are for this writer; otherwise they count as not connected */
  constructor(writer: InputWriter, onAct: () => void, isWanted: () => boolean = () => true) {
    this.#writer = writer;
    this.#onAct = onAct;
    this.#isWanted = isWanted;
    addEventListener('gamepadconnected', this.#change);
    addEventListener('gamepaddisconnected', this.#change);
    // The browser has already reported those that the player has used in this document.
    this.#connected = connectedGamepads();
    if (this.#connected > 0) this.#frame = requestAnimationFrame(this.#poll);
  }

  detach(): void {
    removeEventListener('gamepadconnected', this.#change);
    removeEventListener('gamepaddisconnected', this.#change);
    cancelAnimationFrame(this.#frame);
  }

  readonly #change = (event: GamepadEvent): void => {
    this.#connected += event.type === 'gamepadconnected' ? 1 : -1;
    cancelAnimationFrame(this.#frame);
    this.#poll();
  };

  readonly #poll = (): void => {
    if (this.#connected > 0) this.#frame = requestAnimationFrame(this.#poll);
    let buttons = 0;
    let strongest: Gamepad | undefined;
    for (const pad of this.#isWanted() ? navigator.getGamepads() : []) {
      // Other mappings number buttons and axes as the maker of the gamepad likes.
      if (pad?.mapping !== 'standard') continue;
      for (let i = 0; i < BUTTONS; i++) if (pad.buttons[i]?.pressed) buttons |= 1 << i;
      if (strongest === undefined || reach(pad) > reach(strongest)) strongest = pad;
    }
    this.#writeButtons(buttons);
    for (let axis = 0; axis < AXES; axis++) this.#writeAxis(axis, applyDeadZone(strongest?.axes[axis] ?? 0));
    this.#writer.commit();
  };

  #writeButtons(buttons: number): void {
    const pressed = buttons & ~this.#buttons;
    this.#buttons = buttons;
    for (let i = 0; i < BUTTONS; i++) this.#writer.button(FIRST_BUTTON + i, (buttons & (1 << i)) !== 0);
    if (pressed !== 0) this.#onAct();
  }

  #writeAxis(axis: number, value: number): void {
    if (value === 0 && this.#axes[axis] === 0) return;
    this.#axes[axis] = value;
    this.#writer.axis(axis, value);
  }
}

/** Returns how far a gamepad's sticks are pushed. Among several gamepads the one with the highest value steers. */
function reach(pad: Gamepad): number {
  let sum = 0;
  for (let i = 0; i < AXES; i++) sum += Math.abs(pad.axes[i] ?? 0);
  return sum;
}

/** Returns the value of a stick's axis without its dead zone: 0 inside, and rising from 0 to 1 outside, without a jump. */
function applyDeadZone(value: number): number {
  const size = Math.abs(value);
  return size < DEAD_ZONE ? 0 : (Math.sign(value) * (size - DEAD_ZONE)) / (1 - DEAD_ZONE);
}

/** Returns the number of gamepads that the browser shows to this page. A page that may not use gamepads has none. */
function connectedGamepads(): number {
  try {
    return navigator.getGamepads().filter((pad) => pad !== null).length;
  } catch {
    return 0;
  }
}
