import { Mixer, State, synthesize, Wave } from '@nearlight/sdk';
import { EYE_HEIGHT, Fighter } from './fighter';
import { Music } from './music';

const VOICES = 40;
const VOLUME: f32 = 1.1;
/** Metres up to which the sounds of fighters are loudest, and at which they end. */
const NEAR: f32 = 3;
const FAR: f32 = 55;

/** The sounds of the arena and its music, mixed for each player. */
export class Sounds {
  private readonly mixer: Mixer;
  private readonly music: Music;
  private ready: bool = false;
  private shot: i32 = 0;
  private splash: i32 = 0;
  private hit: i32 = 0;
  private mark: i32 = 0;
  private step: i32 = 0;
  private jump: i32 = 0;
  private land: i32 = 0;
  private death: i32 = 0;
  private spawn: i32 = 0;
  private beep: i32 = 0;
  /** Counts sounds, to vary their pitch. */
  private count: u32 = 0;

  constructor(tickRate: u32) {
    const mixer = new Mixer(tickRate, VOICES);
    mixer.volume = VOLUME;
    this.mixer = mixer;
    this.music = new Music(mixer, tickRate);
  }

  /** Makes the sounds. That takes a few milliseconds, so it waits until the game runs. */
  prepare(): void {
    if (this.ready) return;
    this.ready = true;
    const mixer = this.mixer;
    this.shot = mixer.add(
      synthesize([
        {
          wave: Wave.saw,
          from: 1500,
          to: 160,
          volume: 0.42,
          release: 0.13,
          cutoff: 7000,
          cutoffTo: 500,
          resonance: 0.4,
        },
        { wave: Wave.sine, from: 300, to: 60, volume: 0.5, release: 0.1 },
        { wave: Wave.noise, volume: 0.3, attack: 0.001, release: 0.05, cutoff: 8000, cutoffTo: 1500 },
      ]),
    );
    this.splash = mixer.add(
      synthesize([
        { wave: Wave.noise, volume: 0.5, attack: 0.001, release: 0.16, cutoff: 5000, cutoffTo: 300, resonance: 0.5 },
      ]),
    );
    this.hit = mixer.add(
      synthesize([
        { wave: Wave.sine, from: 340, to: 70, volume: 0.6, release: 0.16 },
        { wave: Wave.noise, volume: 0.5, attack: 0.001, release: 0.09, cutoff: 3200, cutoffTo: 400 },
      ]),
    );
    this.mark = mixer.add(synthesize([{ wave: Wave.triangle, from: 1250, to: 1500, volume: 0.5, release: 0.07 }]));
    this.step = mixer.add(
      synthesize([
        { wave: Wave.noise, volume: 0.6, attack: 0.003, release: 0.07, cutoff: 1300, cutoffTo: 200, resonance: 0.3 },
        { wave: Wave.sine, from: 95, to: 50, volume: 0.4, release: 0.06 },
      ]),
    );
    this.jump = mixer.add(
      synthesize([{ wave: Wave.triangle, from: 170, to: 430, volume: 0.4, attack: 0.01, release: 0.16, cutoff: 2500 }]),
    );
    this.land = mixer.add(
      synthesize([
        { wave: Wave.sine, from: 120, to: 38, volume: 0.8, release: 0.14 },
        { wave: Wave.noise, volume: 0.4, release: 0.09, cutoff: 900, cutoffTo: 150 },
      ]),
    );
    this.death = mixer.add(
      synthesize([
        { wave: Wave.saw, from: 420, to: 32, volume: 0.4, release: 0.7, cutoff: 3000, cutoffTo: 120, resonance: 0.5 },
        { wave: Wave.noise, volume: 0.45, release: 0.4, cutoff: 6000, cutoffTo: 200 },
      ]),
    );
    this.spawn = mixer.add(
      synthesize([
        { wave: Wave.triangle, from: 440, volume: 0.22, release: 0.35 },
        { wave: Wave.triangle, from: 660, volume: 0.22, delay: 0.07, release: 0.35 },
        { wave: Wave.triangle, from: 880, volume: 0.22, delay: 0.14, release: 0.45 },
      ]),
    );
    this.beep = mixer.add(synthesize([{ wave: Wave.sine, from: 620, volume: 0.5, hold: 0.05, release: 0.09 }]));
    this.music.prepare();
  }

  /** Begins tick `n`, before anything sounds in it. */
  begin(n: u32): void {
    this.mixer.begin(n);
    if (this.ready) this.music.tick();
  }

  fired(f: Fighter): void {
    this.at(this.shot, f, EYE_HEIGHT, 0.55, this.vary(0.94));
  }

  splashed(x: f32, y: f32, z: f32): void {
    if (this.ready) this.mixer.playAt(this.splash, x, y, z, 0.3, this.vary(0.9), NEAR, 30);
  }

  /** A bolt hits a fighter: everyone hears that, and the shooter hears a mark. */
  struck(victim: Fighter, shooter: Fighter): void {
    this.at(this.hit, victim, 1, 0.7, this.vary(0.95));
    if (this.ready && !shooter.bot) this.mixer.play(this.mark, 0.25, 1, 0, shooter.index);
  }

  died(f: Fighter): void {
    this.at(this.death, f, 1, 0.8, this.vary(0.95));
  }

  spawned(f: Fighter): void {
    this.at(this.spawn, f, 1, 0.6, 1);
  }

  stepped(f: Fighter): void {
    this.at(this.step, f, 0, f.bot ? 0.3 : 0.2, this.vary(0.88));
  }

  jumped(f: Fighter): void {
    this.at(this.jump, f, 0.5, 0.35, this.vary(0.97));
  }

  landed(f: Fighter): void {
    this.at(this.land, f, 0, 0.4, this.vary(0.95));
  }

  /** One second less to wait until a player appears again; only that player hears it. */
  counted(f: Fighter, seconds: i32): void {
    if (this.ready && !f.bot) this.mixer.play(this.beep, 0.25, seconds === 0 ? 1.5 : 1, 0, f.index);
  }

  /** Lets a player hear from where the fighter's head is. */
  listen(f: Fighter): void {
    this.mixer.listen(f.index, f.x, f.y + EYE_HEIGHT, f.z, Mathf.cos(f.yaw), Mathf.sin(f.yaw));
  }

  /** Mixes what a player hears: see Mixer. */
  mix(seat: i32, frames: u32): usize {
    return this.mixer.mix(seat, frames);
  }

  pass(state: State): void {
    if (state.bool(this.ready)) this.prepare();
    this.count = state.u32(this.count);
    this.music.pass(state);
    this.mixer.pass(state);
  }

  private at(sound: i32, f: Fighter, height: f32, volume: f32, pitch: f32): void {
    if (this.ready) this.mixer.playAt(sound, f.x, f.y + height, f.z, volume, pitch, NEAR, FAR);
  }

  /** Returns a pitch from `low` to its inverse, another one each time. */
  private vary(low: f32): f32 {
    this.count = this.count * 5 + 3;
    return low + (1 / low - low) * (<f32>((this.count >> 4) & 15) / 15);
  }
}
