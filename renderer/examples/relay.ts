import {
  BindGroup,
  Buffer,
  BufferUsage,
  bus,
  device,
  Game,
  input,
  Key,
  log,
  Phase,
  PrimitiveTopology,
  play,
  RenderPassDescriptor,
  RenderPipeline,
  State,
  surface,
  TextEntry,
} from '@nearlight/sdk';

export {
  export_player,
  import_player,
  init,
  join,
  leave,
  load,
  render,
  save,
  tick,
  version,
} from '@nearlight/sdk/game';

/** Balls of one room. A ball that comes when there are so many takes the place of the oldest. */
const BALLS = 24;
const SEATS = 8;
/** Numbers for each ball in the simulation: place, speed, and colour, which is 0 if there is no ball. */
const BALL = 5;
/** Numbers for each dot in the shader: place, size and colour. */
const DOT = 4;
/** Length of a message about a ball: its height, its speeds and its colour. */
const BALL_BYTES = 16;
/** Lengths are halves of the picture's height; speeds are per second. */
const PLAYER_SIZE: f32 = 0.12;
const BALL_SIZE: f32 = 0.05;
const EDGE: f32 = 1.05;
const SPEED: f32 = 0.8;
const POINTS_TO_WIN: u32 = 5;
/** Seconds from the end of a match to the next one. */
const PAUSE: u32 = 3;
const STATE_VERSION = 1;
/** Bytes of a player's state: the version and the points. */
const PLAYER_BYTES = 8;

const shader = `
struct Dot { place: vec2f, size: f32, color: f32 }
@group(0) @binding(0) var<uniform> dots: array<Dot, ${BALLS + SEATS}>;
struct Corner { @builtin(position) position: vec4f, @location(0) at: vec2f, @location(1) color: vec3f }

@vertex fn vertex(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> Corner {
  let at = vec2f(f32(i & 1), f32(i >> 1)) * 2.0 - 1.0;
  let dot = dots[n];
  let hue = vec3f((vec3u(u32(dot.color)) & vec3u(1, 2, 4)) != vec3u(0)) * 0.8 + 0.2;
  return Corner(vec4f(dot.place + at * dot.size, 0.0, 1.0), at, hue);
}

@fragment fn fragment(corner: Corner) -> @location(0) vec4f {
  let edge = length(corner.at);
  if (edge > 1.0) { discard; }
  return vec4f(corner.color * (1.0 - 0.4 * edge), 1.0);
}`;

/**
 * Several rooms that play one game. A player throws balls with the left button, and a ball that flies out of the picture to the
 * right flies into every other room from the left. Each ball that a player catches is a point; five points win the match. The
 * key Enter asks for a text that all rooms hear. A player who moves to another room keeps the points.
 */
class Relay extends Game {
  private step: f32 = 1;
  private tickRate: u32 = 1;
  private seats: i32 = 0;
  private balls: StaticArray<f32> = new StaticArray<f32>(BALLS * BALL);
  private newest: u32 = 0;
  private here: StaticArray<bool> = new StaticArray<bool>(SEATS);
  private points: StaticArray<u32> = new StaticArray<u32>(SEATS);
  /** Ticks until the next match; 0 during a match. */
  private pause: u32 = 0;
  private entries: StaticArray<TextEntry | null> = new StaticArray<TextEntry | null>(SEATS);
  private dots: StaticArray<f32> = new StaticArray<f32>((BALLS + SEATS) * DOT);
  private buffer!: Buffer;
  private pipeline!: RenderPipeline;
  private group!: BindGroup;
  private pass: RenderPassDescriptor = {
    colorAttachments: [{ view: surface.view, clearValue: { r: 0.03, g: 0.04, b: 0.08, a: 1 } }],
  };

  init(_seed: u64, tickRate: u32, seats: u32): void {
    this.tickRate = tickRate;
    this.step = 1 / <f32>tickRate;
    this.seats = min<i32>(<i32>seats, SEATS);
    bus.subscribe('ball');
    bus.subscribe('chat');
    bus.subscribe('score');
    bus.setPhase(Phase.waiting);
    this.buffer = device.createBuffer({
      size: (BALLS + SEATS) * DOT * 4,
      usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST,
    });
    const module = device.createShaderModule({ label: 'relay', code: shader });
    this.pipeline = device.createRenderPipeline({
      vertex: { module },
      primitive: { topology: PrimitiveTopology.triangleStrip },
      fragment: { module, targets: [{ format: surface.format }] },
    });
    const layout = this.pipeline.getBindGroupLayout(0);
    this.group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: this.buffer }] });
  }

  join(seat: i32): void {
    if (seat >= this.seats) return;
    this.here[seat] = true;
    if (this.pause === 0) bus.setPhase(Phase.active);
  }

  leave(seat: i32): void {
    if (seat >= this.seats) return;
    this.here[seat] = false;
    this.points[seat] = 0;
    if (!this.here.includes(true)) bus.setPhase(Phase.waiting);
  }

  state(state: State): void {
    state.version(STATE_VERSION);
    state.array(this.balls);
    state.array(this.points);
    this.newest = state.u32(this.newest);
    this.pause = state.u32(this.pause);
  }

  player(seat: i32, state: State): bool {
    if (!state.matches(STATE_VERSION, PLAYER_BYTES)) return false;
    const points = state.u32(seat < this.seats ? this.points[seat] : 0);
    if (seat < this.seats) this.points[seat] = min<u32>(points, POINTS_TO_WIN - 1);
    return true;
  }

  tick(_n: u32): void {
    this.hear();
    if (this.pause > 0 && --this.pause === 0) {
      this.points.fill(0);
      bus.setPhase(this.here.includes(true) ? Phase.active : Phase.waiting);
    }
    for (let seat = 0; seat < this.seats; seat++) {
      if (!this.here[seat]) continue;
      if (input(seat).buttonPressed(0)) this.add(x(seat) + PLAYER_SIZE + BALL_SIZE, y(seat), SPEED, 0.3, colour(seat));
      this.talk(seat);
    }
    for (let ball = 0; ball < BALLS; ball++) this.move(ball);
  }

  /** Handles what other rooms have sent. They may run another version of this game, so each length is checked. */
  private hear(): void {
    const messages = bus.messages();
    for (let n = 0; n < messages.length; n++) {
      const message = messages[n];
      if (message.topic === 'ball' && message.bytes.length === BALL_BYTES) {
        const at = changetype<usize>(message.bytes);
        this.add(-EDGE, load<f32>(at), load<f32>(at, 4), load<f32>(at, 8), load<f32>(at, 12));
      } else if (message.topic === 'chat') log.info(`someone says ${message.text}`);
      else if (message.topic === 'score') log.info(`another room has ${message.text}`);
    }
  }

  /** Asks a player who presses Enter for a text, and sends it to all rooms. */
  private talk(seat: i32): void {
    if (input(seat).keyPressed(Key.Enter)) this.entries[seat] = input(seat).requestText('Say to all rooms');
    const entry = this.entries[seat];
    if (entry === null || !entry.done) return;
    this.entries[seat] = null;
    if (entry.submitted) bus.emitText('chat', entry.text);
  }

  private add(left: f32, height: f32, right: f32, up: f32, color: f32): void {
    const at = <i32>(this.newest++ % BALLS) * BALL;
    this.balls[at] = left;
    this.balls[at + 1] = bounded(height, 1);
    this.balls[at + 2] = max<f32>(bounded(right, 2), 0.1);
    this.balls[at + 3] = bounded(up, 2);
    this.balls[at + 4] = max<f32>(bounded(color, 7), 1);
  }

  private move(ball: i32): void {
    const at = ball * BALL;
    if (this.balls[at + 4] === 0) return;
    this.balls[at] += this.balls[at + 2] * this.step;
    this.balls[at + 1] += this.balls[at + 3] * this.step;
    if (abs<f32>(this.balls[at + 1]) > 1 - BALL_SIZE) this.balls[at + 3] *= -1;
    for (let seat = 0; seat < this.seats; seat++) if (this.touches(seat, at)) this.catchBall(seat, at);
    if (this.balls[at] > EDGE && this.balls[at + 4] !== 0) this.send(at);
  }

  private touches(seat: i32, at: i32): bool {
    if (!this.here[seat] || this.balls[at + 4] === 0) return false;
    const right = this.balls[at] - x(seat);
    const up = this.balls[at + 1] - y(seat);
    return right * right + up * up < (PLAYER_SIZE + BALL_SIZE) * (PLAYER_SIZE + BALL_SIZE) * 0.99;
  }

  private catchBall(seat: i32, at: i32): void {
    this.balls[at + 4] = 0;
    if (this.pause > 0) return;
    const points = ++this.points[seat];
    bus.emitText('score', points === 1 ? '1 point' : `${points} points`);
    if (points < POINTS_TO_WIN) return;
    bus.emitText('result', `{"seat":${seat},"points":${points}}`);
    bus.setPhase(Phase.ended);
    this.pause = PAUSE * this.tickRate;
  }

  /** Sends a ball that has left the picture to the other rooms. */
  private send(at: i32): void {
    const bytes = new StaticArray<u8>(BALL_BYTES);
    const to = changetype<usize>(bytes);
    for (let n = 0; n < 4; n++) store<f32>(to + (n << 2), this.balls[at + 1 + n]);
    bus.emit('ball', bytes);
    this.balls[at + 4] = 0;
  }

  render(_seat: i32, width: u32, height: u32): void {
    for (let ball = 0; ball < BALLS; ball++) {
      const at = ball * BALL;
      this.dot(ball, this.balls[at], this.balls[at + 1], this.balls[at + 4] === 0 ? 0 : BALL_SIZE, this.balls[at + 4]);
    }
    for (let seat = 0; seat < SEATS; seat++) {
      const isHere = seat < this.seats && this.here[seat];
      const size = PLAYER_SIZE * (1 + 0.1 * <f32>this.points[seat]);
      if (isHere) this.dot(BALLS + seat, x(seat), y(seat), size, colour(seat));
      else this.dot(BALLS + seat, 0, 0, 0, 0);
    }
    device.queue.writeBuffer(this.buffer, 0, this.dots);
    const side = min<u32>(width, height);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.setViewport(<f32>((width - side) >> 1), <f32>((height - side) >> 1), <f32>side, <f32>side, 0, 1);
    pass.draw(4, BALLS + SEATS);
    pass.end();
    device.queue.submit(encoder.finish());
  }

  private dot(n: i32, left: f32, top: f32, size: f32, color: f32): void {
    const at = n * DOT;
    this.dots[at] = left;
    this.dots[at + 1] = top;
    this.dots[at + 2] = size;
    this.dots[at + 3] = color;
  }
}

function x(seat: i32): f32 {
  return input(seat).pointerX * 2 - 1;
}

function y(seat: i32): f32 {
  return 1 - input(seat).pointerY * 2;
}

/** Colour of a player: 1 to 7. */
function colour(seat: i32): f32 {
  return <f32>((seat % 7) + 1);
}

/** A number from another room, from -most to most; NaN becomes -most. */
function bounded(value: f32, most: f32): f32 {
  return value > -most ? min<f32>(value, most) : -most;
}

play(new Relay());
