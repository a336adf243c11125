import * as abi from '../contract/abi';

/**
 * One gamepad of a player, with the standard mapping. A player's gamepads keep their places: when one is taken away, the others do
 * not move up.
 */
export class Pad {
  private at: usize;

  constructor(at: usize) {
    this.at = at;
  }

  /** Reports whether the player has this gamepad. Without it, nothing is pressed and all axes are 0. */
  get connected(): bool {
    return (load<u32>(this.at, abi.PAD_FLAGS) & abi.PAD_CONNECTED) !== 0;
  }

  /** Reports whether a button is down, as in `button(PadButton.South)`. */
  button(index: u32): bool {
    return ((this.buttons >> (index & 31)) & 1) !== 0;
  }

  /** Reports whether a button went down since the last tick, even if it is up again. */
  pressed(index: u32): bool {
    return ((load<u32>(this.at, abi.PAD_BUTTONS_PRESSED) >> (index & 31)) & 1) !== 0;
  }

  /** Returns the buttons that are down, one bit each. */
  get buttons(): u32 {
    return load<u32>(this.at, abi.PAD_BUTTONS);
  }

  /** Returns how far a button is pressed, from 0 to 1, as in `value(PadButton.RightTrigger)`. Most buttons know only 0 and 1. */
  value(index: u32): f32 {
    if (index >= <u32>abi.PAD_BUTTON_COUNT) return 0;
    return <f32>load<u8>(this.at + index, abi.PAD_VALUES) / 255;
  }

  /** Returns one axis of the sticks, -1 to 1, as in `axis(PadAxis.LeftX)`. Right and down are positive. */
  axis(index: u32): f32 {
    return load<f32>(this.at + ((<usize>(index & 3)) << 2), abi.PAD_AXES);
  }
}
