import {
  AddressMode,
  BindGroup,
  Buffer,
  BufferUsage,
  CullMode,
  device,
  FilterMode,
  Game,
  mat4,
  play,
  RenderPassDescriptor,
  RenderPipeline,
  surface,
  Texture,
  TextureFormat,
  TextureUsage,
  VertexFormat,
  vec3,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/**
 * Seconds after which the cube's motion repeats. Every angle turns a whole number of times in it, so that the motion has no
 * seam.
 */
const PERIOD: u32 = 24;
/** Number of texels, and of tiles, along a side of the texture. */
const SIZE: i32 = 256;
const TILES: i32 = 4;

const shader = `
struct View { clip: mat4x4f, turn: mat4x4f, eye: vec4f }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var image: texture_2d<f32>;
@group(0) @binding(2) var linear: sampler;
struct Point {
  @builtin(position) at: vec4f, @location(0) place: vec3f, @location(1) normal: vec3f, @location(2) uv: vec2f,
}

// The room that the cube mirrors: dusk, and two soft lights.
fn room(way: vec3f) -> vec3f {
  let sky = mix(vec3f(0.10, 0.05, 0.07), vec3f(0.16, 0.24, 0.40), smoothstep(-0.6, 0.7, way.y));
  let key = smoothstep(0.80, 0.93, dot(way, vec3f(0.48, 0.64, 0.60)));
  let fill = smoothstep(0.72, 0.96, dot(way, vec3f(-0.80, 0.36, 0.48)));
  return sky + key * vec3f(2.6, 2.2, 1.7) + fill * vec3f(0.30, 0.55, 1.0);
}

@vertex fn cube(@location(0) position: vec3f, @location(1) normal: vec3f, @location(2) uv: vec2f) -> Point {
  let place = view.turn * vec4f(position, 1.0);
  return Point(view.clip * place, place.xyz, (view.turn * vec4f(normal, 0.0)).xyz, uv);
}

@fragment fn inlay(point: Point) -> @location(0) vec4f {
  // The texture's alpha tells gold from lacquer.
  let texel = textureSample(image, linear, point.uv);
  let normal = normalize(point.normal);
  let to_eye = normalize(view.eye.xyz - point.place);
  let mirrored = room(reflect(-to_eye, normal));
  let lamp = normalize(vec3f(2.4, 3.2, 3.0) - point.place);
  let lit = texel.rgb * (0.16 + 0.10 * normal.y + 0.95 * max(dot(normal, lamp), 0.0));
  let fresnel = pow(1.0 - max(dot(normal, to_eye), 0.0), 5.0);
  let gloss = mix(vec3f(0.05 + 0.6 * fresnel), 0.75 * texel.rgb, texel.a);
  let light = lit + gloss * mirrored;
  return vec4f(sqrt(light / (light + 0.55)), 1.0);
}

struct Backdrop { @builtin(position) at: vec4f, @location(0) corner: vec2f }
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> Backdrop {
  let corner = vec2f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0);
  return Backdrop(vec4f(corner, 1.0, 1.0), corner);
}
@fragment fn backdrop(point: Backdrop) -> @location(0) vec4f {
  let glow = exp(-2.2 * dot(point.corner, point.corner));
  return vec4f(mix(vec3f(0.055, 0.05, 0.085), vec3f(0.27, 0.20, 0.27), glow), 1.0);
}`;

class Cube extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private buffer!: Buffer;
  private vertices!: Buffer;
  private pipeline!: RenderPipeline;
  private backdrop!: RenderPipeline;
  private group!: BindGroup;
  private pass: RenderPassDescriptor = { label: 'cube', colorAttachments: [{ view: surface.view }] };
  /** The uniform block, struct View of the shader: two matrices and the eye. */
  private view: StaticArray<f32> = new StaticArray<f32>(36);
  private turn: StaticArray<f32> = mat4.create();
  private tilt: StaticArray<f32> = mat4.create();
  private camera: StaticArray<f32> = mat4.create();
  private lens: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private readonly origin: StaticArray<f32> = vec3.create();
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    const vertices = cubeVertices();
    this.vertices = device.createBuffer({
      size: vertices.length * 4,
      usage: BufferUsage.VERTEX | BufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(this.vertices, 0, vertices);
    this.buffer = device.createBuffer({ size: 144, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });

    const module = device.createShaderModule({ label: 'cube', code: shader });
    this.pipeline = device.createRenderPipeline({
      vertex: {
        module,
        entryPoint: 'cube',
        buffers: [
          {
            arrayStride: 32,
            attributes: [
              { shaderLocation: 0, format: VertexFormat.float32x3, offset: 0 },
              { shaderLocation: 1, format: VertexFormat.float32x3, offset: 12 },
              { shaderLocation: 2, format: VertexFormat.float32x2, offset: 24 },
            ],
          },
        ],
      },
      // A cube hides only its own back faces, so culling them is enough, and no depth is needed.
      primitive: { cullMode: CullMode.back },
      fragment: { module, entryPoint: 'inlay', targets: [{ format: surface.format }] },
    });
    this.backdrop = device.createRenderPipeline({
      vertex: { module, entryPoint: 'everywhere' },
      fragment: { module, entryPoint: 'backdrop', targets: [{ format: surface.format }] },
    });
    this.group = device.createBindGroup({
      layout: this.pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, buffer: this.buffer },
        { binding: 1, view: createInlay().createView() },
        {
          binding: 2,
          sampler: device.createSampler({
            addressModeU: AddressMode.repeat,
            addressModeV: AddressMode.repeat,
            magFilter: FilterMode.linear,
            minFilter: FilterMode.linear,
            mipmapFilter: FilterMode.linear,
            maxAnisotropy: 8,
          }),
        },
      ],
    });
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(_seat: i32, width: u32, height: u32): void {
    const aspect = <f32>width / <f32>height;
    // A narrow picture needs a camera that is further away, so that the cube fits.
    const far: f32 = 5.5 * max<f32>(1, 1 / aspect);
    vec3.set(0, 0.26 * far, far, this.eye);
    mat4.lookAt(this.eye, this.origin, this.up, this.camera);
    mat4.perspective(0.65, aspect, 0.1, 50, this.lens);
    mat4.multiply(this.lens, this.camera, this.view);
    mat4.rotationY(2 * this.angle, this.turn);
    mat4.rotationX(this.angle, this.tilt);
    mat4.multiply(this.turn, this.tilt, this.turn);
    memory.copy(changetype<usize>(this.view) + 64, changetype<usize>(this.turn), 64);
    memory.copy(changetype<usize>(this.view) + 128, changetype<usize>(this.eye), 12);
    device.queue.writeBuffer(this.buffer, 0, this.view);

    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.backdrop);
    pass.draw(3);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.setVertexBuffer(0, this.vertices);
    pass.draw(36);
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

/** Returns the vertices of a cube: six faces of two triangles. A vertex has a position, a normal and texture coordinates. */
function cubeVertices(): StaticArray<f32> {
  const out = new StaticArray<f32>(36 * 8);
  const corners: StaticArray<i32> = [0, 1, 2, 2, 1, 3];
  let at = 0;
  for (let face = 0; face < 6; face++) {
    const axis = face >> 1;
    const side: f32 = (face & 1) === 0 ? 1 : -1;
    for (let i = 0; i < 6; i++) {
      const u = <f32>(corners[i] & 1);
      const v = <f32>(corners[i] >> 1);
      // Mirrored on the negative side of each axis, so that every face is counterclockwise from outside.
      out[at + axis] = side;
      out[at + ((axis + 1) % 3)] = (2 * u - 1) * side;
      out[at + ((axis + 2) % 3)] = 2 * v - 1;
      out[at + 3 + axis] = side;
      out[at + 6] = u;
      out[at + 7] = v;
      at += 8;
    }
  }
  return out;
}

/**
 * Makes a texture of Truchet tiles: each has two quarter circles, turned one way or the other, that join across tiles and
 * faces.
 */
function createInlay(): Texture {
  const levels = 9;
  const texture = device.createTexture({
    label: 'inlay',
    size: { width: SIZE, height: SIZE },
    mipLevelCount: levels,
    format: TextureFormat.rgba8unormSrgb,
    usage: TextureUsage.TEXTURE_BINDING | TextureUsage.COPY_DST,
  });
  let image = paintInlay();
  for (let level = 0, size = SIZE; level < levels; level++, size >>= 1) {
    if (level > 0) image = halve(image, size);
    device.queue.writeTexture(
      { texture, mipLevel: level },
      image,
      { bytesPerRow: size * 4 },
      { width: size, height: size },
    );
  }
  return texture;
}

function paintInlay(): StaticArray<u8> {
  const image = new StaticArray<u8>(SIZE * SIZE * 4);
  const tile = SIZE / TILES;
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const turned = ((x / tile) * 5 + (y / tile) * 3 + (x / tile) * (y / tile)) % 3 === 0;
      const u = (<f32>(x % tile) + 0.5) / <f32>tile;
      const v = (<f32>(y % tile) + 0.5) / <f32>tile;
      const across: f32 = turned ? <f32>1 - u : u;
      const near = abs(length(across, v) - 0.5);
      const other = abs(length(<f32>1 - across, <f32>1 - v) - 0.5);
      const distance = min(near, other);
      // A broad band of gold with a thin groove along its middle.
      const gold = soften(0.15 - distance) * soften(distance - 0.03);
      const at = (y * SIZE + x) * 4;
      image[at] = mix(18, 236, gold);
      image[at + 1] = mix(44, 172, gold);
      image[at + 2] = mix(62, 92, gold);
      image[at + 3] = mix(0, 255, gold);
    }
  }
  return image;
}

function length(x: f32, y: f32): f32 {
  return Mathf.sqrt(x * x + y * y);
}

/** Returns how far a point is inside a shape: 0 outside, 1 inside, with an edge as wide as a texel and a half. */
function soften(distance: f32): f32 {
  return max<f32>(0, min<f32>(1, distance * 43 + 0.5));
}

function mix(from: f32, to: f32, t: f32): u8 {
  return <u8>(from + (to - from) * t + 0.5);
}

/** Makes a mip level of `size` texels per side from the next larger one: each texel is the mean of four. */
function halve(image: StaticArray<u8>, size: i32): StaticArray<u8> {
  const out = new StaticArray<u8>(size * size * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size * 4; x++) {
      const from = y * size * 16 + (x >> 2) * 8 + (x & 3);
      const sum = <u32>image[from] + image[from + 4] + image[from + size * 8] + image[from + size * 8 + 4];
      out[y * size * 4 + x] = <u8>((sum + 2) >> 2);
    }
  }
  return out;
}

play(new Cube());
