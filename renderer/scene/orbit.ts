import { Input, Key, State } from '../sdk';

const POINTER_TURN: f32 = 0.006;
const STICK_TURN: f32 = 2.2;
const WHEEL_ZOOM: f32 = 0.0012;
const KEY_ZOOM: f32 = 1.2;
const PITCH_MIN: f32 = -0.35;
const PITCH_MAX: f32 = 1.45;
const ZOOM_MIN: f32 = 0.25;
const ZOOM_MAX: f32 = 3;
/** Fraction of the camera's distance to its wanted place that is left after one second. */
const LAG: f32 = 0.0002;

/**
 * A camera that circles an object. The pointer, the sticks and the arrow keys turn it; the wheel and the keys W and S
 * move it closer or away.
 */
export class Orbit {
  /** Angle around the vertical axis, in radians. */
  yaw: f32 = 0.55;
  /** Angle above the horizon, in radians. */
  pitch: f32 = 0.24;
  /** Distance of the camera from the object; at 1 the object fits the picture. */
  zoom: f32 = 1;
  private yawWanted: f32 = 0.55;
  private pitchWanted: f32 = 0.24;
  private zoomWanted: f32 = 1;

  /** Saves or loads the camera's place as a part of a game's state. */
  state(state: State): void {
    this.yaw = state.f32(this.yaw);
    this.pitch = state.f32(this.pitch);
    this.zoom = state.f32(this.zoom);
    this.yawWanted = state.f32(this.yawWanted);
    this.pitchWanted = state.f32(this.pitchWanted);
    this.zoomWanted = state.f32(this.zoomWanted);
  }

  /** Moves the camera for `dt` seconds as the player's input says. */
  tick(from: Input, dt: f32): void {
    const sideways = from.axis(0) + from.axis(2) + held(from, Key.Right) - held(from, Key.Left);
    const upwards = from.axis(1) + from.axis(3) + held(from, Key.Down) - held(from, Key.Up);
    this.yawWanted -= from.movementX * POINTER_TURN + sideways * STICK_TURN * dt;
    const pitch = this.pitchWanted + from.movementY * POINTER_TURN + upwards * STICK_TURN * 0.6 * dt;
    this.pitchWanted = clamp(pitch, PITCH_MIN, PITCH_MAX);
    const nearer = from.wheelY * WHEEL_ZOOM + (held(from, Key.S) - held(from, Key.W)) * KEY_ZOOM * dt;
    this.zoomWanted = clamp(this.zoomWanted * Mathf.exp(nearer), ZOOM_MIN, ZOOM_MAX);
    const share: f32 = 1 - Mathf.pow(LAG, dt);
    this.yaw += (this.yawWanted - this.yaw) * share;
    this.pitch += (this.pitchWanted - this.pitch) * share;
    this.zoom += (this.zoomWanted - this.zoom) * share;
  }
}

function held(from: Input, key: u32): f32 {
  return from.key(key) ? 1 : 0;
}

function clamp(value: f32, low: f32, high: f32): f32 {
  return max(low, min(high, value));
}
