import {
  BindGroup,
  Buffer,
  BufferUsage,
  CompareFunction,
  CullMode,
  device,
  Game,
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
  VertexStepMode,
  vec3,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/** Seconds that one turn of the camera takes; the waves repeat after it too. */
const PERIOD: u32 = 40;
/** Rings of columns around the one in the middle. There are 3 * RINGS * (RINGS + 1) + 1 columns in all. */
const RINGS: i32 = 26;
const COLUMNS: i32 = 3 * RINGS * (RINGS + 1) + 1;
/** Number of vertices of a hexagonal prism without its bottom: six triangles for the lid and two for each side. */
const VERTICES: i32 = 18 + 36;

const shader = `
struct View { clip: mat4x4f, eye: vec4f, angle: f32 }
@group(0) @binding(0) var<uniform> view: View;
struct Point {
  @builtin(position) at: vec4f,
  @location(0) place: vec3f, @location(1) normal: vec3f, @location(2) height: f32, @location(3) depth: f32,
}
const haze = vec3f(0.045, 0.035, 0.095);

// Three waves: out from the middle, across, and a slow swell.
fn sea(at: vec2f, angle: f32) -> f32 {
  let ring = sin(0.55 * length(at) - 9.0 * angle);
  let across = sin(0.34 * at.x + 0.21 * at.y + 7.0 * angle);
  let swell = sin(0.13 * at.y - 0.17 * at.x + 3.0 * angle);
  return 0.42 * ring + 0.36 * across + 0.5 * swell;
}

@vertex fn column(
  @location(0) position: vec3f, @location(1) normal: vec3f, @location(2) place: vec2f, @location(3) lift: f32,
) -> Point {
  let height = sea(place, view.angle) + lift;
  let world = vec3f(place.x + position.x, position.y * (3.4 + height) - 3.4, place.y + position.z);
  return Point(view.clip * vec4f(world, 1.0), world, normal, height, position.y * (3.4 + height) - 3.4 - height);
}

// From the valley's blue through red to the crest's pale gold.
fn ramp(t: f32) -> vec3f {
  let low = mix(vec3f(0.05, 0.06, 0.22), vec3f(0.36, 0.07, 0.36), smoothstep(-1.1, -0.3, t));
  let middle = mix(low, vec3f(0.93, 0.23, 0.22), smoothstep(-0.35, 0.35, t));
  return mix(middle, vec3f(1.0, 0.76, 0.42), smoothstep(0.25, 1.15, t));
}

@fragment fn shade(point: Point) -> @location(0) vec4f {
  let normal = normalize(point.normal);
  let way = view.eye.xyz - point.place;
  let sun = normalize(vec3f(0.6, 0.55, -0.35));
  let color = ramp(point.height);
  // The side of a column gets less light the deeper a point is between other columns.
  let open = exp(0.55 * min(point.depth, 0.0));
  let lit = color * (0.22 + 0.95 * max(dot(normal, sun), 0.0)) * mix(0.25, 1.0, open);
  let shine = pow(max(dot(reflect(-sun, normal), normalize(way)), 0.0), 24.0) * 0.35 * open;
  let fog = exp(-0.0011 * dot(point.place.xz, point.place.xz) - 0.006 * length(way));
  return vec4f(sqrt(mix(haze, lit + shine * vec3f(1.0, 0.8, 0.6), fog)), 1.0);
}`;

class Instancing extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private vertices!: Buffer;
  private instances!: Buffer;
  private pipeline!: RenderPipeline;
  private group!: BindGroup;
  private depth: Texture | null = null;
  private depthView: TextureView | null = null;
  private pass: RenderPassDescriptor = {};
  /** The uniform block, struct View of the shader: a matrix, the eye, and the angle of the waves. */
  private view: StaticArray<f32> = new StaticArray<f32>(24);
  private camera: StaticArray<f32> = mat4.create();
  private lens: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private readonly target: StaticArray<f32> = vec3.create(0, -1.6, 0);
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    this.vertices = vertexBuffer(prism());
    this.instances = vertexBuffer(honeycomb());
    this.uniforms = device.createBuffer({ size: 96, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const module = device.createShaderModule({ label: 'instancing', code: shader });
    this.pipeline = device.createRenderPipeline({
      vertex: {
        module,
        buffers: [
          {
            arrayStride: 24,
            attributes: [
              { shaderLocation: 0, format: VertexFormat.float32x3, offset: 0 },
              { shaderLocation: 1, format: VertexFormat.float32x3, offset: 12 },
            ],
          },
          {
            // The step mode makes it instancing: this buffer advances once per column, not once per vertex.
            stepMode: VertexStepMode.instance,
            arrayStride: 12,
            attributes: [
              { shaderLocation: 2, format: VertexFormat.float32x2, offset: 0 },
              { shaderLocation: 3, format: VertexFormat.float32, offset: 8 },
            ],
          },
        ],
      },
      primitive: { cullMode: CullMode.back },
      depthStencil: {
        format: TextureFormat.depth24plus,
        depthWriteEnabled: true,
        depthCompare: CompareFunction.less,
      },
      fragment: { module, targets: [{ format: surface.format }] },
    });
    const layout = this.pipeline.getBindGroupLayout(0);
    this.group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: this.uniforms }] });
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(_seat: i32, width: u32, height: u32): void {
    this.resize(width, height);
    const aspect = <f32>width / <f32>height;
    vec3.set(Mathf.sin(this.angle) * 17, 10, Mathf.cos(this.angle) * 17, this.eye);
    mat4.lookAt(this.eye, this.target, this.up, this.camera);
    mat4.perspective(0.85, aspect, 1, 100, this.lens);
    mat4.multiply(this.lens, this.camera, this.view);
    memory.copy(changetype<usize>(this.view) + 64, changetype<usize>(this.eye), 12);
    this.view[20] = this.angle;
    device.queue.writeBuffer(this.uniforms, 0, this.view);

    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.setVertexBuffer(0, this.vertices);
    pass.setVertexBuffer(1, this.instances);
    pass.draw(VERTICES, COLUMNS);
    pass.end();
    device.queue.submit(encoder.finish());
  }

  /** Makes the depth texture and its render pass again if the picture's size has changed. */
  private resize(width: u32, height: u32): void {
    const old = this.depth;
    if (old !== null) {
      if (old.width === width && old.height === height) return;
      this.depthView!.destroy();
      old.destroy();
    }
    const depth = device.createTexture({
      size: { width, height },
      format: TextureFormat.depth24plus,
      usage: TextureUsage.RENDER_ATTACHMENT,
    });
    const view = depth.createView();
    this.depth = depth;
    this.depthView = view;
    this.pass = {
      label: 'instancing',
      // The color of the shader's haze as the shader outputs it: the square root.
      colorAttachments: [{ view: surface.view, clearValue: { r: 0.2121, g: 0.1871, b: 0.3082, a: 1 } }],
      depthStencilAttachment: { view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }
}

function vertexBuffer(data: StaticArray<f32>): Buffer {
  const buffer = device.createBuffer({ size: data.length * 4, usage: BufferUsage.VERTEX | BufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

let out = new StaticArray<f32>(0);
let at = 0;

function put(x: f32, y: f32, z: f32): void {
  out[at++] = x;
  out[at++] = y;
  out[at++] = z;
}

/**
 * Returns the positions and normals of a hexagonal column from y = 0 to 1, with a corner along z, counterclockwise from
 * outside.
 */
function prism(): StaticArray<f32> {
  out = new StaticArray<f32>(VERTICES * 6);
  at = 0;
  for (let side = 0; side < 6; side++) {
    const from = <f32>side * 1.0471976;
    const to = <f32>(side + 1) * 1.0471976;
    const ax = Mathf.sin(from) * 0.54;
    const az = Mathf.cos(from) * 0.54;
    const bx = Mathf.sin(to) * 0.54;
    const bz = Mathf.cos(to) * 0.54;
    const nx = Mathf.sin(from + 0.5235988);
    const nz = Mathf.cos(from + 0.5235988);
    put(0, 1, 0);
    put(0, 1, 0);
    put(ax, 1, az);
    put(0, 1, 0);
    put(bx, 1, bz);
    put(0, 1, 0);
    for (let i = 0; i < 6; i++) {
      const far = i === 2 || i === 3 || i === 5;
      put(far ? bx : ax, i === 0 || i === 3 || i === 4 ? 1 : 0, far ? bz : az);
      put(nx, 0, nz);
    }
  }
  return out;
}

/** Returns the place of each column in a honeycomb, one unit apart, and how far it rises above the waves. */
function honeycomb(): StaticArray<f32> {
  out = new StaticArray<f32>(COLUMNS * 3);
  at = 0;
  for (let row = -RINGS; row <= RINGS; row++) {
    for (let column = max(-RINGS, -RINGS - row); column <= min(RINGS, RINGS - row); column++) {
      const noise = <u32>(row * 73 + column * 151 + 99991) * 2654435761;
      put(<f32>column + <f32>row * 0.5, <f32>row * 0.8660254, <f32>(noise >> 24) * <f32>(0.22 / 255.0));
    }
  }
  return out;
}

play(new Instancing());
