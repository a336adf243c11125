import { Game, Input, input, Key, play, State } from '@nearlight/sdk';
import { Fighter } from './fighter';
import { buildLevel } from './level';
import { Match } from './match';
import { Renderer } from './renderer';
import { Sounds } from './sounds';

export { audio, init, join, leave, load, render, save, tick, version } from '@nearlight/sdk/game';

/** How far a player turns, in radians: for each CSS pixel of pointer movement, and per second at full tilt of a stick. */
const POINTER_TURN: f32 = 0.0022;
const STICK_TURN: f32 = 2.8;
/** Buttons of a gamepad in the standard mapping, counted from 16: A and the right trigger. */
const PAD_JUMP = 16;
const PAD_FIRE = 23;
const TARGET_SECONDS = 3;

/** A battle game with one fighter for each player. Bots join a player who is alone. */
class Arena extends Game {
  private match!: Match;
  private sounds!: Sounds;
  private renderer: Renderer | null = null;
  private tickRate: i32 = 0;
  private seats: i32 = 0;

  init(seed: u64, tickRate: u32, seats: u32): void {
    this.tickRate = <i32>tickRate;
    this.seats = <i32>seats;
    buildLevel();
    this.sounds = new Sounds(tickRate);
    this.match = new Match(seed, <i32>seats, this.sounds);
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
      if (fighter.active) steer(fighter, input(seat), dt);
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
  }

  audio(seat: i32, frames: u32): usize {
    return this.sounds.mix(seat, frames);
  }

  render(seat: i32, width: u32, height: u32): void {
    // The picture already includes the pointer movement that the next tick will apply.
    const pointer = input(seat);
    const turn = pointer.movementX * POINTER_TURN;
    this.drawable().render(seat, width, height, turn, -pointer.movementY * POINTER_TURN);
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
  intent.sprint = from.key(Key.ShiftLeft) || from.key(Key.ShiftRight);
  intent.jump = from.key(Key.Space) || from.keyPressed(Key.Space) || from.button(PAD_JUMP);
  intent.fire = from.button(0) || from.buttonPressed(0) || from.button(PAD_FIRE);
  const turn = from.movementX * POINTER_TURN + from.axis(2) * STICK_TURN * dt;
  const nod = from.movementY * POINTER_TURN + from.axis(3) * STICK_TURN * 0.7 * dt;
  fighter.turn(turn, -nod);
}

function held(from: Input, a: u32, b: u32): f32 {
  return from.key(a) || from.key(b) ? 1 : 0;
}

play(new Arena());
