import { PAD_AXES, PAD_BUTTONS } from '../../renderer/contract/values.ts';
import { noPad, type PadState } from '../base/pads.ts';

/** The state of a player's gamepad. The names are those of the SDK's PadButton and PadAxis. */
export interface GamepadState {
  /** Buttons that are down, such as "South", with how far each is pressed: more than 0, at most 1. */
  buttons?: Readonly<Record<string, number>>;
  /** Axes of the sticks that are not at rest, such as "LeftX": -1 to 1. */
  axes?: Readonly<Record<string, number>>;
}

/** Returns the state of a gamepad that is connected. @throws RangeError for a name that is not known, or a bad value */
export function padOf({ buttons = {}, axes = {} }: GamepadState): PadState {
  const pad = noPad();
  pad.connected = true;
  for (const [name, value] of Object.entries(buttons)) {
    const button = placeOf(name, PAD_BUTTONS);
    if (!(value > 0 && value <= 1))
      throw new RangeError(`${name} cannot be pressed by ${value}; give more than 0 and at most 1`);
    pad.buttons |= 1 << button;
    pad.values[button] = Math.round(value * 255);
  }
  for (const [name, value] of Object.entries(axes)) {
    if (!(Math.abs(value) <= 1)) throw new RangeError(`${name} cannot be ${value}; give -1 to 1`);
    pad.axes[placeOf(name, PAD_AXES)] = value;
  }
  return pad;
}

function placeOf(name: string, places: Readonly<Record<string, number>>): number {
  const place = places[name];
  if (place === undefined) throw new RangeError(`there is no ${name}; the names are ${Object.keys(places).join(', ')}`);
  return place;
}
