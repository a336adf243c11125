import { ABI_VERSION } from '../contract/abi';
// The compiler finds `abort` by its path; the import makes the file a part of every game.
import './abort';
import { openIo, readReplies } from './input';
import { State } from './state';
import { flush } from './stream';

/** A game. Derive a class from it, and name an object of that class to `play`. */
export abstract class Game {
  /**
   * Makes what the game needs. Called once, first. Ticks follow `tickRate` times a second; seats are numbered from 0 to
   * `seats` - 1.
   */
  init(_seed: u64, _tickRate: u32, _seats: u32): void {}

  /** A player takes a seat. */
  join(_seat: i32): void {}

  /** A player has left a seat. */
  leave(_seat: i32): void {}

  /** Moves the world on by one step. `n` counts the ticks from 0. */
  tick(_n: u32): void {}

  /**
   * Passes all that `tick` depends on through `state`, so that another instance of the game can go on from here. Needed
   * by games that export `save` and `load`. For a load, `init` has been called and no player has joined; those who are
   * there join again afterwards.
   */
  state(_state: State): void {}

  /**
   * Draws the view of one player into `surface`. May be called at any rate: what changes with time changes in `tick`.
   */
  abstract render(seat: i32, width: u32, height: u32): void;
}

let game: Game | null = null;

/** Names the game of this module. Call it once, at the top level of the entry file. */
export function play(what: Game): void {
  game = what;
}

/** Returns the version of the contract that this module was built for. */
export function version(): i32 {
  return ABI_VERSION;
}

/** Begins the game. Returns the address of the IO block. */
export function init(seedLow: u32, seedHigh: u32, tickRate: u32, seats: u32): usize {
  const io = openIo(seats);
  playing().init(((<u64>seedHigh) << 32) | seedLow, tickRate, seats);
  flush();
  return io;
}

/** Seats a player. */
export function join(seat: i32): void {
  readReplies();
  playing().join(seat);
  flush();
}

/** Takes a player away. */
export function leave(seat: i32): void {
  readReplies();
  playing().leave(seat);
  flush();
}

/** Moves the world on by one step. */
export function tick(n: u32): void {
  readReplies();
  playing().tick(n);
  flush();
}

/** Draws one player's view. */
export function render(seat: i32, width: u32, height: u32): void {
  readReplies();
  playing().render(seat, width, height);
  flush();
}

/** Hands the game's state to the host. */
export function save(): void {
  const state = new State(false, 0);
  playing().state(state);
  state.close();
}

/** Goes on from a state of `length` bytes. */
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
