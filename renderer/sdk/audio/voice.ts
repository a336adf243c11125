import { State } from '../state';
import { Sound } from './sound';

/** A position in a sound, and a speed through it, in frames times 2^32. */
export const ONE: u64 = (<u64>1) << 32;

/** A sound that a Mixer plays. `Before` marks what held at the start of the tick; the rest holds at its end. */
export class Voice {
  /** Number of the sound that plays; -1 if the voice is free. */
  sound: i32 = -1;
  /** Number by which the game knows the voice. */
  number: u32 = 0;
  position: u64 = 0;
  step: u64 = 0;
  volume: f32 = 0;
  volumeBefore: f32 = 0;
  /** The volume that the voice moves towards, by `slope` in each tick. */
  goal: f32 = 0;
  slope: f32 = 0;
  /** Whether the voice ends when its volume is 0. */
  ending: bool = false;
  /** The seat of the only player who hears the voice; -1 for all. */
  seat: i32 = -1;
  pan: f32 = 0;
  panBefore: f32 = 0;
  /** Whether the voice has a place in the world. */
  placed: bool = false;
  x: f32 = 0;
  y: f32 = 0;
  z: f32 = 0;
  xBefore: f32 = 0;
  yBefore: f32 = 0;
  zBefore: f32 = 0;
  near: f32 = 0;
  far: f32 = 0;

  /** Moves the voice on by a tick of `frames` frames. */
  advance(sound: Sound, frames: u32): void {
    const end = (<u64>sound.frames) << 32;
    const back = (<u64>(sound.frames - sound.loop)) << 32;
    this.position += this.step * frames;
    const ended = this.position >= end && back === 0;
    if (ended || (this.ending && this.volume === 0)) {
      this.sound = -1;
      return;
    }
    if (this.position >= end) this.position = end - back + ((this.position - end) % back);
    this.volumeBefore = this.volume;
    this.panBefore = this.pan;
    this.xBefore = this.x;
    this.yBefore = this.y;
    this.zBefore = this.z;
    const way = this.goal - this.volume;
    this.volume = abs<f32>(way) <= this.slope ? this.goal : this.volume + (way < 0 ? -this.slope : this.slope);
  }

  pass(state: State): void {
    this.sound = state.i32(this.sound);
    this.number = state.u32(this.number);
    this.position = state.u64(this.position);
    this.step = state.u64(this.step);
    this.volume = state.f32(this.volume);
    this.volumeBefore = state.f32(this.volumeBefore);
    this.goal = state.f32(this.goal);
    this.slope = state.f32(this.slope);
    this.ending = state.bool(this.ending);
    this.seat = state.i32(this.seat);
    this.pan = state.f32(this.pan);
    this.panBefore = state.f32(this.panBefore);
    this.placed = state.bool(this.placed);
    this.x = state.f32(this.x);
    this.y = state.f32(this.y);
    this.z = state.f32(this.z);
    this.xBefore = state.f32(this.xBefore);
    this.yBefore = state.f32(this.yBefore);
    this.zBefore = state.f32(this.zBefore);
    this.near = state.f32(this.near);
    this.far = state.f32(this.far);
  }
}

/** Where a player hears from. `Before` marks what held at the start of the tick. */
export class Ear {
  /** Whether the game has placed the ear. */
  placed: bool = false;
  x: f32 = 0;
  y: f32 = 0;
  z: f32 = 0;
  /** The direction to the player's right, in the plane of x and z. */
  rightX: f32 = 1;
  rightZ: f32 = 0;
  xBefore: f32 = 0;
  yBefore: f32 = 0;
  zBefore: f32 = 0;
  rightXBefore: f32 = 1;
  rightZBefore: f32 = 0;

  /** Moves the ear. An ear that had no place does not travel to its first one. */
  place(x: f32, y: f32, z: f32, rightX: f32, rightZ: f32): void {
    this.x = x;
    this.y = y;
    this.z = z;
    this.rightX = rightX;
    this.rightZ = rightZ;
    if (!this.placed) this.advance();
    this.placed = true;
  }

  /** Makes the start of the next tick of what holds now. */
  advance(): void {
    this.xBefore = this.x;
    this.yBefore = this.y;
    this.zBefore = this.z;
    this.rightXBefore = this.rightX;
    this.rightZBefore = this.rightZ;
  }

  pass(state: State): void {
    this.placed = state.bool(this.placed);
    this.x = state.f32(this.x);
    this.y = state.f32(this.y);
    this.z = state.f32(this.z);
    this.rightX = state.f32(this.rightX);
    this.rightZ = state.f32(this.rightZ);
    this.xBefore = state.f32(this.xBefore);
    this.yBefore = state.f32(this.yBefore);
    this.zBefore = state.f32(this.zBefore);
    this.rightXBefore = state.f32(this.rightXBefore);
    this.rightZBefore = state.f32(this.rightZBefore);
  }
}
