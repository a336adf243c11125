import {
  BindGroup,
  Buffer,
  BufferUsage,
  CompareFunction,
  device,
  Game,
  input,
  LoadOp,
  mat4,
  play,
  RenderPassDescriptor,
  RenderPipeline,
  StoreOp,
  surface,
  Texture,
  TextureFormat,
  TextureUsage,
  TextureView,
  VertexFormat,
  vec3,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/** Seconds after which the motion of the scene repeats. */
const PERIOD: u32 = 30;
const SAMPLES: u32 = 4;
/** Number of sectors of the sunburst, of sides of the crystal, and of pieces of each of the three rings. */
const SECTORS: i32 = 120;
const FACETS: i32 = 8;
const PIECES: i32 = 160;
const VERTICES: i32 = SECTORS * 3 + FACETS * 12 + 3 * PIECES * 6 + 6;
/** Number of 32-bit words of a vertex: position, normal, color and part. */
const WORDS: i32 = 8;

const shader = `
struct Part { clip: mat4x4f, turn: mat4x4f }
@group(0) @binding(0) var<uniform> parts: array<Part, 6>; // sunburst, crystal, three rings, the divider
struct Point { @builtin(position) at: vec4f, @location(0) normal: vec3f, @location(1) color: vec4f, @location(2) place: vec3f }

@vertex fn vertex(
  @location(0) position: vec3f, @location(1) normal: vec3f, @location(2) color: vec4f, @location(3) part: u32,
) -> Point {
  let own = parts[part];
  return Point(own.clip * vec4f(position, 1.0), (own.turn * vec4f(normal, 0.0)).xyz, color, (own.turn * vec4f(position, 1.0)).xyz);
}

@fragment fn fragment(point: Point, @builtin(front_facing) front: bool) -> @location(0) vec4f {
  // An alpha of 0 marks the unlit parts: the sunburst and the divider.
  if (point.color.a < 0.5) { return vec4f(point.color.rgb, 1.0); }
  let normal = select(-1.0, 1.0, front) * normalize(point.normal);
  let mirrored = reflect(normalize(point.place - vec3f(0.0, 0.8, 3.6)), normal);
  let key = smoothstep(0.70, 0.96, dot(mirrored, normalize(vec3f(0.5, 0.7, 0.5))));
  let fill = smoothstep(0.55, 0.98, dot(mirrored, normalize(vec3f(-0.8, 0.1, 0.6))));
  let sky = mix(vec3f(0.16, 0.05, 0.20), vec3f(0.55, 0.75, 0.95), smoothstep(-0.8, 0.9, mirrored.y));
  let light = 0.8 * sky + key * vec3f(2.6, 2.3, 1.9) + fill * vec3f(0.5, 0.9, 1.3);
  let lit = point.color.rgb * point.color.rgb * light;
  return vec4f(sqrt(1.2 * lit / (0.7 + lit)), 1.0);
}`;

class Msaa extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private vertices!: Buffer;
  private sharp!: Scene;
  private smooth!: Scene;
  private targets: Targets | null = null;
  private parts: StaticArray<f32> = new StaticArray<f32>(6 * 32);
  private camera: StaticArray<f32> = mat4.create();
  private clip: StaticArray<f32> = mat4.create();
  private turn: StaticArray<f32> = mat4.create();
  private more: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private readonly middle: StaticArray<f32> = vec3.create();
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    this.uniforms = device.createBuffer({ size: 768, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const mesh = build();
    this.vertices = device.createBuffer({ size: mesh.length * 4, usage: BufferUsage.VERTEX | BufferUsage.COPY_DST });
    device.queue.writeBuffer(this.vertices, 0, mesh);
    this.sharp = new Scene(1, this.uniforms);
    this.smooth = new Scene(SAMPLES, this.uniforms);
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(seat: i32, width: u32, height: u32): void {
    const pointer = input(seat).pointerX;
    const split: f32 = pointer > 0 ? pointer : 0.5 + 0.2 * Mathf.sin(3 * this.angle);
    this.place(width, height, split);
    device.queue.writeBuffer(this.uniforms, 0, this.parts);
    const targets = this.targetsOf(width, height);
    const encoder = device.createCommandEncoder();
    // The first pass takes four samples per pixel; their mean goes into the picture. The samples themselves need not be stored.
    const smooth = encoder.beginRenderPass(targets.smoothPass);
    smooth.setPipeline(this.smooth.pipeline);
    smooth.setBindGroup(0, this.smooth.group);
    smooth.setVertexBuffer(0, this.vertices);
    smooth.draw(VERTICES);
    smooth.end();
    // Draw the scene again with one sample per pixel, over the left part of the picture only.
    const sharp = encoder.beginRenderPass(targets.sharpPass);
    sharp.setScissorRect(0, 0, <u32>(split * <f32>width), height);
    sharp.setPipeline(this.sharp.pipeline);
    sharp.setBindGroup(0, this.sharp.group);
    sharp.setVertexBuffer(0, this.vertices);
    sharp.draw(VERTICES);
    sharp.end();
    device.queue.submit(encoder.finish());
  }

  /** Computes the matrices of each part of the scene: sunburst, crystal, three rings and divider. */
  private place(width: u32, height: u32, split: f32): void {
    const aspect = <f32>width / <f32>height;
    const turn = this.turn;
    mat4.rotationZ(this.angle, turn);
    mat4.scaling(1 / aspect, 1, 1, this.more);
    mat4.multiply(this.more, turn, this.clip);
    this.put(0, this.clip, turn);

    const far: f32 = 6.4 * max<f32>(1, 1 / aspect);
    vec3.set(0, 0.12 * far, far, this.eye);
    mat4.lookAt(this.eye, this.middle, this.up, this.camera);
    mat4.perspective(0.72, aspect, 0.5, 60, this.clip);
    mat4.multiply(this.clip, this.camera, this.clip);
    mat4.rotationY(2 * this.angle, turn);
    mat4.multiply(this.clip, turn, this.more);
    this.put(1, this.more, turn);
    for (let ring = 0; ring < 3; ring++) {
      mat4.rotationX(this.angle * <f32>(ring + 2) + <f32>ring, turn);
      mat4.rotationZ(this.angle * (3 - <f32>ring) + 0.7, this.more);
      mat4.multiply(this.more, turn, turn);
      mat4.multiply(this.clip, turn, this.more);
      this.put(2 + ring, this.more, turn);
    }

    // The divider between the two halves is two pixels wide.
    mat4.scaling(2 / <f32>width, 1, 1, turn);
    turn[12] = 2 * split - 1;
    this.put(5, turn, turn);
  }

  private put(part: i32, clip: StaticArray<f32>, turn: StaticArray<f32>): void {
    const at = changetype<usize>(this.parts) + <usize>(part * 128);
    memory.copy(at, changetype<usize>(clip), 64);
    memory.copy(at + 64, changetype<usize>(turn), 64);
  }

  private targetsOf(width: u32, height: u32): Targets {
    const old = this.targets;
    if (old !== null) {
      if (old.width === width && old.height === height) return old;
      old.destroy();
    }
    const made = new Targets(width, height);
    this.targets = made;
    return made;
  }
}

/** A pipeline for a number of samples per pixel, which must be that of its render pass. */
class Scene {
  readonly pipeline: RenderPipeline;
  readonly group: BindGroup;

  constructor(samples: u32, uniforms: Buffer) {
    const module = device.createShaderModule({ label: 'msaa', code: shader });
    const pipeline = device.createRenderPipeline({
      vertex: {
        module,
        buffers: [
          {
            arrayStride: WORDS * 4,
            attributes: [
              { shaderLocation: 0, format: VertexFormat.float32x3, offset: 0 },
              { shaderLocation: 1, format: VertexFormat.float32x3, offset: 12 },
              { shaderLocation: 2, format: VertexFormat.unorm8x4, offset: 24 },
              { shaderLocation: 3, format: VertexFormat.uint32, offset: 28 },
            ],
          },
        ],
      },
      depthStencil: { format: TextureFormat.depth24plus, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      multisample: { count: samples },
      fragment: { module, targets: [{ format: surface.format }] },
    });
    this.pipeline = pipeline;
    this.group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, buffer: uniforms }],
    });
  }
}

/** A texture that is drawn to and that nothing reads. */
class Layer {
  private readonly texture: Texture;
  readonly view: TextureView;

  constructor(width: u32, height: u32, format: u32, sampleCount: u32) {
    const usage = TextureUsage.RENDER_ATTACHMENT;
    const texture = device.createTexture({ size: { width, height }, format, sampleCount, usage });
    this.texture = texture;
    this.view = texture.createView();
  }

  destroy(): void {
    this.view.destroy();
    this.texture.destroy();
  }
}

/** The render passes for pictures of one size, and their textures. */
class Targets {
  private readonly color: Layer;
  private readonly depths: Layer;
  private readonly depth: Layer;
  readonly smoothPass: RenderPassDescriptor;
  readonly sharpPass: RenderPassDescriptor;

  constructor(
    readonly width: u32,
    readonly height: u32,
  ) {
    const color = new Layer(width, height, surface.format, SAMPLES);
    const depths = new Layer(width, height, TextureFormat.depth24plus, SAMPLES);
    const depth = new Layer(width, height, TextureFormat.depth24plus, 1);
    this.color = color;
    this.depths = depths;
    this.depth = depth;
    this.smoothPass = {
      label: 'four samples',
      colorAttachments: [{ view: color.view, resolveTarget: surface.view, storeOp: StoreOp.discard }],
      depthStencilAttachment: { view: depths.view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
    this.sharpPass = {
      label: 'one sample',
      colorAttachments: [{ view: surface.view, loadOp: LoadOp.load }],
      depthStencilAttachment: { view: depth.view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }

  destroy(): void {
    this.color.destroy();
    this.depths.destroy();
    this.depth.destroy();
  }
}

const mesh = new StaticArray<u32>(VERTICES * WORDS);
let at: i32 = 0;
/** The normal, color and part of the scene that the next vertices get. */
const normal = vec3.create();
let color: u32 = 0;
let part: u32 = 0;

function vertex(x: f32, y: f32, z: f32): void {
  mesh[at] = reinterpret<u32>(x);
  mesh[at + 1] = reinterpret<u32>(y);
  mesh[at + 2] = reinterpret<u32>(z);
  for (let i = 0; i < 3; i++) mesh[at + 3 + i] = reinterpret<u32>(normal[i]);
  mesh[at + 6] = color;
  mesh[at + 7] = part;
  at += WORDS;
}

function build(): StaticArray<u32> {
  for (let i = 0; i < SECTORS; i++) {
    color = i % 2 === 0 ? 0x008a3c78 : 0x006c2c58;
    const from = (<f32>i * 6.2831853) / <f32>SECTORS;
    const to = (<f32>(i + 1) * 6.2831853) / <f32>SECTORS;
    vertex(0, 0, 0.999);
    color = i % 2 === 0 ? 0x00200a0a : 0x00120505;
    vertex(2.6 * Mathf.cos(from), 2.6 * Mathf.sin(from), 0.999);
    vertex(2.6 * Mathf.cos(to), 2.6 * Mathf.sin(to), 0.999);
  }
  part = 1;
  for (let i = 0; i < FACETS; i++) crystal(i);
  for (let ring = 0; ring < 3; ring++) {
    part = 2 + ring;
    color = ring === 1 ? 0xffd8d0c8 : 0xff4aa2ea;
    vec3.set(0, 0, 1, normal);
    hoop(1.5 + 0.22 * <f32>ring);
  }
  part = 5;
  color = 0x00ffffff;
  box();
  return mesh;
}

/** Adds one side of a long crystal: a facet up to the tip, two of its belt, and one down to the other tip. */
function crystal(i: i32): void {
  const from = (<f32>i * 6.2831853) / <f32>FACETS;
  const to = (<f32>(i + 1) * 6.2831853) / <f32>FACETS;
  const middle = (from + to) * 0.5;
  const ax = Mathf.sin(from) * 0.68;
  const az = Mathf.cos(from) * 0.68;
  const bx = Mathf.sin(to) * 0.68;
  const bz = Mathf.cos(to) * 0.68;
  color = i % 2 === 0 ? 0xffb0c814 : 0xffd07c18;
  vec3.set(Mathf.sin(middle) * 0.82, 0.57, Mathf.cos(middle) * 0.82, normal);
  vertex(0, 1.35, 0);
  vertex(ax, 0.4, az);
  vertex(bx, 0.4, bz);
  vec3.set(Mathf.sin(middle), 0, Mathf.cos(middle), normal);
  vertex(ax, 0.4, az);
  vertex(ax, -0.25, az);
  vertex(bx, 0.4, bz);
  vertex(bx, 0.4, bz);
  vertex(ax, -0.25, az);
  vertex(bx, -0.25, bz);
  vec3.set(Mathf.sin(middle) * 0.86, -0.51, Mathf.cos(middle) * 0.86, normal);
  vertex(ax, -0.25, az);
  vertex(0, -1.35, 0);
  vertex(bx, -0.25, bz);
}

/** Adds a flat ring around the z axis, so thin that it is narrower than a pixel unless it is seen from the front. */
function hoop(radius: f32): void {
  const outer = radius + 0.03;
  for (let i = 0; i < PIECES; i++) {
    const from = (<f32>i * 6.2831853) / <f32>PIECES;
    const to = (<f32>(i + 1) * 6.2831853) / <f32>PIECES;
    vertex(radius * Mathf.cos(from), radius * Mathf.sin(from), 0);
    vertex(outer * Mathf.cos(from), outer * Mathf.sin(from), 0);
    vertex(outer * Mathf.cos(to), outer * Mathf.sin(to), 0);
    vertex(radius * Mathf.cos(from), radius * Mathf.sin(from), 0);
    vertex(outer * Mathf.cos(to), outer * Mathf.sin(to), 0);
    vertex(radius * Mathf.cos(to), radius * Mathf.sin(to), 0);
  }
}

/** Adds the divider between the two halves: a square from -1 to 1, in front of everything. */
function box(): void {
  vertex(-1, -1, 0);
  vertex(1, -1, 0);
  vertex(1, 1, 0);
  vertex(-1, -1, 0);
  vertex(1, 1, 0);
  vertex(-1, 1, 0);
}

play(new Msaa());
