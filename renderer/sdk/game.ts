import { ABI_VERSION } from '../contract/abi';
// The compiler finds `abort` by its path; the import makes the file a part of every game.
import './abort';
import { openIo, readReplies } from './input';
import { State } from './state';
import { flush } from './stream';

/** The base class of a game. Derive a class from it, and pass an object of that class to `play`. */
export abstract class Game {
  /**
   * Makes what the game needs. The host calls it once, before all else. Ticks follow `tickRate` times a second; each
   * player has a seat, a number from 0 to `seats` - 1.
   */
  init(_seed: u64, _tickRate: u32, _seats: u32): void {}

  /** Called when a player joins the game and takes a seat. */
  join(_seat: i32): void {}

  /** Called when the player of a seat has left the game. */
  leave(_seat: i32): void {}

  /** Moves the game's world on by one step, 1 / `tickRate` of a second. `n` counts the ticks from 0. */
  tick(_n: u32): void {}

  /**
   * Saves or loads the game: passes all that `tick` depends on through `state`, so that another instance of the game can
   * go on from here. Needed by games that export `save` and `load`. For a load, `init` has been called and no player has
   * joined; the players join again afterwards.
   */
  state(_state: State): void {}

  /**
   * Saves or loads what belongs to the player of one seat, so that the player can move to another room of this game: passes it
   * through `state`. For a load, the player has joined. Returns false to refuse a state, which may come from another version of
   * the game; then nothing may change. Needed by games that export `export_player` and `import_player`.
   */
  player(_seat: i32, _state: State): bool {
    return false;
  }

  /**
   * Mixes what one player hears in the tick that was just made, as Mixer.mix does: returns the address of `frames` frames of
   * sound, each of two f32, or 0 for silence. Changes nothing. Needed by games that export `audio`.
   */
  audio(_seat: i32, _frames: u32): usize {
    return 0;
  }

  /**
   * Draws what one player sees into `surface`. May be called at any rate: what changes with time changes in `tick`.
   */
  abstract render(seat: i32, width: u32, height: u32): void;
}

let game: Game | null = null;

/** Sets the game that this module runs. Call it once, at the top level of the entry file. */
export function play(what: Game): void {
  game = what;
}

/** Returns the version of the contract that this module was built for. */
export function version(): i32 {
  return ABI_VERSION;
}

/** Begins the game. Returns the address of the block in which the host writes input and replies. */
export function init(seedLow: u32, seedHigh: u32, tickRate: u32, seats: u32): usize {
  const io = openIo(seats);
  playing().init(((<u64>seedHigh) << 32) | seedLow, tickRate, seats);
  flush();
  return io;
}

/** Tells the game that a player takes a seat. */
export function join(seat: i32): void {
  readReplies();
  playing().join(seat);
  flush();
}

/** Tells the game that the player of a seat has left. */
export function leave(seat: i32): void {
  readReplies();
  playing().leave(seat);
  flush();
}

/** Moves the game's world on by one step. */
export function tick(n: u32): void {
  readReplies();
  playing().tick(n);
  flush();
}

/** Draws what one player sees. */
export function render(seat: i32, width: u32, height: u32): void {
  readReplies();
  playing().render(seat, width, height);
  flush();
}

/** Mixes what one player hears. */
export function audio(seat: i32, frames: u32): usize {
  return playing().audio(seat, frames);
}

/** Hands the game's state to the host. */
export function save(): void {
  const state = new State(false, 0);
  playing().state(state);
  state.close();
}

/** Hands what belongs to the player of a seat to the host. */
export function exportPlayer(seat: i32): void {
  const state = new State(false, 0);
  playing().player(seat, state);
  state.close();
}

/** Gives the player of a seat what another room has exported: a state of `length` bytes. Returns 0 if it cannot be used. */
export function importPlayer(seat: i32, length: u32): i32 {
  readReplies();
  const state = new State(true, length);
  const isUsed = playing().player(seat, state);
  if (isUsed) state.close();
  flush();
  return isUsed ? 1 : 0;
}

/** Continues a saved game, whose state has `length` bytes. */
export function load(length: u32): void {
  readReplies();
  const state = new State(true, length);
  playing().state(state);
  state.close();
  flush();
}

function playing(): Game {
  const current = game;
  if (current === null) throw new Error('no game: call play(new YourGame()) at the top level');
  return current;
}
