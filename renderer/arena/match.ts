import { Random, State } from '@nearlight/sdk';
import { Bot } from './bot';
import { hitBox, raycast } from './collision';
import { Effects } from './effects';
import { Feel } from './feel';
import { BODY_HEIGHT, BODY_RADIUS, EYE_HEIGHT, Fighter } from './fighter';
import { bounds, SPAWN_COUNT, spawns } from './level';
import { colorOfBots, Rgb, seatColor } from './palette';
import { Sounds } from './sounds';

const BOTS = 3;
const BOLTS_MAX = 96;
const BOLT_SPEED: f32 = 62;
const BOLT_SECONDS: f32 = 1.1;
const DAMAGE: f32 = 20;
const BOT_DAMAGE: f32 = 9;
const FIRE_SECONDS: f32 = 0.15;
export const RESPAWN_SECONDS: f32 = 2.2;
const FEED_SECONDS: f32 = 5;
/** Metres that a fighter walks between two steps that are heard. */
const STEP_LENGTH: f32 = 1.7;
/** Metres per second, downwards, from which a fighter's landing is heard. */
const LANDING_SPEED: f32 = -4;
export const FEED_MAX = 5;

class Bolt {
  x: f32 = 0;
  y: f32 = 0;
  z: f32 = 0;
  dx: f32 = 0;
  dy: f32 = 0;
  dz: f32 = 0;
  /** Offset from the line of aim to the gun's muzzle, so that the bolt seems to come from the gun. */
  ox: f32 = 0;
  oy: f32 = 0;
  oz: f32 = 0;
  left: f32 = 0;
  owner: i32 = 0;

  pass(state: State): void {
    this.x = state.f32(this.x);
    this.y = state.f32(this.y);
    this.z = state.f32(this.z);
    this.dx = state.f32(this.dx);
    this.dy = state.f32(this.dy);
    this.dz = state.f32(this.dz);
    this.ox = state.f32(this.ox);
    this.oy = state.f32(this.oy);
    this.oz = state.f32(this.oz);
    this.left = state.f32(this.left);
    this.owner = state.i32(this.owner);
  }
}

/** A kill in the list of recent ones: which fighter shot which, and the seconds that it still shows. */
export class Kill {
  killer: i32 = 0;
  victim: i32 = 0;
  left: f32 = 0;

  pass(state: State): void {
    this.killer = state.i32(this.killer);
    this.victim = state.i32(this.victim);
    this.left = state.f32(this.left);
  }
}

/** The state and rules of the battle game. */
export class Match {
  /** The fighters of all players, one per seat, then those of the bots. */
  readonly fighters: StaticArray<Fighter>;
  readonly effects: Effects;
  /** Recent kills, the newest first. */
  readonly feed: StaticArray<Kill> = new StaticArray<Kill>(FEED_MAX);
  private readonly random: Random;
  private readonly bots: StaticArray<Bot> = new StaticArray<Bot>(BOTS);
  private readonly bolts: StaticArray<Bolt> = new StaticArray<Bolt>(BOLTS_MAX);
  private readonly white: Rgb = new Rgb(1, 0.85, 0.7);
  private nextBolt: i32 = 0;
  /** Whether players of a match loaded from a saved state can still return to their fighters: until the first tick. */
  private expecting: bool = false;
  private readonly present: StaticArray<bool>;

  constructor(
    seed: u64,
    private readonly seats: i32,
    private readonly sounds: Sounds,
    private readonly feel: Feel,
  ) {
    this.random = new Random(seed);
    this.present = new StaticArray<bool>(seats);
    this.effects = new Effects(new Random(seed + 1));
    this.fighters = new StaticArray<Fighter>(seats + BOTS);
    for (let i = 0; i < this.fighters.length; i++) {
      const bot = i >= seats;
      this.fighters[i] = new Fighter(i, bot, bot ? colorOfBots() : seatColor(i));
    }
    for (let i = 0; i < BOTS; i++) this.bots[i] = new Bot(this.fighters[seats + i], this.random);
    for (let i = 0; i < BOLTS_MAX; i++) this.bolts[i] = new Bolt();
    for (let i = 0; i < FEED_MAX; i++) this.feed[i] = new Kill();
  }

  /** Adds a player to the match. @param seat number of the player's place in the game */
  join(seat: i32): void {
    const fighter = this.fighters[seat];
    this.present[seat] = true;
    if (this.expecting && fighter.active) return;
    fighter.active = true;
    fighter.kills = 0;
    this.callBots();
    this.revive(fighter);
  }

  /** Removes a player from the match. @param seat number of the player's place in the game */
  leave(seat: i32): void {
    this.present[seat] = false;
    this.remove(this.fighters[seat]);
    this.callBots();
  }

  /** Moves the match on by `dt` seconds. */
  tick(dt: f32): void {
    const fighters = this.fighters;
    if (this.expecting) this.dismiss();
    for (let i = 0; i < BOTS; i++) {
      if (fighters[this.seats + i].alive) this.bots[i].tick(dt, fighters);
    }
    for (let i = 0; i < fighters.length; i++) {
      const fighter = fighters[i];
      if (!fighter.active) continue;
      fighter.age(dt);
      if (fighter.alive) {
        this.move(fighter, dt);
        if (fighter.intent.fire && fighter.cooldown <= 0) this.fire(fighter);
      } else {
        const seconds = <i32>fighter.respawn;
        fighter.respawn -= dt;
        if (fighter.respawn > 0 && <i32>fighter.respawn !== seconds) this.sounds.counted(fighter, seconds);
        if (fighter.respawn <= 0) this.revive(fighter);
      }
    }
    for (let i = 0; i < BOLTS_MAX; i++) if (this.bolts[i].left > 0) this.fly(this.bolts[i], dt);
    for (let i = 0; i < FEED_MAX; i++) this.feed[i].left = max(this.feed[i].left - dt, <f32>0);
    this.effects.tick(dt);
  }

  /** Moves a fighter, and makes the sounds of its feet. */
  private move(fighter: Fighter, dt: f32): void {
    const grounded = fighter.grounded;
    const falling = fighter.vy;
    const steps = <i32>(fighter.stride / STEP_LENGTH);
    fighter.move(dt);
    if (grounded && !fighter.grounded && fighter.vy > 0) this.sounds.jumped(fighter);
    else if (!grounded && fighter.grounded && falling < LANDING_SPEED) this.land(fighter);
    else if (<i32>(fighter.stride / STEP_LENGTH) !== steps) this.sounds.stepped(fighter);
  }

  private land(fighter: Fighter): void {
    this.sounds.landed(fighter);
    this.feel.landed(fighter);
  }

  /** Saves or loads the whole match: see State. */
  pass(state: State): void {
    state.version(2);
    if (state.i32(this.seats) !== this.seats) throw new Error('the saved match has another number of seats');
    this.random.pass(state);
    for (let i = 0; i < this.fighters.length; i++) this.fighters[i].pass(state);
    for (let i = 0; i < BOTS; i++) this.bots[i].pass(state);
    for (let i = 0; i < BOLTS_MAX; i++) this.bolts[i].pass(state);
    for (let i = 0; i < FEED_MAX; i++) this.feed[i].pass(state);
    this.nextBolt = state.i32(this.nextBolt);
    this.effects.pass(state);
    this.expecting = state.loading;
  }

  /** Removes the players of a loaded match who have not joined again. */
  private dismiss(): void {
    this.expecting = false;
    for (let i = 0; i < this.seats; i++) if (!this.present[i] && this.fighters[i].active) this.leave(i);
  }

  /** Collects the streaks of light to draw: those of the effects and those of the bolts in flight. */
  collect(): void {
    const effects = this.effects;
    effects.collect();
    for (let i = 0; i < BOLTS_MAX; i++) {
      const b = this.bolts[i];
      if (b.left <= 0) continue;
      const gone = (BOLT_SECONDS - b.left) * BOLT_SPEED;
      const apart = max<f32>(1 - gone / 14, 0);
      const tail = min<f32>(1.7, gone);
      const x = b.x + b.ox * apart;
      const y = b.y + b.oy * apart;
      const z = b.z + b.oz * apart;
      const c = this.fighters[b.owner].color;
      const tx = x - b.dx * tail;
      const ty = y - b.dy * tail;
      const tz = z - b.dz * tail;
      effects.streak(tx, ty, tz, x, y, z, 0.07, 0, c.r + 0.15, c.g + 0.15, c.b + 0.15, 1);
      effects.streak(x, y, z, x, y, z, 0.34, 0, c.r * 0.5, c.g * 0.5, c.b * 0.5, 0);
    }
  }

  /** Makes the bots play if there is a single human player, and only then. */
  private callBots(): void {
    let people = 0;
    for (let i = 0; i < this.seats; i++) if (this.fighters[i].active) people++;
    for (let i = 0; i < BOTS; i++) {
      const bot = this.fighters[this.seats + i];
      if (people !== 1) {
        this.remove(bot);
      } else if (!bot.active) {
        bot.active = true;
        bot.kills = 0;
        bot.respawn = 0.4 + <f32>i * 0.7;
      }
    }
  }

  private remove(fighter: Fighter): void {
    fighter.active = false;
    fighter.alive = false;
  }

  /** Makes a fighter appear at the place that is farthest from its nearest enemy. */
  private revive(fighter: Fighter): void {
    let best = 0;
    let bestDistance: f32 = -1;
    const first = <i32>this.random.below(SPAWN_COUNT);
    for (let k = 0; k < SPAWN_COUNT; k++) {
      const i = (first + k) % SPAWN_COUNT;
      let nearest: f32 = 1e6;
      for (let j = 0; j < this.fighters.length; j++) {
        const other = this.fighters[j];
        if (!other.alive || other.index === fighter.index) continue;
        const dx = other.x - spawns[i * 3];
        const dz = other.z - spawns[i * 3 + 2];
        nearest = min(nearest, dx * dx + dz * dz);
      }
      if (nearest > bestDistance) {
        bestDistance = nearest;
        best = i;
      }
    }
    fighter.spawn(spawns[best * 3], spawns[best * 3 + 1], spawns[best * 3 + 2]);
    this.effects.burst(fighter.x, fighter.y + 0.3, fighter.z, 0, 1, 0, 18, 5, fighter.color);
    this.effects.shine(fighter.x, fighter.y + 1, fighter.z, 2.6, 0.35, fighter.color);
    this.sounds.spawned(fighter);
  }

  private fire(f: Fighter): void {
    f.cooldown = FIRE_SECONDS;
    f.muzzle = 1;
    const cp = Mathf.cos(f.pitch);
    const dx = Mathf.sin(f.yaw) * cp;
    const dy = Mathf.sin(f.pitch);
    const dz = -Mathf.cos(f.yaw) * cp;
    const b = this.bolts[this.nextBolt];
    this.nextBolt = (this.nextBolt + 1) % BOLTS_MAX;
    b.x = f.x;
    b.y = f.y + EYE_HEIGHT;
    b.z = f.z;
    b.dx = dx;
    b.dy = dy;
    b.dz = dz;
    const aside: f32 = f.bot ? 0.42 : 0.17;
    b.ox = Mathf.cos(f.yaw) * aside + dx * 0.7;
    b.oy = f.bot ? -0.48 : -0.16;
    b.oz = Mathf.sin(f.yaw) * aside + dz * 0.7;
    b.left = BOLT_SECONDS;
    b.owner = f.index;
    const mx = b.x + b.ox;
    const my = b.y + b.oy + dy * 0.7;
    const mz = b.z + b.oz;
    this.effects.glow(mx, my, mz, 0.1, 0.05, f.color);
    this.sounds.fired(f);
    this.feel.fired(f);
  }

  private fly(b: Bolt, dt: f32): void {
    b.left -= dt;
    const way = BOLT_SPEED * dt;
    const wall = raycast(b.x, b.y, b.z, b.dx, b.dy, b.dz, way);
    const box = hitBox;
    let limit = wall;
    let victim: Fighter | null = null;
    for (let i = 0; i < this.fighters.length; i++) {
      const f = this.fighters[i];
      if (!f.alive || i === b.owner) continue;
      const t = meet(b, f, limit);
      if (t < limit) {
        limit = t;
        victim = f;
      }
    }
    b.x += b.dx * limit;
    b.y += b.dy * limit;
    b.z += b.dz * limit;
    if (victim !== null) this.hit(b, victim);
    else if (wall < way) this.splash(b, box);
  }

  private splash(b: Bolt, box: i32): void {
    b.left = 0;
    const c = this.fighters[b.owner].color;
    // Sparks leave the face of the box that the bolt hit: the one whose plane is nearest.
    const at = box * 6;
    const ny: f32 = abs(b.y - bounds[at + 4]) < 0.01 ? 1 : abs(b.y - bounds[at + 1]) < 0.01 ? -1 : 0;
    const nx: f32 = abs(b.x - bounds[at]) < 0.01 ? -1 : abs(b.x - bounds[at + 3]) < 0.01 ? 1 : 0;
    const nz: f32 = abs(b.z - bounds[at + 2]) < 0.01 ? -1 : abs(b.z - bounds[at + 5]) < 0.01 ? 1 : 0;
    this.effects.burst(b.x, b.y, b.z, nx, ny, nz, 9, 4.5, c);
    this.effects.glow(b.x + nx * 0.05, b.y + ny * 0.05, b.z + nz * 0.05, 0.32, 0.16, c);
    this.effects.shine(b.x + nx * 0.3, b.y + ny * 0.3, b.z + nz * 0.3, 1.3, 0.3, c);
    this.sounds.splashed(b.x, b.y, b.z);
  }

  private hit(b: Bolt, victim: Fighter): void {
    b.left = 0;
    const shooter = this.fighters[b.owner];
    const effects = this.effects;
    effects.burst(b.x, b.y, b.z, -b.dx, 0.2, -b.dz, 14, 6, this.white);
    effects.glow(b.x, b.y, b.z, 0.4, 0.12, victim.color);
    const damage = shooter.bot ? BOT_DAMAGE : DAMAGE;
    victim.health -= damage;
    victim.unhurt = 0;
    victim.flash = 1;
    victim.hurt = min<f32>(victim.hurt + 0.55, 1);
    shooter.hitMark = 1;
    this.sounds.struck(victim, shooter);
    this.feel.struck(victim, damage);
    if (victim.health > 0) return;
    victim.alive = false;
    victim.health = 0;
    victim.respawn = RESPAWN_SECONDS;
    shooter.kills++;
    shooter.killMark = 1;
    this.sounds.died(victim);
    this.feel.died(victim);
    for (let i = 0; i < this.seats; i++) this.feel.exploded(this.fighters[i], victim.x, victim.y + 1, victim.z);
    effects.burst(victim.x, victim.y + 1, victim.z, 0, 0.5, 0, 46, 9, victim.color);
    effects.glow(victim.x, victim.y + 1, victim.z, 1.5, 0.3, victim.color);
    effects.shine(victim.x, victim.y + 1.2, victim.z, 3.6, 0.6, victim.color);
    this.tell(shooter.index, victim.index);
  }

  private tell(killer: i32, victim: i32): void {
    const last = this.feed[FEED_MAX - 1];
    for (let i = FEED_MAX - 1; i > 0; i--) this.feed[i] = this.feed[i - 1];
    last.killer = killer;
    last.victim = victim;
    last.left = FEED_SECONDS;
    this.feed[0] = last;
  }
}

/** Returns how far along its path a bolt enters the upright cylinder of a fighter, or `limit` if it enters no earlier. */
function meet(b: Bolt, f: Fighter, limit: f32): f32 {
  const ox = b.x - f.x;
  const oz = b.z - f.z;
  const a = b.dx * b.dx + b.dz * b.dz + 1e-6;
  const half = ox * b.dx + oz * b.dz;
  const c = ox * ox + oz * oz - BODY_RADIUS * BODY_RADIUS;
  const root = half * half - a * c;
  if (root < 0) return limit;
  const t = max((-half - Mathf.sqrt(root)) / a, <f32>0);
  if (t >= limit || (t === 0 && c > 0)) return limit;
  const y = b.y + b.dy * t - f.y;
  return y > 0.1 && y < BODY_HEIGHT ? t : limit;
}
