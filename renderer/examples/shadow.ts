import {
  BindGroup,
  Buffer,
  BufferUsage,
  CompareFunction,
  CullMode,
  device,
  FilterMode,
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
  vec3,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/** Seconds that one turn of the sun takes. */
const PERIOD: u32 = 32;
/** Number of texels along a side of the shadow map. */
const MAP: u32 = 1024;
/** Number of quads around and along the grid that is bent into a knot or a ball. */
const SIDES: u32 = 20;
const RINGS: u32 = 160;
const BALLS: u32 = 9;

const shader = `
struct View { clip: mat4x4f, light: mat4x4f, eye: vec4f, sun: vec4f, angle: f32 }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var map: texture_depth_2d;
@group(0) @binding(2) var compare: sampler_comparison;
struct Bent { place: vec3f, normal: vec3f, color: vec3f }
struct Point {
  @builtin(position) at: vec4f, @location(0) place: vec3f, @location(1) normal: vec3f, @location(2) color: vec3f,
}
const tau = 6.2831853;

// A (2, 3) torus knot around the y axis.
fn knot(t: f32) -> vec3f {
  let r = 1.45 + 0.62 * cos(3.0 * t);
  return vec3f(r * cos(2.0 * t), 1.75 + 0.72 * sin(3.0 * t), r * sin(2.0 * t));
}

// Every mesh is one grid of quads, bent: the first instance into the knot, the others into balls.
fn bend(vertex: u32, instance: u32) -> Bent {
  let quad = vertex / 6u;
  let corner = array(0u, 1u, 2u, 2u, 1u, 3u)[vertex % 6u];
  let u = f32(quad % ${SIDES}u + (corner & 1u)) / f32(${SIDES});
  let v = f32(quad / ${SIDES}u + (corner >> 1u)) / f32(${RINGS});
  let round = vec2f(cos(u * tau), sin(u * tau));
  if (instance == 0u) {
    let here = knot(v * tau);
    let along = normalize(knot(v * tau + 0.01) - knot(v * tau - 0.01));
    let side = normalize(cross(along, here - vec3f(0.0, 1.75, 0.0)));
    let normal = round.x * side - round.y * cross(side, along);
    let stripe = smoothstep(0.35, 0.65, 0.5 + 0.5 * sin(v * tau * 24.0));
    return Bent(here + 0.34 * normal, normal, mix(vec3f(0.80, 0.09, 0.07), vec3f(0.92, 0.36, 0.10), stripe));
  }
  let number = f32(instance - 1u);
  let where_to = number * tau / f32(${BALLS}) - view.angle;
  let radius = 0.30 + 0.14 * sin(number * 2.4);
  let hop = abs(sin(view.angle * 8.0 + number * 2.1));
  let normal = vec3f(sin(v * tau * 0.5) * round.x, -cos(v * tau * 0.5), sin(v * tau * 0.5) * round.y);
  let middle = vec3f(cos(where_to) * 3.9, radius + 0.9 * hop, sin(where_to) * 3.9);
  let paint = mix(vec3f(0.03, 0.34, 0.44), vec3f(0.95, 0.70, 0.28), f32(instance % 3u) * 0.5);
  return Bent(middle + radius * normal, normal, paint);
}

@vertex fn caster(@builtin(vertex_index) vertex: u32, @builtin(instance_index) instance: u32) -> @builtin(position) vec4f {
  return view.light * vec4f(bend(vertex, instance).place, 1.0);
}

@vertex fn thing(@builtin(vertex_index) vertex: u32, @builtin(instance_index) instance: u32) -> Point {
  let bent = bend(vertex, instance);
  return Point(view.clip * vec4f(bent.place, 1.0), bent.place, bent.normal, bent.color);
}

@vertex fn ground(@builtin(vertex_index) vertex: u32) -> Point {
  let corner = array(0u, 1u, 2u, 2u, 1u, 3u)[vertex];
  let place = vec3f(f32(corner >> 1u) - 0.5, 0.0, f32(corner & 1u) - 0.5) * 60.0;
  return Point(view.clip * vec4f(place, 1.0), place, vec3f(0.0, 1.0, 0.0), vec3f(0.62, 0.55, 0.50));
}

// How much of the sun a place sees, 0 to 1: sixteen comparisons, each of them filtered over four texels by the sampler.
fn sunlight(place: vec3f, normal: vec3f) -> f32 {
  // Moved along the normal, a surface does not shade itself where a texel of the map is broader than a pixel.
  let at = view.light * vec4f(place + 0.035 * normal, 1.0);
  let uv = at.xy * vec2f(0.5, -0.5) + 0.5;
  var sum = 0.0;
  for (var i = 0; i < 16; i++) {
    let offset = (vec2f(f32(i & 3), f32(i >> 2u)) - 1.5) / f32(${MAP});
    sum += textureSampleCompareLevel(map, compare, uv + offset, at.z);
  }
  return select(sum / 16.0, 1.0, any(abs(at.xy) > vec2f(0.98)));
}

@fragment fn shade(point: Point) -> @location(0) vec4f {
  let normal = normalize(point.normal);
  let sun = view.sun.xyz;
  let facing = max(dot(normal, sun), 0.0) * sunlight(point.place, normal);
  let sky = mix(vec3f(0.10, 0.07, 0.06), vec3f(0.14, 0.20, 0.34), 0.5 + 0.5 * normal.y);
  let to_eye = normalize(view.eye.xyz - point.place);
  let shine = pow(max(dot(normalize(to_eye + sun), normal), 0.0), 60.0) * facing * 0.7;
  let lit = point.color * (vec3f(1.85, 1.56, 1.22) * facing + sky) + shine;
  let fade = smoothstep(6.0, 26.0, length(point.place.xz));
  return vec4f(sqrt(mix(1.25 * lit / (lit + 1.0), vec3f(0.42, 0.36, 0.36), fade)), 1.0);
}`;

class Shadow extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private caster!: RenderPipeline;
  private thing!: RenderPipeline;
  private ground!: RenderPipeline;
  private casterGroup!: BindGroup;
  private thingGroup!: BindGroup;
  private groundGroup!: BindGroup;
  private depth: Texture | null = null;
  private depthView: TextureView | null = null;
  private shadowPass: RenderPassDescriptor = {};
  private pass: RenderPassDescriptor = {};
  /** The uniform block, struct View of the shader: two matrices, the eye, the sun and the angle. */
  private view: StaticArray<f32> = new StaticArray<f32>(44);
  private camera: StaticArray<f32> = mat4.create();
  private lens: StaticArray<f32> = mat4.create();
  private light: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private sun: StaticArray<f32> = vec3.create();
  private lamp: StaticArray<f32> = vec3.create();
  private readonly middle: StaticArray<f32> = vec3.create(0, 1.1, 0);
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    this.uniforms = device.createBuffer({ size: 176, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const map = device
      .createTexture({
        label: 'shadow map',
        size: { width: MAP, height: MAP },
        format: TextureFormat.depth32float,
        usage: TextureUsage.RENDER_ATTACHMENT | TextureUsage.TEXTURE_BINDING,
      })
      .createView();
    this.shadowPass = {
      label: 'shadow map',
      depthStencilAttachment: { view: map, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.store },
    };

    const module = device.createShaderModule({ label: 'shadow', code: shader });
    // This pipeline has no fragment shader: its pass writes depth and nothing else. The bias grows with the slope towards the
    // sun.
    this.caster = device.createRenderPipeline({
      vertex: { module, entryPoint: 'caster' },
      primitive: { cullMode: CullMode.back },
      depthStencil: {
        format: TextureFormat.depth32float,
        depthWriteEnabled: true,
        depthCompare: CompareFunction.less,
        depthBias: 2,
        depthBiasSlopeScale: 2,
      },
    });
    this.thing = device.createRenderPipeline({
      vertex: { module, entryPoint: 'thing' },
      primitive: { cullMode: CullMode.back },
      depthStencil: { format: TextureFormat.depth24plus, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      fragment: { module, entryPoint: 'shade', targets: [{ format: surface.format }] },
    });
    this.ground = device.createRenderPipeline({
      vertex: { module, entryPoint: 'ground' },
      depthStencil: { format: TextureFormat.depth24plus, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      fragment: { module, entryPoint: 'shade', targets: [{ format: surface.format }] },
    });
    this.casterGroup = device.createBindGroup({
      layout: this.caster.getBindGroupLayout(0),
      entries: [{ binding: 0, buffer: this.uniforms }],
    });
    this.thingGroup = this.shaded(this.thing, map);
    this.groundGroup = this.shaded(this.ground, map);
  }

  private shaded(pipeline: RenderPipeline, map: TextureView): BindGroup {
    return device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, buffer: this.uniforms },
        { binding: 1, view: map },
        {
          binding: 2,
          sampler: device.createSampler({
            compare: CompareFunction.less,
            magFilter: FilterMode.linear,
            minFilter: FilterMode.linear,
          }),
        },
      ],
    });
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(_seat: i32, width: u32, height: u32): void {
    this.resize(width, height);
    const aspect = <f32>width / <f32>height;
    const far: f32 = 9.6 * max<f32>(1, 1.25 / aspect);
    vec3.set(0.35 * far, 0.52 * far, 0.94 * far, this.eye);
    mat4.lookAt(this.eye, this.middle, this.up, this.camera);
    mat4.perspective(0.62, aspect, 0.5, 100, this.lens);
    mat4.multiply(this.lens, this.camera, this.view);
    // Seen from the sun, everything that casts a shadow lies in a square with sides of twelve units.
    vec3.set(Mathf.cos(this.angle), 0.95, Mathf.sin(this.angle), this.sun);
    vec3.normalize(this.sun, this.sun);
    vec3.scale(this.sun, 12, this.lamp);
    mat4.lookAt(this.lamp, this.middle, this.up, this.camera);
    mat4.orthographic(-6, 6, -6, 6, 1, 24, this.lens);
    mat4.multiply(this.lens, this.camera, this.light);
    const at = changetype<usize>(this.view);
    memory.copy(at + 64, changetype<usize>(this.light), 64);
    memory.copy(at + 128, changetype<usize>(this.eye), 12);
    memory.copy(at + 144, changetype<usize>(this.sun), 12);
    this.view[40] = this.angle;
    device.queue.writeBuffer(this.uniforms, 0, this.view);

    const encoder = device.createCommandEncoder();
    const first = encoder.beginRenderPass(this.shadowPass);
    first.setPipeline(this.caster);
    first.setBindGroup(0, this.casterGroup);
    first.draw(SIDES * RINGS * 6, 1 + BALLS);
    first.end();
    const second = encoder.beginRenderPass(this.pass);
    second.setPipeline(this.thing);
    second.setBindGroup(0, this.thingGroup);
    second.draw(SIDES * RINGS * 6, 1 + BALLS);
    second.setPipeline(this.ground);
    second.setBindGroup(0, this.groundGroup);
    second.draw(6);
    second.end();
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
      label: 'shadow',
      colorAttachments: [{ view: surface.view, clearValue: { r: 0.648, g: 0.6, b: 0.6, a: 1 } }],
      depthStencilAttachment: { view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }
}

play(new Shadow());
