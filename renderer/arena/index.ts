import { Game, Input, input, Key, PadButton, play, State } from '@nearlight/sdk';
import { Feel, triggerOf } from './feel';
import { AIM_TURN, Fighter } from './fighter';
import { buildLevel } from './level';
import { Match } from './match';
import { Renderer } from './renderer';
import { Sounds } from './sounds';

export { audio, init, join, leave, load, render, save, tick, version } from '@nearlight/sdk/game';

/** How far a player turns, in radians: for each CSS pixel of pointer movement, and per second at full tilt of a stick. */
const POINTER_TURN: f32 = 0.0022;
const STICK_TURN: f32 = 2.8;
/** Buttons of any gamepad, counted from 16: the lowest one, which touch controls have too, and a press on the left stick. */
const PAD_JUMP = 16;
const PAD_RUN = 26;
/** How far the right trigger has to be pressed to fire, so that a finger which rests on it does not. */
const TRIGGER_FIRE: f32 = 0.3;
const RIGHT_BUTTON = 2;
const TARGET_SECONDS = 3;

/** A battle game with one fighter for each player. Bots join a player who is alone. */
class Arena extends Game {
  private match!: Match;
  private sounds!: Sounds;
  private feel!: Feel;
  private renderer: Renderer | null = null;
  private tickRate: i32 = 0;
  private seats: i32 = 0;

  init(seed: u64, tickRate: u32, seats: u32): void {
    this.tickRate = <i32>tickRate;
    this.seats = <i32>seats;
    buildLevel();
    this.sounds = new Sounds(tickRate);
    this.feel = new Feel(<i32>seats);
    this.match = new Match(seed, <i32>seats, this.sounds, this.feel);
  }

  join(seat: i32): void {
    this.drawable();
    this.match.join(seat);
  }

  leave(seat: i32): void {
    this.match.leave(seat);
  }

  tick(n: u32): void {
    if (n > 0) this.drawable();
    this.sounds.begin(n);
    const dt: f32 = 1 / <f32>this.tickRate;
    for (let seat = 0; seat < this.seats; seat++) {
      const fighter = this.match.fighters[seat];
      if (!fighter.active) continue;
      this.feel.watch(seat, input(seat), dt);
      steer(fighter, input(seat), dt);
    }
    this.match.tick(dt);
    for (let seat = 0; seat < this.seats; seat++) {
      const fighter = this.match.fighters[seat];
      if (fighter.active) this.sounds.listen(fighter);
    }
    const renderer = this.renderer;
    if (renderer !== null) renderer.tick(this.tickRate * TARGET_SECONDS);
  }

  state(state: State): void {
    this.match.pass(state);
    this.sounds.pass(state);
    this.feel.pass(state);
  }

  audio(seat: i32, frames: u32): usize {
    return this.sounds.mix(seat, frames);
  }

  render(seat: i32, width: u32, height: u32): void {
    // The picture already includes the pointer movement that the next tick will apply.
    const pointer = input(seat);
    const gain = POINTER_TURN * turnOf(this.match.fighters[seat]);
    this.drawable().render(seat, width, height, pointer.movementX * gain, -pointer.movementY * gain);
  }

  /**
   * Returns the renderer. The first call makes it, bakes the light of the level and makes the sounds, which takes a while. So it
   * comes after the first tick, which shows that the game runs, or when the first player joins.
   */
  private drawable(): Renderer {
    let renderer = this.renderer;
    if (renderer === null) {
      this.renderer = renderer = new Renderer(this.match);
      this.sounds.prepare();
    }
    return renderer;
  }
}

/** Translates a player's input into the actions of the player's fighter. */
function steer(fighter: Fighter, from: Input, dt: f32): void {
  const intent = fighter.intent;
  intent.right = held(from, Key.D, Key.Right) - held(from, Key.A, Key.Left) + from.axis(0);
  intent.ahead = held(from, Key.W, Key.Up) - held(from, Key.S, Key.Down) - from.axis(1);
  intent.sprint = from.key(Key.ShiftLeft) || from.key(Key.ShiftRight) || from.button(PAD_RUN);
  intent.jump = from.key(Key.Space) || from.keyPressed(Key.Space) || from.button(PAD_JUMP);
  intent.fire = from.button(0) || from.buttonPressed(0) || triggerOf(from, PadButton.RightTrigger) > TRIGGER_FIRE;
  intent.aim = from.button(RIGHT_BUTTON) ? 1 : triggerOf(from, PadButton.LeftTrigger);
  const gain = turnOf(fighter);
  const turn = from.movementX * POINTER_TURN + from.axis(2) * STICK_TURN * dt;
  const nod = from.movementY * POINTER_TURN + from.axis(3) * STICK_TURN * 0.7 * dt;
  fighter.turn(turn * gain, -nod * gain);
}

/** Returns the factor by which a fighter turns, which is slower while it aims. */
function turnOf(fighter: Fighter): f32 {
  return 1 - fighter.aim * AIM_TURN;
}

function held(from: Input, a: u32, b: u32): f32 {
  return from.key(a) || from.key(b) ? 1 : 0;
}

play(new Arena());
