import {
  BindGroup,
  BindGroupLayout,
  BlendFactor,
  Buffer,
  BufferBindingType,
  BufferUsage,
  device,
  findAsset,
  Game,
  input,
  Key,
  play,
  Random,
  RenderBundle,
  RenderCommands,
  RenderPassDescriptor,
  RenderPipeline,
  ShaderModule,
  ShaderStage,
  surface,
  VertexBufferLayout,
  VertexFormat,
  VertexStepMode,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/**
 * Ways to draw the triangles: a bind group and a draw for each, the same recorded in a render bundle, or one draw of instances.
 */
const DIRECT: u32 = 0;
const BUNDLES: u32 = 1;
const INSTANCING: u32 = 2;
/** A way to draw like DIRECT, but each frame begins with another triangle, so that no two frames have the same commands. */
const CHANGING: u32 = 3;
const COUNT_MAX: u32 = 32768;
/** Number of floats of a triangle: scale, x and y, then speed and phase, which its color and its angle share. */
const FLOATS: i32 = 5;
/** Bytes from one triangle's uniform block to the next: an alignment that every GPU accepts. */
const STRIDE: i32 = 256;

const shader = `
struct View { scale: vec2f, seconds: f32 }
struct Triangle { scale: f32, offset_x: f32, offset_y: f32, speed: f32, phase: f32 }
@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var<uniform> triangle: Triangle;
struct Point { @builtin(position) at: vec4f, @location(0) color: vec3f }

fn place(vertex: u32, own: Triangle) -> Point {
  let fade = abs(2.0 * fract(own.phase + view.seconds * own.speed / 10.0) - 1.0);
  let angle = 6.2831853 * fade + f32(vertex) * 2.0943951;
  let at = own.scale * vec2f(sin(angle), cos(angle)) * view.scale + vec2f(own.offset_x, own.offset_y);
  let cool = mix(vec3f(0.06, 0.09, 0.32), vec3f(0.02, 0.30, 0.40), own.phase);
  let color = mix(cool, mix(vec3f(0.60, 0.06, 0.22), vec3f(0.75, 0.36, 0.06), own.phase), fade);
  return Point(vec4f(at, 0.0, 1.0), color * select(0.25, 1.5, vertex == 0u));
}
@vertex fn uniform_triangle(@builtin(vertex_index) vertex: u32) -> Point { return place(vertex, triangle); }
@vertex fn instanced_triangle(
  @builtin(vertex_index) vertex: u32,
  @location(0) scale: f32, @location(1) offset: vec2f, @location(2) speed: f32, @location(3) phase: f32,
) -> Point {
  return place(vertex, Triangle(scale, offset.x, offset.y, speed, phase));
}
@fragment fn fragment(point: Point) -> @location(0) vec4f { return vec4f(point.color, 1.0); }`;

/**
 * MotionMark's scene, as webgpu-samples has it: many triangles that turn, each with a uniform block of its own. The keys 1 to 4
 * choose how they are drawn, the arrow keys up and down how many. An asset named "options" sets both, as two u32.
 */
class Animometer extends Game {
  private tickRate: u32 = 120;
  private n: u32 = 0;
  private seats: i32 = 0;
  private mode: u32 = DIRECT;
  private count: u32 = 1000;
  private uniforms!: Buffer;
  private viewGroup!: BindGroup;
  private layout!: BindGroupLayout;
  private each!: RenderPipeline;
  private instanced!: RenderPipeline;
  /** GPU objects for the current way to draw and number of triangles. They are made again when either changes. */
  private triangles: Buffer | null = null;
  private groups: BindGroup[] = [];
  private bundles: RenderBundle[] = [];
  private view: StaticArray<f32> = new StaticArray<f32>(4);
  private pass: RenderPassDescriptor = {
    label: 'animometer',
    colorAttachments: [{ view: surface.view, clearValue: { r: 0.025, g: 0.02, b: 0.045, a: 1 } }],
  };

  init(_seed: u64, tickRate: u32, seats: u32): void {
    this.tickRate = tickRate;
    this.seats = seats;
    const asset = findAsset('options');
    if (asset !== null) {
      const bytes = new StaticArray<u8>(8);
      asset.read(0, bytes);
      this.mode = min(load<u32>(changetype<usize>(bytes)), CHANGING);
      this.count = max<u32>(1, min(load<u32>(changetype<usize>(bytes), 4), COUNT_MAX));
    }
    this.uniforms = device.createBuffer({ size: 16, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const viewLayout = layoutOf();
    this.layout = layoutOf();
    this.viewGroup = device.createBindGroup({ layout: viewLayout, entries: [{ buffer: this.uniforms }] });
    const module = device.createShaderModule({ label: 'animometer', code: shader });
    this.each = pipelineOf(module, 'uniform_triangle', [viewLayout, this.layout], []);
    this.instanced = pipelineOf(
      module,
      'instanced_triangle',
      [viewLayout],
      [
        {
          stepMode: VertexStepMode.instance,
          arrayStride: FLOATS * 4,
          attributes: [
            { shaderLocation: 0, format: VertexFormat.float32, offset: 0 },
            { shaderLocation: 1, format: VertexFormat.float32x2, offset: 4 },
            { shaderLocation: 2, format: VertexFormat.float32, offset: 12 },
            { shaderLocation: 3, format: VertexFormat.float32, offset: 16 },
          ],
        },
      ],
    );
    this.build();
  }

  /** Makes the triangles and the objects that draw them, and destroys the previous ones. */
  private build(): void {
    const old = this.triangles;
    if (old !== null) old.destroy();
    for (let i = 0; i < this.groups.length; i++) this.groups[i].destroy();
    for (let i = 0; i < this.bundles.length; i++) this.bundles[i].destroy();
    this.groups = [];
    this.bundles = [];
    const apart = this.mode === INSTANCING ? FLOATS * 4 : STRIDE;
    const usage = this.mode === INSTANCING ? BufferUsage.VERTEX : BufferUsage.UNIFORM;
    const data = scatter(this.count, apart / 4);
    const triangles = device.createBuffer({ size: data.length * 4, usage: usage | BufferUsage.COPY_DST });
    device.queue.writeBuffer(triangles, 0, data);
    this.triangles = triangles;
    if (this.mode === INSTANCING) return;
    for (let i: u32 = 0; i < this.count; i++) {
      this.groups.push(
        device.createBindGroup({
          layout: this.layout,
          entries: [{ buffer: triangles, offset: i * STRIDE, size: FLOATS * 4 }],
        }),
      );
    }
    if (this.mode !== BUNDLES) return;
    const encoder = device.createRenderBundleEncoder({ label: 'animometer', colorFormats: [surface.format] });
    this.drawEach(encoder, 0);
    this.bundles.push(encoder.finish());
  }

  private drawEach(to: RenderCommands, first: i32): void {
    to.setPipeline(this.each);
    to.setBindGroup(0, this.viewGroup);
    const groups = this.groups;
    const count = groups.length;
    for (let i = 0, at = first; i < count; i++) {
      to.setBindGroup(1, unchecked(groups[at]));
      to.draw(3);
      if (++at === count) at = 0;
    }
  }

  tick(n: u32): void {
    this.n = n;
    this.view[2] = <f32>n / <f32>this.tickRate;
    let mode = this.mode;
    let count = this.count;
    for (let seat = 0; seat < this.seats; seat++) {
      const player = input(seat);
      if (player.keyPressed(Key.Digit1)) mode = DIRECT;
      if (player.keyPressed(Key.Digit2)) mode = BUNDLES;
      if (player.keyPressed(Key.Digit3)) mode = INSTANCING;
      if (player.keyPressed(Key.Digit4)) mode = CHANGING;
      if (player.keyPressed(Key.Up)) count = min(count * 2, COUNT_MAX);
      if (player.keyPressed(Key.Down)) count = max<u32>(count / 2, 1);
    }
    if (mode === this.mode && count === this.count) return;
    this.mode = mode;
    this.count = count;
    this.build();
  }

  render(_seat: i32, width: u32, height: u32): void {
    const aspect = <f32>width / <f32>height;
    this.view[0] = 1 / max<f32>(aspect, 1);
    this.view[1] = 1 / max<f32>(1 / aspect, 1);
    device.queue.writeBuffer(this.uniforms, 0, this.view);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    if (this.mode === BUNDLES) {
      pass.executeBundles(this.bundles);
    } else if (this.mode !== INSTANCING) {
      this.drawEach(pass, this.mode === CHANGING ? this.n % this.count : 0);
    } else {
      pass.setPipeline(this.instanced);
      pass.setBindGroup(0, this.viewGroup);
      pass.setVertexBuffer(0, this.triangles);
      pass.draw(3, this.count);
    }
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

function layoutOf(): BindGroupLayout {
  return device.createBindGroupLayout({
    entries: [{ visibility: ShaderStage.VERTEX, buffer: { type: BufferBindingType.uniform } }],
  });
}

function pipelineOf(
  module: ShaderModule,
  entryPoint: string,
  bindGroupLayouts: BindGroupLayout[],
  buffers: VertexBufferLayout[],
): RenderPipeline {
  return device.createRenderPipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts }),
    vertex: { module, entryPoint, buffers },
    fragment: {
      module,
      targets: [
        {
          format: surface.format,
          // The light of overlapping triangles adds up.
          blend: { color: { dstFactor: BlendFactor.one }, alpha: { dstFactor: BlendFactor.zero } },
        },
      ],
    },
  });
}

/** Returns random triangles, `stride` floats apart. The more there are, the smaller they are. */
function scatter(count: u32, stride: i32): StaticArray<f32> {
  const random = new Random(1);
  const data = new StaticArray<f32>(<i32>count * stride);
  const size = Mathf.min(0.4, 3.2 / Mathf.sqrt(<f32>count));
  for (let i = 0; i < <i32>count; i++) {
    const at = i * stride;
    data[at] = size * random.range(0.5, 1.2);
    data[at + 1] = random.range(-1, 1);
    data[at + 2] = random.range(-1, 1);
    data[at + 3] = random.range(0.5, 2);
    data[at + 4] = random.float();
  }
  return data;
}

play(new Animometer());
