import {
  BindGroup,
  Buffer,
  BufferUsage,
  device,
  Game,
  input,
  Key,
  log,
  PadAxis,
  PadButton,
  PrimitiveTopology,
  play,
  RenderPassDescriptor,
  RenderPipeline,
  surface,
  TextEntry,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const PADS = 4;
/** Numbers for each gamepad in the shader: x, y, size, and brightness. */
const NUMBERS = 4;

const shader = `
struct Dot { place: vec2f, size: f32, light: f32 }
@group(0) @binding(0) var<uniform> dots: array<Dot, ${PADS}>;
struct Corner { @builtin(position) position: vec4f, @location(0) at: vec2f, @location(1) color: vec3f }

@vertex fn vertex(@builtin(vertex_index) i: u32, @builtin(instance_index) pad: u32) -> Corner {
  let at = vec2f(f32(i & 1), f32(i >> 1)) * 2.0 - 1.0;
  let dot = dots[pad];
  let hue = vec3f(vec3u(pad + 1) & vec3u(1, 2, 4)) * vec3f(1.0, 0.5, 0.25);
  return Corner(vec4f(dot.place + at * dot.size, 0.0, 1.0), at, hue * dot.light);
}

@fragment fn fragment(corner: Corner) -> @location(0) vec4f {
  if (length(corner.at) > 1.0) { discard; }
  return vec4f(corner.color, 1.0);
}`;

/**
 * Shows what a player does with up to four gamepads: the left stick moves a dot, the triggers make it larger and smaller, and the
 * south button lights it up and shakes the gamepad. The key Enter asks for the player's name, which the game greets in its log.
 */
class Controls extends Game {
  private numbers: StaticArray<f32> = new StaticArray<f32>(PADS * NUMBERS);
  private buffer!: Buffer;
  private pipeline!: RenderPipeline;
  private group!: BindGroup;
  private seats: i32 = 0;
  private names: StaticArray<string> = [];
  /** For each player the name that the player is entering; null if there is none. */
  private entries: StaticArray<TextEntry | null> = [];
  private pass: RenderPassDescriptor = {
    colorAttachments: [{ view: surface.view, clearValue: { r: 0.04, g: 0.05, b: 0.09, a: 1 } }],
  };

  init(_seed: u64, _tickRate: u32, seats: u32): void {
    this.seats = <i32>seats;
    this.names = new StaticArray<string>(this.seats).fill('');
    this.entries = new StaticArray<TextEntry | null>(this.seats);
    this.buffer = device.createBuffer({
      size: PADS * NUMBERS * 4,
      usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST,
    });
    const module = device.createShaderModule({ label: 'controls', code: shader });
    this.pipeline = device.createRenderPipeline({
      vertex: { module },
      primitive: { topology: PrimitiveTopology.triangleStrip },
      fragment: { module, targets: [{ format: surface.format }] },
    });
    const layout = this.pipeline.getBindGroupLayout(0);
    this.group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: this.buffer }] });
  }

  tick(_n: u32): void {
    for (let seat = 0; seat < this.seats; seat++) {
      const pads = input(seat).pads;
      for (let place = 0; place < PADS; place++) {
        if (!pads[place].pressed(PadButton.South)) continue;
        log.info(`player ${seat} pressed gamepad ${place}`);
        input(seat).rumble(place, 1, 0.5, 200);
      }
      this.askName(seat);
    }
  }

  /** Asks a player who presses Enter for a name, and greets the player by it. */
  private askName(seat: i32): void {
    if (input(seat).keyPressed(Key.Enter))
      this.entries[seat] = input(seat).requestText('Your name', this.names[seat], 16);
    const entry = this.entries[seat];
    if (entry === null || !entry.done) return;
    this.entries[seat] = null;
    if (entry.submitted) this.names[seat] = entry.text;
    log.info(entry.submitted ? `hello ${entry.text}` : `player ${seat} has no new name`);
  }

  render(seat: i32, _width: u32, _height: u32): void {
    const pads = input(seat).pads;
    for (let place = 0; place < PADS; place++) {
      const pad = pads[place];
      const at = place * NUMBERS;
      const swell = pad.value(PadButton.RightTrigger) - 0.5 * pad.value(PadButton.LeftTrigger);
      this.numbers[at] = pad.axis(PadAxis.LeftX) * 0.8;
      this.numbers[at + 1] = -pad.axis(PadAxis.LeftY) * 0.8;
      this.numbers[at + 2] = pad.connected ? 0.1 * (1 + swell) : 0;
      this.numbers[at + 3] = pad.button(PadButton.South) ? 1 : 0.5;
    }
    device.queue.writeBuffer(this.buffer, 0, this.numbers);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.draw(4, PADS);
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

play(new Controls());
