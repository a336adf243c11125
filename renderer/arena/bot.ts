import { Random, State } from '@nearlight/sdk';
import { raycast } from './collision';
import { EYE_HEIGHT, Fighter, wrap } from './fighter';
import { waypoints } from './level';

const SIGHT: f32 = 26;
const TURN_SPEED: f32 = 2.6;
const THINK_SECONDS: f32 = 0.25;

/** Controls a bot of the game, which walks from point to point and attacks the human players that it sees. */
export class Bot {
  private target: i32 = -1;
  private waypoint: i32 = 0;
  private think: f32 = 0;
  private strafe: f32 = 0;
  private error: f32 = 0;
  private patience: f32 = 0;
  private burst: f32 = 0;

  constructor(
    private readonly self: Fighter,
    private readonly random: Random,
  ) {}

  pass(state: State): void {
    this.target = state.i32(this.target);
    this.waypoint = state.i32(this.waypoint);
    this.think = state.f32(this.think);
    this.strafe = state.f32(this.strafe);
    this.error = state.f32(this.error);
    this.patience = state.f32(this.patience);
    this.burst = state.f32(this.burst);
  }

  /** Decides the actions of the bot's fighter in this tick. */
  tick(dt: f32, fighters: StaticArray<Fighter>): void {
    const self = this.self;
    const intent = self.intent;
    this.think -= dt;
    this.patience -= dt;
    this.burst -= dt;
    if (this.think <= 0) this.decide(fighters);
    intent.jump = false;
    intent.fire = false;
    intent.sprint = false;
    if (this.target >= 0) this.fight(dt, fighters[this.target]);
    else this.wander(dt);
  }

  private decide(fighters: StaticArray<Fighter>): void {
    const random = this.random;
    this.think = THINK_SECONDS * random.range(0.7, 1.3);
    this.strafe = random.range(-1, 1);
    this.error = random.range(-0.07, 0.07);
    if (this.burst < -random.range(0.5, 1.2)) this.burst = random.range(0.3, 0.7);
    this.target = -1;
    let nearest = SIGHT;
    for (let i = 0; i < fighters.length; i++) {
      const other = fighters[i];
      if (other.bot || !other.alive) continue;
      const distance = this.sees(other);
      if (distance < nearest) {
        nearest = distance;
        this.target = i;
      }
    }
  }

  /** Returns the distance from the bot to another fighter, or SIGHT if the bot does not see it. */
  private sees(other: Fighter): f32 {
    const self = this.self;
    const dx = other.x - self.x;
    const dy = other.y - self.y;
    const dz = other.z - self.z;
    const distance = Mathf.sqrt(dx * dx + dy * dy + dz * dz);
    if (distance >= SIGHT) return SIGHT;
    return raycast(self.x, self.y + EYE_HEIGHT, self.z, dx, dy, dz, 1) < 1 ? SIGHT : distance;
  }

  private fight(dt: f32, other: Fighter): void {
    const self = this.self;
    const dx = other.x - self.x;
    const dz = other.z - self.z;
    const distance = Mathf.sqrt(dx * dx + dz * dz) + 0.01;
    const off = wrap(Mathf.atan2(dx, -dz) + this.error - self.yaw);
    const pitch = Mathf.atan2(other.y - self.y - 0.4, distance);
    this.steer(dt, off, pitch - self.pitch);
    self.intent.right = this.strafe;
    self.intent.ahead = distance > 11 ? 0.8 : distance < 6 ? -0.6 : 0;
    self.intent.fire = this.burst > 0 && abs(off) < 0.12;
  }

  private wander(dt: f32): void {
    const self = this.self;
    const dx = waypoints[this.waypoint * 2] - self.x;
    const dz = waypoints[this.waypoint * 2 + 1] - self.z;
    const stuck = self.vx * self.vx + self.vz * self.vz < 0.5;
    if (dx * dx + dz * dz < 2 || (stuck && this.patience < 0)) {
      this.waypoint = <i32>this.random.below(<u32>(waypoints.length / 2));
      this.patience = 1.5;
    }
    const off = wrap(Mathf.atan2(dx, -dz) - self.yaw);
    this.steer(dt, off, -self.pitch);
    self.intent.right = stuck ? this.strafe : 0;
    self.intent.ahead = abs(off) < 1 ? 0.75 : 0.1;
    self.intent.jump = stuck && this.patience < 0.7;
  }

  private steer(dt: f32, yaw: f32, pitch: f32): void {
    const most = TURN_SPEED * dt;
    this.self.turn(min(max(yaw, -most), most), min(max(pitch, -most), most));
  }
}
