import { Random, State } from '@nearlight/sdk';
import { Rgb, SUN_X, SUN_Y, SUN_Z } from './palette';

const SPARKS_MAX = 320;
const STREAKS_MAX = 512;
const STREAK_WORDS = 12;

class Spark {
  x: f32 = 0;
  y: f32 = 0;
  z: f32 = 0;
  vx: f32 = 0;
  vy: f32 = 0;
  vz: f32 = 0;
  /** Seconds that the spark still glows, and seconds that it glows in all. */
  left: f32 = 0;
  span: f32 = 1;
  width: f32 = 0;
  weight: f32 = 0;
  color: Rgb = new Rgb();

  pass(state: State): void {
    this.x = state.f32(this.x);
    this.y = state.f32(this.y);
    this.z = state.f32(this.z);
    this.vx = state.f32(this.vx);
    this.vy = state.f32(this.vy);
    this.vz = state.f32(this.vz);
    this.left = state.f32(this.left);
    this.span = state.f32(this.span);
    this.width = state.f32(this.width);
    this.weight = state.f32(this.weight);
    const c = this.color;
    c.set(state.f32(c.r), state.f32(c.g), state.f32(c.b));
  }
}

/** Sparks, flashes and other glowing effects of the game, and their data for the GPU. */
export class Effects {
  /** Twelve numbers for each streak of light: start, width; end, 1 if it moves with the eye; colour, whiteness of the core. */
  readonly streaks: StaticArray<f32> = new StaticArray<f32>(STREAKS_MAX * STREAK_WORDS);
  streakCount: i32 = 0;
  private readonly sparks: StaticArray<Spark> = new StaticArray<Spark>(SPARKS_MAX);
  private nextSpark: i32 = 0;
  private readonly faint: Rgb = new Rgb();

  constructor(private readonly random: Random) {
    for (let i = 0; i < SPARKS_MAX; i++) this.sparks[i] = new Spark();
  }

  pass(state: State): void {
    this.random.pass(state);
    this.nextSpark = state.i32(this.nextSpark);
    for (let i = 0; i < SPARKS_MAX; i++) this.sparks[i].pass(state);
  }

  /** Throws sparks from a point, in directions around a given one. They replace the oldest sparks. */
  burst(x: f32, y: f32, z: f32, nx: f32, ny: f32, nz: f32, count: i32, speed: f32, color: Rgb): void {
    const random = this.random;
    for (let i = 0; i < count; i++) {
      const spark = this.sparks[this.nextSpark];
      this.nextSpark = (this.nextSpark + 1) % SPARKS_MAX;
      const fast = speed * random.range(0.25, 1);
      spark.x = x;
      spark.y = y;
      spark.z = z;
      spark.vx = (nx + random.range(-0.8, 0.8)) * fast;
      spark.vy = (ny + random.range(-0.6, 1)) * fast;
      spark.vz = (nz + random.range(-0.8, 0.8)) * fast;
      spark.span = random.range(0.2, 0.65);
      spark.left = spark.span;
      spark.width = random.range(0.018, 0.045);
      spark.weight = 9;
      spark.color.set(color.r, color.g, color.b);
    }
  }

  /** Shows a ball of light that fades within `span` seconds. */
  glow(x: f32, y: f32, z: f32, width: f32, span: f32, color: Rgb): void {
    const spark = this.sparks[this.nextSpark];
    this.nextSpark = (this.nextSpark + 1) % SPARKS_MAX;
    spark.x = x;
    spark.y = y;
    spark.z = z;
    spark.vx = 0;
    spark.vy = 0;
    spark.vz = 0;
    spark.span = span;
    spark.left = span;
    spark.width = width;
    spark.weight = 0;
    spark.color.set(color.r, color.g, color.b);
  }

  /** Shows a wide, faint ball of light for a moment, which seems to light the surroundings. */
  shine(x: f32, y: f32, z: f32, radius: f32, strength: f32, color: Rgb): void {
    this.faint.set(color.r * strength, color.g * strength, color.b * strength);
    this.glow(x, y, z, radius, 0.2, this.faint);
  }

  /** Moves all sparks and flashes on by `dt` seconds. */
  tick(dt: f32): void {
    for (let i = 0; i < SPARKS_MAX; i++) {
      const spark = this.sparks[i];
      if (spark.left <= 0) continue;
      spark.left -= dt;
      spark.vy -= spark.weight * dt;
      spark.x += spark.vx * dt;
      spark.y += spark.vy * dt;
      spark.z += spark.vz * dt;
      if (spark.y < 0.02 && spark.vy < 0) spark.vy *= -0.4;
    }
  }

  /** Replaces the streaks of light to draw by those of the sun's glow and of the sparks. */
  collect(): void {
    this.streakCount = 0;
    this.streak(SUN_X * 90, SUN_Y * 90, SUN_Z * 90, SUN_X * 90, SUN_Y * 90, SUN_Z * 90, 15, 1, 0.3, 0.13, 0.04, 0);
    this.streak(SUN_X * 90, SUN_Y * 90, SUN_Z * 90, SUN_X * 90, SUN_Y * 90, SUN_Z * 90, 3.4, 1, 1, 0.7, 0.36, 1);
    for (let i = 0; i < SPARKS_MAX; i++) {
      const s = this.sparks[i];
      if (s.left <= 0) continue;
      const life = s.left / s.span;
      const c = s.color;
      const tail: f32 = 0.035;
      const width = s.weight > 0 ? s.width * (0.4 + 0.6 * life) : s.width * (1.3 - 0.3 * life);
      this.streak(
        s.x - s.vx * tail,
        s.y - s.vy * tail,
        s.z - s.vz * tail,
        s.x,
        s.y,
        s.z,
        width,
        0,
        c.r * life,
        c.g * life,
        c.b * life,
        s.width < 1 ? life : 0,
      );
    }
  }

  /** Adds one streak of light to draw, unless there are too many. */
  streak(
    x0: f32,
    y0: f32,
    z0: f32,
    x1: f32,
    y1: f32,
    z1: f32,
    width: f32,
    far: f32,
    r: f32,
    g: f32,
    b: f32,
    core: f32,
  ): void {
    if (this.streakCount === STREAKS_MAX) return;
    const at = this.streakCount++ * STREAK_WORDS;
    const out = this.streaks;
    unchecked((out[at] = x0));
    unchecked((out[at + 1] = y0));
    unchecked((out[at + 2] = z0));
    unchecked((out[at + 3] = width));
    unchecked((out[at + 4] = x1));
    unchecked((out[at + 5] = y1));
    unchecked((out[at + 6] = z1));
    unchecked((out[at + 7] = far));
    unchecked((out[at + 8] = r));
    unchecked((out[at + 9] = g));
    unchecked((out[at + 10] = b));
    unchecked((out[at + 11] = core));
  }
}
