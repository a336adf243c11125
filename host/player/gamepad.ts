import { PAD_BUTTON_COUNT, PAD_COUNT } from '../../renderer/contract/abi.ts';
import type { Controls } from './controls.ts';
import type { InputWriter } from './writer.ts';

/** Number under which a game that knows no gamepads gets their first button. Mouse buttons have lower numbers. */
const FIRST_BUTTON = 16;
/** Number of buttons that such a game gets. */
const BUTTONS = 16;
const AXES = 4;
const RIGHT_Y = 3;
const DEFAULTS: PadSettings = { deadZone: 0.1, stickSensitivity: 1, invertY: false };
/** A place that no gamepad has. */
const FREE = -1;

/** The gamepad in place of which a phone vibrates. */
export const PHONE_PAD = 0;

/** Finds the gamepads of the player. */
export type PadSource = {
  /** Returns the gamepad at a place; undefined if there is none. */
  at(place: number): Gamepad | undefined;
};

/** The controls that concern gamepads. */
export type PadSettings = Pick<Controls, 'deadZone' | 'stickSensitivity' | 'invertY'>;

export type GamepadInputOptions = {
  writer: InputWriter;
  /** Called when the player presses a button. */
  onAct?(): void;
  /** Whether gamepads are for this writer. If not, they count as not connected. Default: they are. */
  isWanted?(): boolean;
  /** Returns how the player wants to control the game. Default: the usual way. */
  settings?(): PadSettings;
};

/**
 * Reads gamepads that have the standard mapping, once per frame while one is connected. It ignores all others. Each gamepad has a place
 * from 0 on, which it keeps as long as it is connected. Games that know only one gamepad get the buttons of all of them, and the
 * sticks of the one that is pushed furthest. A stick at rest is written only once there, so that it does not disturb the touch
 * controls, which write the same axes. Everything else is written in each frame: what was released because the page lost the focus
 * acts again, without being moved.
 */
export class GamepadInput implements PadSource {
  readonly #options: GamepadInputOptions;
  readonly #axes = new Float64Array(AXES);
  /** The browser's index of the gamepad at each place. */
  readonly #places = new Int32Array(PAD_COUNT).fill(FREE);
  /** The axes of the gamepad that was read last, without dead zones. */
  readonly #sticks = new Float64Array(AXES);
  readonly #strongest = new Float64Array(AXES);
  #buttons = 0;
  #connected = 0;
  #frame = 0;
  #isPaused = false;

  constructor(options: GamepadInputOptions) {
    this.#options = options;
    addEventListener('gamepadconnected', this.#change);
    addEventListener('gamepaddisconnected', this.#change);
    // The browser has already reported those that the player has used in this document.
    this.#connected = connectedGamepads();
    if (this.#connected > 0) this.#frame = requestAnimationFrame(this.#poll);
  }

  at(place: number): Gamepad | undefined {
    const index = this.#places[place] ?? FREE;
    return index === FREE ? undefined : (navigator.getGamepads()[index] ?? undefined);
  }

  /** Stops or goes on passing buttons and sticks to the game. The caller releases what is held. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
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
    const pads = (this.#options.isWanted?.() ?? true) ? navigator.getGamepads() : [];
    let buttons = 0;
    let furthest = 0;
    this.#strongest.fill(0);
    this.#freePlaces(pads);
    for (let index = 0; index < pads.length; index++) {
      const pad = pads[index];
      // Other mappings number buttons and axes as the maker of the gamepad likes.
      if (pad?.mapping !== 'standard') continue;
      const place = this.#placeOf(index);
      const reach = this.#readSticks(pad);
      if (place !== FREE) this.#writePad(place, pad);
      for (let i = 0; i < BUTTONS; i++) if (pad.buttons[i]?.pressed) buttons |= 1 << i;
      if (reach > furthest) this.#strongest.set(this.#sticks);
      furthest = Math.max(furthest, reach);
    }
    if (!this.#isPaused) {
      this.#writeButtons(buttons);
      for (let axis = 0; axis < AXES; axis++) this.#writeAxis(axis, this.#strongest[axis] ?? 0);
    }
    this.#options.writer.commit();
  };

  /** Returns the place of a gamepad, the first free one if it is new, or FREE if all places are taken. */
  #placeOf(index: number): number {
    let place = this.#places.indexOf(index);
    if (place < 0) place = this.#places.indexOf(FREE);
    if (place < 0) return FREE;
    this.#places[place] = index;
    return place;
  }

  /** Frees the places of gamepads that are gone. */
  #freePlaces(pads: readonly (Gamepad | null)[]): void {
    for (let place = 0; place < PAD_COUNT; place++) {
      const index = this.#places[place] ?? FREE;
      if (index === FREE || pads[index]?.mapping === 'standard') continue;
      this.#places[place] = FREE;
      this.#options.writer.padConnect(place, false);
    }
  }

  /** Reads a gamepad's sticks into `#sticks`. @returns how far they are pushed */
  #readSticks(pad: Gamepad): number {
    const { deadZone, stickSensitivity, invertY } = this.#options.settings?.() ?? DEFAULTS;
    let reach = 0;
    for (let axis = 0; axis < AXES; axis += 2) {
      const x = pad.axes[axis] ?? 0;
      const y = pad.axes[axis + 1] ?? 0;
      const scale = stickScale(x, y, deadZone) * stickSensitivity;
      this.#sticks[axis] = clamp(x * scale);
      this.#sticks[axis + 1] = clamp(y * scale);
      reach += Math.hypot(x, y);
    }
    // The right stick looks around.
    if (invertY) this.#sticks[RIGHT_Y] = -(this.#sticks[RIGHT_Y] ?? 0);
    return reach;
  }

  #writePad(place: number, pad: Gamepad): void {
    const { writer } = this.#options;
    writer.padConnect(place, true);
    if (this.#isPaused) return;
    for (let button = 0; button < PAD_BUTTON_COUNT; button++) {
      const state = pad.buttons[button];
      const isDown = state?.pressed === true;
      writer.padButton(place, button, isDown);
      writer.padValue(place, button, state?.value ?? Number(isDown));
    }
    for (let axis = 0; axis < AXES; axis++) writer.padAxis(place, axis, this.#sticks[axis] ?? 0);
  }

  #writeButtons(buttons: number): void {
    const pressed = buttons & ~this.#buttons;
    this.#buttons = buttons;
    for (let i = 0; i < BUTTONS; i++) this.#options.writer.button(FIRST_BUTTON + i, (buttons & (1 << i)) !== 0);
    if (pressed !== 0) this.#options.onAct?.();
  }

  #writeAxis(axis: number, value: number): void {
    if (value === 0 && this.#axes[axis] === 0) return;
    this.#axes[axis] = value;
    this.#options.writer.axis(axis, value);
  }
}

/**
 * Returns the factor that takes the dead zone out of a stick at (x, y). The zone is round, so a slow movement in any direction
 * begins at the same distance: 0 inside, and from its edge on the stick goes from 0 to 1 without a jump.
 */
export function stickScale(x: number, y: number, deadZone: number): number {
  const reach = Math.hypot(x, y);
  return reach <= deadZone ? 0 : (Math.min(reach, 1) - deadZone) / (1 - deadZone) / reach;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(-1, value));
}

/** Returns the number of gamepads that the browser shows to this page. A page that may not use gamepads has none. */
function connectedGamepads(): number {
  try {
    return navigator.getGamepads().filter((pad) => pad !== null).length;
  } catch {
    return 0;
  }
}
