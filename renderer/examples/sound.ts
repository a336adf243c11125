import {
  ColorAttachment,
  device,
  Game,
  input,
  loadSound,
  Mixer,
  play,
  RenderPassDescriptor,
  State,
  surface,
  synthesize,
  Wave,
} from '@nearlight/sdk';

export { audio, init, join, leave, load, render, save, tick, version } from '@nearlight/sdk/game';

/** Turns per second of the sound that circles the players, and its distance from them in metres. */
const TURNS: f32 = 0.25;
const DISTANCE: f32 = 3;

/**
 * A game that sounds: each key or button that a player presses clicks for that player and lights the picture, and a hum circles
 * all players. A packed sound `click` among the assets takes the place of the click.
 */
class SoundExample extends Game {
  private mixer!: Mixer;
  private tickRate: f32 = 1;
  private seats: i32 = 0;
  private click: i32 = 0;
  private hum: i32 = 0;
  private circling: u32 = 0;
  private target: ColorAttachment = { view: surface.view };
  private pass: RenderPassDescriptor = { label: 'sound', colorAttachments: [this.target] };

  init(_seed: u64, tickRate: u32, seats: u32): void {
    this.tickRate = <f32>tickRate;
    this.seats = <i32>seats;
    this.mixer = new Mixer(tickRate, 16);
    const click = loadSound('click');
    this.click = this.mixer.add(
      click !== null
        ? click
        : synthesize([{ wave: Wave.square, from: 1000, volume: 0.8, attack: 0.0005, release: 0.06 }]),
    );
    // A tenth of a second holds eleven waves of 110 Hz, so the loop has no seam.
    this.hum = this.mixer.add(
      synthesize([{ wave: Wave.triangle, from: 110, volume: 0.5, attack: 0, hold: 0.1, release: 0 }], true),
    );
  }

  tick(n: u32): void {
    const mixer = this.mixer;
    mixer.begin(n);
    const angle = <f32>(((<f64>n * TURNS) / this.tickRate) % 1) * 2 * Mathf.PI;
    const x = Mathf.sin(angle) * DISTANCE;
    const z = -Mathf.cos(angle) * DISTANCE;
    if (this.circling === 0) this.circling = mixer.playAt(this.hum, x, 0, z, 0.05, 1, 2, 20);
    mixer.move(this.circling, x, 0, z);
    for (let seat = 0; seat < this.seats; seat++) {
      const from = input(seat);
      if (pressed(seat)) mixer.play(this.click, 0.8, 1, from.connected ? from.pointerX * 2 - 1 : 0, seat);
    }
  }

  audio(seat: i32, frames: u32): usize {
    return this.mixer.mix(seat, frames);
  }

  state(state: State): void {
    this.circling = state.u32(this.circling);
    this.mixer.pass(state);
  }

  render(seat: i32, _width: u32, _height: u32): void {
    const light: f32 = input(seat).any ? 1 : 0;
    const color = this.target.clearValue;
    color.r = light;
    color.g = light;
    color.b = light;
    color.a = 1;
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass(this.pass).end();
    device.queue.submit(encoder.finish());
  }
}

/** Reports whether a player has pressed any key or button since the last tick. */
function pressed(seat: i32): bool {
  const from = input(seat);
  for (let button = 0; button < 32; button++) if (from.buttonPressed(button)) return true;
  for (let key = 4; key < 232; key++) if (from.keyPressed(key)) return true;
  return false;
}

play(new SoundExample());
