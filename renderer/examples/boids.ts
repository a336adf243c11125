import {
  BindGroup,
  BlendFactor,
  Buffer,
  BufferUsage,
  ComputePipeline,
  device,
  Game,
  PrimitiveTopology,
  play,
  Random,
  RenderPassDescriptor,
  RenderPipeline,
  surface,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/** Number of boids: a multiple of the workgroup's size, so that every invocation has a boid. */
const COUNT: u32 = 1024;
const GROUP: u32 = 64;
/** Number of places that a boid's trail consists of. */
const TRAIL: u32 = 28;

/** Compute shader that moves the boids by Reynolds's three rules (1987): each boid looks at every other one. */
const simulation = `
struct Boid { place: vec2f, velocity: vec2f }
struct Step { seconds: f32, slot: u32 }
@group(0) @binding(0) var<uniform> step_of: Step;
@group(0) @binding(1) var<storage, read> before: array<Boid>;
@group(0) @binding(2) var<storage, read_write> after: array<Boid>;
@group(0) @binding(3) var<storage, read_write> trail: array<vec4f>;
var<workgroup> shared_boids: array<Boid, ${GROUP}>;

@compute @workgroup_size(${GROUP}) fn fly(
  @builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) local: u32,
) {
  let own = before[id.x];
  var middle = vec2f(); var heading = vec2f(); var apart = vec2f(); var near = 0.0;
  for (var first = 0u; first < ${COUNT}u; first += ${GROUP}u) {
    // A workgroup reads each boid once from the storage buffer, and sixty-four times from here.
    shared_boids[local] = before[first + local];
    workgroupBarrier();
    for (var i = 0u; i < ${GROUP}u; i++) {
      let other = shared_boids[i];
      let way = other.place - own.place;
      let distance = dot(way, way);
      if (distance < 0.0196 && distance > 0.0) {
        middle += way; heading += other.velocity; near += 1.0;
        if (distance < 0.0016) { apart -= way / (distance + 0.0002); }
      }
    }
    workgroupBarrier();
  }
  var force = 0.012 * apart;
  if (near > 0.0) { force += 1.3 * middle / near + 1.5 * (heading / near - own.velocity); }
  // An ellipse holds them, and a slow current turns them around it.
  let edge = length(own.place * vec2f(0.62, 1.06));
  force -= own.place * 5.0 * max(edge - 0.80, 0.0);
  force += 0.05 * vec2f(-own.place.y, own.place.x);
  var velocity = own.velocity + force * step_of.seconds * 2.2;
  velocity *= clamp(length(velocity), 0.22, 0.46) / max(length(velocity), 0.001);
  let place = own.place + velocity * step_of.seconds;
  after[id.x] = Boid(place, velocity);
  trail[id.x * ${TRAIL}u + step_of.slot] = vec4f(place, velocity);
}`;

const shader = `
struct View { scale: vec2f, newest: u32 }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> trail: array<vec4f>;
struct Point { @builtin(position) at: vec4f, @location(0) across: f32, @location(1) color: vec4f }

// A colour for a direction: teal, violet, rose, amber.
fn compass(way: vec2f) -> vec3f {
  let turn = atan2(way.y, way.x) + vec3f(0.0, 2.1, 4.0);
  return vec3f(0.14, 0.16, 0.24) + vec3f(0.95, 0.60, 0.95) * pow(0.5 + 0.5 * cos(turn), vec3f(1.6));
}

// A strip of two vertices for each place of the trail, the newest first; it grows thin and dark.
@vertex fn ribbon(@builtin(vertex_index) vertex: u32, @builtin(instance_index) boid: u32) -> Point {
  let age = vertex >> 1u;
  let side = f32(vertex & 1u) * 2.0 - 1.0;
  let slot = (view.newest + ${TRAIL}u - age) % ${TRAIL}u;
  let sample = trail[boid * ${TRAIL}u + slot];
  let newest = trail[boid * ${TRAIL}u + view.newest];
  let way = normalize(sample.zw);
  let left = 1.0 - f32(age) / f32(${TRAIL} - 1);
  let body = f32(min(age, 3u)) / 3.0;
  let width = 0.0135 * mix(body, 1.0, 0.12) * mix(0.15, 1.0, left);
  let at = sample.xy + vec2f(-way.y, way.x) * side * width;
  return Point(vec4f(at * view.scale, 0.0, 1.0), side, vec4f(compass(newest.zw), left * left));
}
@fragment fn glow(point: Point) -> @location(0) vec4f {
  let soft = 1.0 - point.across * point.across;
  return vec4f(point.color.rgb * point.color.a * soft * 0.85, 1.0);
}

struct Backdrop { @builtin(position) at: vec4f, @location(0) corner: vec2f }
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> Backdrop {
  let corner = vec2f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0);
  return Backdrop(vec4f(corner, 0.0, 1.0), corner);
}
@fragment fn deep(point: Backdrop) -> @location(0) vec4f {
  let light = exp(-0.9 * dot(point.corner, point.corner)) + 0.25 * point.corner.y;
  return vec4f(mix(vec3f(0.012, 0.020, 0.050), vec3f(0.030, 0.075, 0.125), light), 1.0);
}`;

class Boids extends Game {
  private tickRate: u32 = 120;
  private steps: u32 = 0;
  private stepBuffer!: Buffer;
  private viewBuffer!: Buffer;
  private simulation!: ComputePipeline;
  private ribbon!: RenderPipeline;
  private backdrop!: RenderPipeline;
  /** Bind groups of the simulation, for even and for odd steps: the buffer that one step writes, the next one reads. */
  private flyGroups: BindGroup[] = [];
  private ribbonGroup!: BindGroup;
  private step: StaticArray<u32> = new StaticArray<u32>(2);
  private view: StaticArray<f32> = new StaticArray<f32>(4);
  private pass: RenderPassDescriptor = { label: 'boids', colorAttachments: [{ view: surface.view }] };

  init(seed: u64, tickRate: u32, _seats: u32): void {
    this.tickRate = tickRate;
    this.stepBuffer = device.createBuffer({ size: 8, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    this.viewBuffer = device.createBuffer({ size: 16, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const trail = device.createBuffer({ size: COUNT * TRAIL * 16, usage: BufferUsage.STORAGE | BufferUsage.COPY_DST });
    const flock = device.createBuffer({ size: COUNT * 16, usage: BufferUsage.STORAGE | BufferUsage.COPY_DST });
    const other = device.createBuffer({ size: COUNT * 16, usage: BufferUsage.STORAGE });
    this.scatter(seed, flock, trail);

    const module = device.createShaderModule({ label: 'simulation', code: simulation });
    this.simulation = device.createComputePipeline({ compute: { module } });
    for (let parity = 0; parity < 2; parity++) {
      this.flyGroups.push(
        device.createBindGroup({
          layout: this.simulation.getBindGroupLayout(0),
          entries: [
            { binding: 0, buffer: this.stepBuffer },
            { binding: 1, buffer: parity === 0 ? flock : other },
            { binding: 2, buffer: parity === 0 ? other : flock },
            { binding: 3, buffer: trail },
          ],
        }),
      );
    }
    this.createPipelines();
    this.ribbonGroup = device.createBindGroup({
      layout: this.ribbon.getBindGroupLayout(0),
      entries: [
        { binding: 0, buffer: this.viewBuffer },
        { binding: 1, buffer: trail },
      ],
    });
  }

  private createPipelines(): void {
    const module = device.createShaderModule({ label: 'boids', code: shader });
    this.backdrop = device.createRenderPipeline({
      vertex: { module, entryPoint: 'everywhere' },
      fragment: { module, entryPoint: 'deep', targets: [{ format: surface.format }] },
    });
    this.ribbon = device.createRenderPipeline({
      vertex: { module, entryPoint: 'ribbon' },
      primitive: { topology: PrimitiveTopology.triangleStrip },
      fragment: {
        module,
        entryPoint: 'glow',
        targets: [
          {
            format: surface.format,
            // The light of overlapping trails adds up, in any order.
            blend: { color: { dstFactor: BlendFactor.one }, alpha: { dstFactor: BlendFactor.zero } },
          },
        ],
      },
    });
  }

  /** Spreads the boids over the picture, each with a velocity of its own. The trail of each begins as a point. */
  private scatter(seed: u64, flock: Buffer, trail: Buffer): void {
    const random = new Random(seed);
    const boids = new StaticArray<f32>(COUNT * 4);
    const trails = new StaticArray<f32>(COUNT * TRAIL * 4);
    for (let i: u32 = 0; i < COUNT * 4; i++)
      boids[i] = random.range(-0.75, 0.75) * (i % 4 === 0 ? 2 : i % 4 === 1 ? 1 : 0.5);
    for (let i: u32 = 0; i < COUNT * TRAIL * 4; i++) trails[i] = boids[(i / (TRAIL * 4)) * 4 + (i % 4)];
    device.queue.writeBuffer(flock, 0, boids);
    device.queue.writeBuffer(trail, 0, trails);
  }

  /** Makes a simulation step in every other tick, because sixty steps per second look smooth. */
  tick(n: u32): void {
    if (n % 2 === 1) return;
    this.steps++;
    this.step[0] = reinterpret<u32>(<f32>2 / <f32>this.tickRate);
    this.step[1] = this.steps % TRAIL;
    device.queue.writeBuffer(this.stepBuffer, 0, this.step);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.simulation);
    pass.setBindGroup(0, this.flyGroups[(this.steps - 1) % 2]);
    pass.dispatchWorkgroups(COUNT / GROUP);
    pass.end();
    device.queue.submit(encoder.finish());
  }

  render(_seat: i32, width: u32, height: u32): void {
    const aspect = <f32>width / <f32>height;
    // The flock's space has an aspect ratio of 16 to 9, and is scaled so that all of it fits into the picture.
    const scale: f32 = min<f32>(1, aspect / 1.7777778);
    this.view[0] = scale / aspect;
    this.view[1] = scale;
    this.view[2] = reinterpret<f32>(this.steps % TRAIL);
    device.queue.writeBuffer(this.viewBuffer, 0, this.view);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.backdrop);
    pass.draw(3);
    pass.setPipeline(this.ribbon);
    pass.setBindGroup(0, this.ribbonGroup);
    pass.draw(TRAIL * 2, COUNT);
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

play(new Boids());
