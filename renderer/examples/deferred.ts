import {
  BindGroup,
  BindGroupEntry,
  BlendFactor,
  Buffer,
  BufferUsage,
  CompareFunction,
  CullMode,
  device,
  Game,
  LoadOp,
  mat4,
  PrimitiveTopology,
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

/** Seconds after which the motion of the lights repeats. */
const PERIOD: u32 = 60;
const LIGHTS: u32 = 220;
/** Number of pillars along a side of a square. Each is a sphere of SIDES times RINGS quads that is pulled into shape. */
const ROW: u32 = 9;
const SIDES: u32 = 24;
const RINGS: u32 = 16;

/**
 * Shader code that every pass with a camera shares. Its uniforms are the camera, the angle, and the matrix from a pixel and its
 * depth back to the world.
 */
const common = `
struct View { clip: mat4x4f, unclip: mat4x4f, eye: vec4f, angle: f32 }
@group(0) @binding(0) var<uniform> view: View;
fn hash(n: u32) -> vec3f {
  let a = n * 747796405u + 2891336453u;
  let b = ((a >> ((a >> 28u) + 4u)) ^ a) * 277803737u;
  let c = (b >> 22u) ^ b;
  return vec3f(f32(c & 1023u), f32((c >> 10u) & 1023u), f32((c >> 20u) & 1023u)) / 1023.0;
}`;

/** Shader of the first pass, which writes the surfaces without light: color, normal and depth. */
const geometryShader = `${common}
struct Point { @builtin(position) at: vec4f, @location(0) place: vec3f, @location(1) normal: vec3f, @location(2) kind: f32 }
struct Surface { @location(0) color: vec4f, @location(1) normal: vec4f }

@vertex fn pillar(@builtin(vertex_index) vertex: u32, @builtin(instance_index) instance: u32) -> Point {
  let quad = vertex / 6u;
  let corner = array(0u, 1u, 2u, 2u, 1u, 3u)[vertex % 6u];
  let u = f32(quad % ${SIDES}u + (corner & 1u)) / f32(${SIDES}) * 6.2831853;
  let v = f32(quad / ${SIDES}u + (corner >> 1u)) / f32(${RINGS}) * 3.1415927;
  let normal = vec3f(sin(v) * cos(u), -cos(v), sin(v) * sin(u));
  let dice = hash(instance);
  let tall = 0.35 + 2.2 * dice.x * dice.x;
  let cell = vec2f(f32(instance % ${ROW}u), f32(instance / ${ROW}u)) - f32(${ROW} - 1) * 0.5;
  // The upper half of the sphere is lifted: a pillar with a round head.
  let place = normal * 0.42 + vec3f(cell.x * 1.7, select(0.0, tall, normal.y > 0.0), cell.y * 1.7);
  return Point(view.clip * vec4f(place, 1.0), place, normal, dice.y);
}
@vertex fn ground(@builtin(vertex_index) vertex: u32) -> Point {
  let corner = array(0u, 1u, 2u, 2u, 1u, 3u)[vertex];
  let place = vec3f(f32(corner >> 1u) - 0.5, 0.0, f32(corner & 1u) - 0.5) * 40.0;
  return Point(view.clip * vec4f(place, 1.0), place, vec3f(0.0, 1.0, 0.0), -1.0);
}
@fragment fn surface(point: Point) -> Surface {
  var color = mix(vec3f(0.80, 0.78, 0.74), vec3f(0.52, 0.56, 0.62), point.kind);
  if (point.kind < 0.0) {
    let tile = abs(fract(point.place.xz / 0.85) - 0.5);
    color = mix(vec3f(0.30), vec3f(0.50, 0.49, 0.47), smoothstep(0.49, 0.47, max(tile.x, tile.y)));
  }
  return Surface(vec4f(color, 1.0), vec4f(normalize(point.normal) * 0.5 + 0.5, 0.0));
}`;

/** Shader of the second pass, which draws a square over the reach of each light and adds its light. */
const lightShader = `${common}
@group(0) @binding(1) var color_of: texture_2d<f32>;
@group(0) @binding(2) var normal_of: texture_2d<f32>;
@group(0) @binding(3) var depth_of: texture_depth_2d;
struct Light {
  @builtin(position) at: vec4f, @location(0) place: vec3f, @location(1) color: vec3f, @location(2) reach: f32,
}

@vertex fn light(@builtin(vertex_index) vertex: u32, @builtin(instance_index) instance: u32) -> Light {
  let dice = hash(instance + 7919u);
  let more = hash(instance + 104729u);
  let reach = 1.5 + 0.9 * more.y;
  // Each goes round a circle of its own, some one way and some the other, a few times in the period.
  let turns = (1.0 + floor(more.x * 4.0)) * select(-1.0, 1.0, more.z > 0.5);
  let round = view.angle * turns + dice.z * 6.2831853;
  let middle = (dice.xy - 0.5) * 14.0;
  let place = vec3f(middle.x + cos(round) * 1.6, 0.30 + 1.5 * more.z * more.y, middle.y + sin(round) * 1.6);
  let teal = vec3f(0.02, 0.52, 0.62);
  let paint = array(teal, vec3f(0.16, 0.20, 1.0), vec3f(0.95, 0.10, 0.42), vec3f(1.0, 0.38, 0.06))[instance % 4u];
  // A square that faces the camera, nearer by the reach, covers all that the light can touch.
  let to_eye = normalize(view.eye.xyz - place);
  let side = normalize(cross(vec3f(0.0, 1.0, 0.0), to_eye));
  let corner = vec2f(f32(vertex & 1u), f32(vertex >> 1u)) * 2.0 - 1.0;
  let at = place + reach * (to_eye + 1.1 * (corner.x * side + corner.y * cross(to_eye, side)));
  return Light(view.clip * vec4f(at, 1.0), place, paint, reach);
}

@fragment fn shine(light: Light) -> @location(0) vec4f {
  let pixel = vec2i(light.at.xy);
  let size = vec2f(textureDimensions(depth_of));
  let ndc = vec2f(light.at.x / size.x * 2.0 - 1.0, 1.0 - light.at.y / size.y * 2.0);
  let depth = textureLoad(depth_of, pixel, 0);
  let far = view.unclip * vec4f(ndc, depth, 1.0);
  let place = far.xyz / far.w;
  // The bulb itself, where nothing stands before it.
  let way = normalize(place - view.eye.xyz);
  let along = dot(light.place - view.eye.xyz, way);
  let miss = length(view.eye.xyz + way * along - light.place);
  let seen = select(0.0, 1.0, along < length(place - view.eye.xyz));
  let bulb = seen * (smoothstep(0.05, 0.025, miss) * 2.5 + 0.0016 / (miss * miss + 0.004));
  let to_light = light.place - place;
  let distance = length(to_light);
  let fade = saturate(1.0 - distance / light.reach);
  let normal = textureLoad(normal_of, pixel, 0).xyz * 2.0 - 1.0;
  let color = textureLoad(color_of, pixel, 0).rgb;
  let facing = max(dot(normal, to_light / distance), 0.0);
  let mirror = reflect(to_light / distance, normal);
  let gloss = pow(max(dot(mirror, way), 0.0), 30.0) * 0.7;
  let edge = saturate(2.0 * (1.0 - miss / light.reach));
  return vec4f(light.color * (fade * fade * (color * facing + gloss) * 1.25 + bulb * edge), 1.0);
}`;

/** Shader of the third pass, which maps the sum of all light to the range of a screen. */
const filmShader = `
@group(0) @binding(0) var light: texture_2d<f32>;
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}
@fragment fn film(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let x = textureLoad(light, vec2i(at.xy), 0).rgb + vec3f(0.004, 0.005, 0.011);
  // Bright colors turn towards white, as on film.
  let hot = x + 0.12 * max(max(x.r, max(x.g, x.b)) - 1.0, 0.0);
  return vec4f(sqrt(hot * (2.51 * hot + 0.03) / (hot * (2.43 * hot + 0.59) + 0.14)), 1.0);
}`;

class Deferred extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private pillars!: RenderPipeline;
  private ground!: RenderPipeline;
  private lights!: RenderPipeline;
  private film!: RenderPipeline;
  private pillarGroup!: BindGroup;
  private groundGroup!: BindGroup;
  private targets: Targets | null = null;
  private filmPass: RenderPassDescriptor = { label: 'film', colorAttachments: [{ view: surface.view }] };
  /** The uniform block, struct View of the shaders: a matrix and its inverse, the eye and the angle. */
  private view: StaticArray<f32> = new StaticArray<f32>(40);
  private camera: StaticArray<f32> = mat4.create();
  private inverse: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private readonly middle: StaticArray<f32> = vec3.create(0, 0.4, 0);
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    this.uniforms = device.createBuffer({ size: 160, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    this.pillars = this.geometry('pillar', CullMode.back);
    this.ground = this.geometry('ground', CullMode.none);
    const lightModule = device.createShaderModule({ label: 'lights', code: lightShader });
    this.lights = device.createRenderPipeline({
      vertex: { module: lightModule },
      primitive: { topology: PrimitiveTopology.triangleStrip },
      fragment: {
        module: lightModule,
        targets: [
          {
            format: TextureFormat.rgba16float,
            blend: { color: { dstFactor: BlendFactor.one }, alpha: { dstFactor: BlendFactor.one } },
          },
        ],
      },
    });
    const filmModule = device.createShaderModule({ label: 'film', code: filmShader });
    this.film = device.createRenderPipeline({
      vertex: { module: filmModule },
      fragment: { module: filmModule, targets: [{ format: surface.format }] },
    });
    const entries: BindGroupEntry[] = [{ binding: 0, buffer: this.uniforms }];
    this.pillarGroup = device.createBindGroup({ layout: this.pillars.getBindGroupLayout(0), entries });
    this.groundGroup = device.createBindGroup({ layout: this.ground.getBindGroupLayout(0), entries });
  }

  private geometry(entryPoint: string, cullMode: u32): RenderPipeline {
    const module = device.createShaderModule({ label: entryPoint, code: geometryShader });
    return device.createRenderPipeline({
      vertex: { module, entryPoint },
      primitive: { cullMode },
      depthStencil: { format: TextureFormat.depth32float, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      fragment: {
        module,
        entryPoint: 'surface',
        targets: [{ format: TextureFormat.rgba8unorm }, { format: TextureFormat.rgb10a2unorm }],
      },
    });
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(_seat: i32, width: u32, height: u32): void {
    const targets = this.targetsOf(width, height);
    const aspect = <f32>width / <f32>height;
    vec3.set(9.5 * Mathf.sin(this.angle), 5.2, 9.5 * Mathf.cos(this.angle), this.eye);
    mat4.lookAt(this.eye, this.middle, this.up, this.camera);
    mat4.perspective(0.75, aspect, 0.5, 60, this.view);
    mat4.multiply(this.view, this.camera, this.view);
    mat4.invert(this.view, this.inverse);
    memory.copy(changetype<usize>(this.view) + 64, changetype<usize>(this.inverse), 64);
    memory.copy(changetype<usize>(this.view) + 128, changetype<usize>(this.eye), 12);
    this.view[36] = this.angle;
    device.queue.writeBuffer(this.uniforms, 0, this.view);

    const encoder = device.createCommandEncoder();
    const geometry = encoder.beginRenderPass(targets.geometryPass);
    geometry.setPipeline(this.pillars);
    geometry.setBindGroup(0, this.pillarGroup);
    geometry.draw(SIDES * RINGS * 6, ROW * ROW);
    geometry.setPipeline(this.ground);
    geometry.setBindGroup(0, this.groundGroup);
    geometry.draw(6);
    geometry.end();
    const lights = encoder.beginRenderPass(targets.lightPass);
    lights.setPipeline(this.lights);
    lights.setBindGroup(0, targets.lightGroup);
    lights.draw(4, LIGHTS);
    lights.end();
    const film = encoder.beginRenderPass(this.filmPass);
    film.setPipeline(this.film);
    film.setBindGroup(0, targets.filmGroup);
    film.draw(3);
    film.end();
    device.queue.submit(encoder.finish());
  }

  private targetsOf(width: u32, height: u32): Targets {
    const old = this.targets;
    if (old !== null) {
      if (old.width === width && old.height === height) return old;
      old.destroy();
    }
    const made = new Targets(width, height, this.uniforms, this.lights, this.film);
    this.targets = made;
    return made;
  }
}

/** A texture that one pass draws and the next one reads. */
class Layer {
  private readonly texture: Texture;
  readonly view: TextureView;

  constructor(width: u32, height: u32, format: u32) {
    const usage = TextureUsage.RENDER_ATTACHMENT | TextureUsage.TEXTURE_BINDING;
    const texture = device.createTexture({ size: { width, height }, format, usage });
    this.texture = texture;
    this.view = texture.createView();
  }

  destroy(): void {
    this.view.destroy();
    this.texture.destroy();
  }
}

/** Textures that one pass draws and the next one reads, for pictures of one size. */
class Targets {
  private readonly color: Layer;
  private readonly normal: Layer;
  private readonly depth: Layer;
  private readonly light: Layer;
  readonly geometryPass: RenderPassDescriptor;
  readonly lightPass: RenderPassDescriptor;
  readonly lightGroup: BindGroup;
  readonly filmGroup: BindGroup;

  constructor(
    readonly width: u32,
    readonly height: u32,
    uniforms: Buffer,
    lights: RenderPipeline,
    film: RenderPipeline,
  ) {
    const color = new Layer(width, height, TextureFormat.rgba8unorm);
    const normal = new Layer(width, height, TextureFormat.rgb10a2unorm);
    const depth = new Layer(width, height, TextureFormat.depth32float);
    const light = new Layer(width, height, TextureFormat.rgba16float);
    this.color = color;
    this.normal = normal;
    this.depth = depth;
    this.light = light;
    this.geometryPass = {
      label: 'geometry',
      colorAttachments: [{ view: color.view }, { view: normal.view }],
      depthStencilAttachment: { view: depth.view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.store },
    };
    this.lightPass = { label: 'lights', colorAttachments: [{ view: light.view }] };
    this.lightGroup = device.createBindGroup({
      layout: lights.getBindGroupLayout(0),
      entries: [
        { binding: 0, buffer: uniforms },
        { binding: 1, view: color.view },
        { binding: 2, view: normal.view },
        { binding: 3, view: depth.view },
      ],
    });
    this.filmGroup = device.createBindGroup({
      layout: film.getBindGroupLayout(0),
      entries: [{ binding: 0, view: light.view }],
    });
  }

  destroy(): void {
    this.lightGroup.destroy();
    this.filmGroup.destroy();
    this.color.destroy();
    this.normal.destroy();
    this.depth.destroy();
    this.light.destroy();
  }
}

play(new Deferred());
