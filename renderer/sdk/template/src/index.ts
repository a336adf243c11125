import {
  BindGroup,
  Buffer,
  BufferUsage,
  device,
  Game,
  input,
  Key,
  play,
  Random,
  RenderPassDescriptor,
  RenderPipeline,
  State,
  surface,
} from '@nearlight/sdk';

// The host calls these functions, and they call the Game that is passed to `play` below. Without save and load, the game
// starts over after each change of its sources.
export { init, join, leave, load, render, save, tick, version } from '@nearlight/sdk/game';

const PLAYERS_MAX = 10;
const SPEED: f32 = 2.2;
const REACH: f32 = 0.11;
/** How many numbers each player has in the uniforms: x, y, glow, seat. */
const WORDS = 4;

const shader = `
struct World { view: vec4f, star: vec4f, players: array<vec4f, ${PLAYERS_MAX}> }
@group(0) @binding(0) var<uniform> world: World;

@vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0); // one triangle covers the picture
}

fn hue(seat: f32) -> vec3f {
  return 0.55 + 0.45 * cos(seat * 2.4 + vec3f(0.0, 2.1, 4.2));
}

@fragment fn fragment(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let p = (2.0 * at.xy / world.view.xy - 1.0) * vec2f(world.view.x / world.view.y, -1.0);
  let time = world.view.z;
  let waves = sin(p.x * 3.0 + time) + sin(p.y * 4.0 - 0.7 * time) + sin((p.x + p.y) * 2.0 + 0.4 * time);
  var color = vec3f(0.03, 0.035, 0.07) + vec3f(0.02, 0.012, 0.05) * waves;
  let away = p - world.star.xy;
  let rays = 0.6 + 0.4 * cos(5.0 * atan2(away.y, away.x) + 2.0 * time);
  color += vec3f(1.0, 0.75, 0.3) * (0.006 * rays / (dot(away, away) + 0.002));
  for (var i = 0u; i < u32(world.view.w); i++) {
    let player = world.players[i];
    let distance = length(p - player.xy);
    let disc = smoothstep(0.075, 0.065, distance) + (0.004 + 0.02 * player.z) / (distance * distance + 0.01);
    color += hue(player.w) * disc;
  }
  return vec4f(1.0 - exp(-1.6 * color), 1.0);
}`;

class Player {
  x: f32 = 0;
  y: f32 = 0;
  vx: f32 = 0;
  vy: f32 = 0;
  glow: f32 = 0;
  score: u32 = 0;
  playing: bool = false;

  /** Saves or loads the player: the same lines do both. */
  pass(state: State): void {
    this.x = state.f32(this.x);
    this.y = state.f32(this.y);
    this.vx = state.f32(this.vx);
    this.vy = state.f32(this.vy);
    this.glow = state.f32(this.glow);
    this.score = state.u32(this.score);
  }
}

/** All players chase a star, with arrow keys, WASD, a gamepad's stick or a thumb on the screen. */
class MyGame extends Game {
  private players: StaticArray<Player> = new StaticArray<Player>(PLAYERS_MAX);
  private random: Random = new Random(1);
  private starX: f32 = 0.6;
  private starY: f32 = 0.3;
  private time: f32 = 0;
  private dt: f32 = 0;
  private uniforms: StaticArray<f32> = new StaticArray<f32>(8 + PLAYERS_MAX * WORDS);
  private buffer!: Buffer;
  private pipeline!: RenderPipeline;
  private group!: BindGroup;
  private pass: RenderPassDescriptor = { colorAttachments: [{ view: surface.view }] };

  init(seed: u64, tickRate: u32, _seats: u32): void {
    this.random.reseed(seed);
    this.dt = 1 / <f32>tickRate;
    for (let i = 0; i < PLAYERS_MAX; i++) this.players[i] = new Player();
    const size = this.uniforms.length * 4;
    this.buffer = device.createBuffer({ size, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const module = device.createShaderModule({ label: 'NAME', code: shader });
    this.pipeline = device.createRenderPipeline({
      vertex: { module },
      fragment: { module, targets: [{ format: surface.format }] },
    });
    const layout = this.pipeline.getBindGroupLayout(0);
    this.group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: this.buffer }] });
  }

  join(seat: i32): void {
    if (seat < PLAYERS_MAX) this.players[seat].playing = true;
  }

  leave(seat: i32): void {
    if (seat < PLAYERS_MAX) this.players[seat] = new Player();
  }

  /** Moves the game's world on by 1 / tickRate of a second. All that changes over time changes here. */
  tick(_n: u32): void {
    this.time += this.dt;
    for (let seat = 0; seat < PLAYERS_MAX; seat++) {
      if (this.players[seat].playing) this.move(seat, this.players[seat]);
    }
  }

  private move(seat: i32, player: Player): void {
    const from = input(seat);
    const right: f32 = from.axis(0) + held(seat, Key.D, Key.Right) - held(seat, Key.A, Key.Left);
    const up: f32 = held(seat, Key.W, Key.Up) - held(seat, Key.S, Key.Down) - from.axis(1);
    const grip = min<f32>(6 * this.dt, 1);
    player.vx += (right * SPEED - player.vx) * grip;
    player.vy += (up * SPEED - player.vy) * grip;
    player.x = min<f32>(max<f32>(player.x + player.vx * this.dt, -1.6), 1.6);
    player.y = min<f32>(max<f32>(player.y + player.vy * this.dt, -0.92), 0.92);
    player.glow *= 1 - min<f32>(2 * this.dt, 1);
    const dx = player.x - this.starX;
    const dy = player.y - this.starY;
    if (dx * dx + dy * dy > REACH * REACH) return;
    player.score++;
    player.glow = 1;
    this.starX = this.random.range(-1.4, 1.4);
    this.starY = this.random.range(-0.8, 0.8);
  }

  /** Saves the game, or loads a game that was saved. */
  state(state: State): void {
    state.version(1);
    this.random.pass(state);
    this.starX = state.f32(this.starX);
    this.starY = state.f32(this.starY);
    this.time = state.f32(this.time);
    for (let i = 0; i < PLAYERS_MAX; i++) this.players[i].pass(state);
  }

  /** Draws what one player sees; may be called at any rate, so nothing of the game changes here. */
  render(_seat: i32, width: u32, height: u32): void {
    const out = this.uniforms;
    out[0] = <f32>width;
    out[1] = <f32>height;
    out[2] = this.time;
    out[4] = this.starX;
    out[5] = this.starY;
    let count = 0;
    for (let seat = 0; seat < PLAYERS_MAX; seat++) {
      const player = this.players[seat];
      if (!player.playing) continue;
      const at = 8 + count++ * WORDS;
      out[at] = player.x;
      out[at + 1] = player.y;
      out[at + 2] = player.glow;
      out[at + 3] = <f32>seat;
    }
    out[3] = <f32>count;
    device.queue.writeBuffer(this.buffer, 0, out);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.draw(3);
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

function held(seat: i32, a: u32, b: u32): f32 {
  return input(seat).key(a) || input(seat).key(b) ? 1 : 0;
}

play(new MyGame());
