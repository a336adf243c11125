import { Input, input, PadAxis, State } from '@nearlight/sdk';
import { Fighter } from './fighter';

const PADS = 4;
/** The place of the gamepad in whose stead a phone vibrates. */
const PHONE_PAD = 0;
/** The player plays with something else than a gamepad. */
const NO_PAD = -1;
/** Metres from which an explosion can be felt. */
const REACH: f32 = 9;

/** Makes the players feel the game in their hands: their gamepads rumble. A player who plays with mouse and keyboard feels nothing. */
export class Feel {
  /** For each player the gamepad that was used after all other devices, or NO_PAD. */
  private readonly pad: StaticArray<i32>;
  /** Strength of the effect that each player feels, and the seconds that it still lasts. */
  private readonly force: StaticArray<f32>;
  private readonly left: StaticArray<f32>;

  constructor(seats: i32) {
    this.pad = new StaticArray<i32>(seats).fill(NO_PAD);
    this.force = new StaticArray<f32>(seats);
    this.left = new StaticArray<f32>(seats);
  }

  /** Notes for `dt` seconds which device a player uses. */
  watch(seat: i32, from: Input, dt: f32): void {
    this.left[seat] = max(this.left[seat] - dt, <f32>0);
    let connected = false;
    for (let place = 0; place < PADS; place++) {
      const pad = from.pads[place];
      if (!pad.connected) continue;
      connected = true;
      const sticks =
        abs(pad.axis(PadAxis.LeftX)) +
        abs(pad.axis(PadAxis.LeftY)) +
        abs(pad.axis(PadAxis.RightX)) +
        abs(pad.axis(PadAxis.RightY));
      if (pad.buttons === 0 && sticks === 0) continue;
      this.pad[seat] = place;
      return;
    }
    // Only the page knows whether it is on a phone.
    if (!connected) this.pad[seat] = PHONE_PAD;
    else if (from.movementX !== 0 || from.movementY !== 0 || from.any) this.pad[seat] = NO_PAD;
  }

  /** The kick of the player's own gun. It is too weak to make a phone vibrate at each shot. */
  fired(f: Fighter): void {
    this.shake(f, 0, 0.09, 0.045);
  }

  /** A bolt has hit the player. @param damage health that it took */
  struck(f: Fighter, damage: f32): void {
    const strength: f32 = min<f32>(0.3 + damage * 0.012, 0.6);
    this.shake(f, strength, strength * 0.6, 0.13);
  }

  died(f: Fighter): void {
    this.shake(f, 0.8, 0.5, 0.35);
  }

  /** The player comes down from so high that the landing can be heard. */
  landed(f: Fighter): void {
    this.shake(f, 0.14, 0, 0.06);
  }

  /** Something explodes near a player. */
  exploded(f: Fighter, x: f32, y: f32, z: f32): void {
    if (f.bot || !f.alive) return;
    const dx = f.x - x;
    const dy = f.y + 1 - y;
    const dz = f.z - z;
    const near: f32 = <f32>1 - Mathf.sqrt(dx * dx + dy * dy + dz * dz) / REACH;
    if (near > 0) this.shake(f, near * 0.5, near * 0.2, 0.2);
  }

  pass(state: State): void {
    state.array(this.pad);
    state.array(this.force);
    state.array(this.left);
  }

  /** Shakes the gamepad of a player, unless a stronger effect has not ended yet. */
  private shake(f: Fighter, strong: f32, weak: f32, seconds: f32): void {
    if (f.bot) return;
    const seat = f.index;
    const force = strong + weak * 0.5;
    const place = this.pad[seat];
    if (place === NO_PAD || (this.left[seat] > 0 && this.force[seat] > force)) return;
    this.force[seat] = force;
    this.left[seat] = seconds;
    input(seat).rumble(<u32>place, strong, weak, <u32>(seconds * 1000));
  }
}

/** Returns how far a trigger is pressed, from 0 to 1: the furthest of all gamepads of a player. */
export function triggerOf(from: Input, button: u32): f32 {
  let furthest: f32 = 0;
  for (let place = 0; place < PADS; place++) furthest = max(furthest, from.pads[place].value(button));
  return furthest;
}
