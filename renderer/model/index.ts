import { exit, Game, input, log, play, State } from '@nearlight/sdk';
import { Orbit, openModel } from '@nearlight/sdk/scene';
import { Renderer } from './renderer';

export { init, join, leave, load, render, save, tick, version } from '@nearlight/sdk/game';

const TURN_SECONDS = 40;
const TARGET_SECONDS = 3;
const FULL_TURN = 6.283185307179586;

/** A game that shows the asset "model" lit, animated and slowly turning. Each player has a camera of their own. */
class Viewer extends Game {
  private renderer: Renderer | null = null;
  private readonly orbits: Orbit[] = [];
  private tickRate: f64 = 1;
  private now: u32 = 0;

  init(_seed: u64, tickRate: u32, seats: u32): void {
    this.tickRate = <f64>tickRate;
    for (let seat: u32 = 0; seat < seats; seat++) this.orbits.push(new Orbit());
    const file = openModel('model');
    if (file === null) {
      log.error('there is no asset "model": start with --model FILE.glb');
      exit(1);
      return;
    }
    this.renderer = new Renderer(file);
  }

  leave(seat: i32): void {
    this.orbits[seat] = new Orbit();
  }

  state(state: State): void {
    state.version(1);
    for (let seat = 0; seat < this.orbits.length; seat++) this.orbits[seat].state(state);
  }

  tick(n: u32): void {
    this.now = n;
    const dt = <f32>(1 / this.tickRate);
    for (let seat = 0; seat < this.orbits.length; seat++) this.orbits[seat].tick(input(seat), dt);
    const renderer = this.renderer;
    if (renderer !== null) renderer.tick(<i32>this.tickRate * TARGET_SECONDS);
  }

  render(seat: i32, width: u32, height: u32): void {
    const renderer = this.renderer;
    if (renderer === null) return;
    const seconds = <f64>this.now / this.tickRate;
    const duration = <f64>renderer.duration;
    const time = duration > 0 ? <f32>(seconds % duration) : 0;
    const turn = <f32>(((seconds / TURN_SECONDS) % 1) * FULL_TURN);
    renderer.render(this.orbits[seat], time, turn, width, height);
  }
}

play(new Viewer());
