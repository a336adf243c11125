import { State } from '@nearlight/sdk';
import { blocked, raycast } from './collision';
import { Rgb, SUN_X, SUN_Y, SUN_Z } from './palette';

export const EYE_HEIGHT: f32 = 1.58;
export const BODY_RADIUS: f32 = 0.46;
export const BODY_HEIGHT: f32 = 1.86;
export const HEALTH_MAX: f32 = 100;

/** How much slower a fighter turns, and how much narrower it sees, while it aims as well as it can. */
export const AIM_TURN: f32 = 0.5;
export const AIM_ZOOM: f32 = 0.4;
/** Speed at which a fighter comes to aim, and stops aiming. */
const AIM_SPEED: f32 = 12;
const HALF_WIDTH: f32 = 0.36;
const WALK_SPEED: f32 = 6.2;
const SPRINT_SPEED: f32 = 8.8;
const GRAVITY: f32 = 21;
const JUMP_SPEED: f32 = 7.6;
const STEP_HEIGHT: f32 = 0.45;
const HEAL_DELAY: f32 = 4;
const HEAL_SPEED: f32 = 14;

/** The actions of a fighter, human or bot, in one tick. `right` and `ahead` are from -1 to 1. */
export class Intent {
  right: f32 = 0;
  ahead: f32 = 0;
  jump: bool = false;
  sprint: bool = false;
  fire: bool = false;
  /** How closely the fighter aims, from 0 to 1. */
  aim: f32 = 0;
}

/** A player's or a bot's figure. Its feet are at x, y, z in metres; yaw 0 looks along -z, and right is positive. */
export class Fighter {
  readonly intent: Intent = new Intent();
  active: bool = false;
  alive: bool = false;
  x: f32 = 0;
  y: f32 = 0;
  z: f32 = 0;
  vx: f32 = 0;
  vy: f32 = 0;
  vz: f32 = 0;
  yaw: f32 = 0;
  pitch: f32 = 0;
  grounded: bool = false;
  health: f32 = 0;
  kills: i32 = 0;
  /** Seconds until the fighter may fire again. */
  cooldown: f32 = 0;
  /** Seconds until the dead fighter appears again. */
  respawn: f32 = 0;
  /** Seconds since the fighter was last hurt. */
  unhurt: f32 = 0;
  // How visible recent events of the fighter still are: each fades from 1 to 0 in the picture.
  flash: f32 = 0;
  muzzle: f32 = 0;
  hurt: f32 = 0;
  hitMark: f32 = 0;
  killMark: f32 = 0;
  /** How far the eye is below its usual height after a step up, in metres. */
  climb: f32 = 0;
  /** Distance that the fighter has walked, in metres, for the swing of its steps. */
  stride: f32 = 0;
  /** Size of the figure, which grows from 0 to 1 after it appears. */
  size: f32 = 0;
  /** Fraction of the sunlight that falls on the fighter. */
  sunlit: f32 = 1;
  /** How closely the fighter aims, from 0 to 1. It follows the player's wish. */
  aim: f32 = 0;

  constructor(
    readonly index: i32,
    readonly bot: bool,
    readonly color: Rgb,
  ) {}

  /** Saves or loads everything about the fighter that can change: see State. */
  pass(state: State): void {
    this.active = state.bool(this.active);
    this.alive = state.bool(this.alive);
    this.grounded = state.bool(this.grounded);
    this.x = state.f32(this.x);
    this.y = state.f32(this.y);
    this.z = state.f32(this.z);
    this.vx = state.f32(this.vx);
    this.vy = state.f32(this.vy);
    this.vz = state.f32(this.vz);
    this.yaw = state.f32(this.yaw);
    this.pitch = state.f32(this.pitch);
    this.health = state.f32(this.health);
    this.kills = state.i32(this.kills);
    this.cooldown = state.f32(this.cooldown);
    this.respawn = state.f32(this.respawn);
    this.unhurt = state.f32(this.unhurt);
    this.flash = state.f32(this.flash);
    this.muzzle = state.f32(this.muzzle);
    this.hurt = state.f32(this.hurt);
    this.hitMark = state.f32(this.hitMark);
    this.killMark = state.f32(this.killMark);
    this.climb = state.f32(this.climb);
    this.stride = state.f32(this.stride);
    this.size = state.f32(this.size);
    this.sunlit = state.f32(this.sunlit);
    this.aim = state.f32(this.aim);
  }

  /** Places the fighter at a point, alive and with full health. */
  spawn(x: f32, y: f32, z: f32): void {
    this.x = x;
    this.y = y;
    this.z = z;
    this.vx = 0;
    this.vy = 0;
    this.vz = 0;
    // Every fighter first looks at the middle of the level.
    this.yaw = Mathf.atan2(-x, z);
    this.pitch = 0;
    this.alive = true;
    this.health = HEALTH_MAX;
    this.size = 0;
    this.hurt = 0;
    this.climb = 0;
    this.aim = 0;
  }

  /** Turns the fighter by angles in radians; its gaze stops short of straight up and straight down. */
  turn(yaw: f32, pitch: f32): void {
    this.yaw = wrap(this.yaw + yaw);
    this.pitch = min(max(this.pitch + pitch, <f32>-1.45), <f32>1.45);
  }

  /** Moves the fighter for `dt` seconds, as its actions say. */
  move(dt: f32): void {
    const intent = this.intent;
    const size = Mathf.sqrt(intent.right * intent.right + intent.ahead * intent.ahead);
    const speed = (intent.sprint ? SPRINT_SPEED : WALK_SPEED) / max(size, <f32>1);
    const sin = Mathf.sin(this.yaw);
    const cos = Mathf.cos(this.yaw);
    const wantX = (intent.right * cos + intent.ahead * sin) * speed;
    const wantZ = (intent.right * sin - intent.ahead * cos) * speed;
    const grip = min<f32>(dt * (this.grounded ? 13 : 2.6), 1);
    this.vx += (wantX - this.vx) * grip;
    this.vz += (wantZ - this.vz) * grip;
    if (intent.jump && this.grounded) {
      this.vy = JUMP_SPEED;
      this.grounded = false;
    }
    this.vy -= GRAVITY * dt;
    this.slide(this.vx * dt, 0);
    this.slide(0, this.vz * dt);
    this.fall(this.vy * dt);
    if (this.grounded) this.stride += Mathf.sqrt(this.vx * this.vx + this.vz * this.vz) * dt;
  }

  /** Advances by `dt` seconds what changes by itself: flashes and marks fade, health grows back, the light on the fighter adapts. */
  age(dt: f32): void {
    this.cooldown = max(this.cooldown - dt, <f32>0);
    this.flash = fade(this.flash, dt * 6);
    this.muzzle = fade(this.muzzle, dt * 14);
    this.hurt = fade(this.hurt, dt * 1.6);
    this.hitMark = fade(this.hitMark, dt * 5);
    this.killMark = fade(this.killMark, dt * 2);
    this.climb -= this.climb * min<f32>(dt * 14, 1);
    this.size = min<f32>(this.size + dt * 3.5, 1);
    this.aim += ((this.alive ? this.intent.aim : 0) - this.aim) * min<f32>(dt * AIM_SPEED, 1);
    this.unhurt += dt;
    if (this.unhurt > HEAL_DELAY) this.health = min(this.health + HEAL_SPEED * dt, HEALTH_MAX);
    const seen: f32 = raycast(this.x, this.y + 1.1, this.z, SUN_X, SUN_Y, SUN_Z, 60) < 60 ? 0 : 1;
    this.sunlit += (seen - this.sunlit) * min<f32>(dt * 9, 1);
  }

  private slide(dx: f32, dz: f32): void {
    const x = this.x + dx;
    const z = this.z + dz;
    if (!blocked(x, this.y, z, HALF_WIDTH, BODY_HEIGHT)) {
      this.x = x;
      this.z = z;
    } else if (this.grounded && !blocked(x, this.y + STEP_HEIGHT, z, HALF_WIDTH, BODY_HEIGHT)) {
      this.x = x;
      this.z = z;
      // The fighter settles on the step in fall(); its eye follows more slowly.
      this.y += STEP_HEIGHT;
      this.climb += STEP_HEIGHT;
    } else if (dx !== 0) {
      this.vx = 0;
    } else {
      this.vz = 0;
    }
  }

  private fall(dy: f32): void {
    const wasGrounded = this.grounded;
    this.grounded = false;
    if (!blocked(this.x, this.y + dy, this.z, HALF_WIDTH, BODY_HEIGHT)) {
      this.y += dy;
      // The feet stay on the ground when the fighter steps down.
      if (wasGrounded && dy <= 0 && blocked(this.x, this.y - STEP_HEIGHT, this.z, HALF_WIDTH, BODY_HEIGHT))
        this.settle();
      return;
    }
    if (dy < 0) this.settle();
    this.vy = 0;
  }

  /** Lowers the fighter onto the solid below its feet, to the millimetre. */
  private settle(): void {
    const from = this.y;
    let drop: f32 = STEP_HEIGHT;
    while (drop > 0.001) {
      if (!blocked(this.x, this.y - drop, this.z, HALF_WIDTH, BODY_HEIGHT)) this.y -= drop;
      drop *= 0.5;
    }
    this.climb -= from - this.y;
    this.grounded = true;
    this.vy = 0;
  }
}

/** Returns an angle, in radians, in the range from -pi to pi. */
export function wrap(angle: f32): f32 {
  return angle - Mathf.round(angle * 0.15915494) * 6.2831853;
}

function fade(value: f32, by: f32): f32 {
  return max(value - by, <f32>0);
}
