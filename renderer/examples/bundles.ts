import {
  BindGroup,
  Buffer,
  BufferBindingType,
  BufferUsage,
  CompareFunction,
  CullMode,
  device,
  Game,
  IndexFormat,
  input,
  Key,
  LoadOp,
  mat4,
  PipelineLayout,
  play,
  Random,
  RenderBundle,
  RenderCommands,
  RenderPassDescriptor,
  RenderPipeline,
  ShaderStage,
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

/** Seconds after which the motion of the scene repeats; everything turns a whole number of times in it. */
const PERIOD: u32 = 240;
const ROCKS: i32 = 1500;
/** Bytes between uniform blocks with dynamic offsets: an alignment that every GPU accepts. */
const STRIDE: i32 = 256;
/** Number of meshes for the rocks, each a dented ball of few quads. Every rock has one of them. */
const SHAPES: i32 = 6;
const AROUND: i32 = 9;
const DOWN: i32 = 6;
const SHAPE_VERTICES: i32 = (AROUND + 1) * (DOWN + 1);
const SHAPE_INDICES: i32 = AROUND * DOWN * 6;

const shader = `
struct View { clip: mat4x4f, eye: vec4f, sun: vec4f, angle: f32, aspect: f32 }
// radius, height, phase and turns of the orbit; axis and turns of the spin; color and size.
struct Rock { orbit: vec4f, spin: vec4f, color: vec4f }
@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var<uniform> rock: Rock;
struct Point { @builtin(position) at: vec4f, @location(0) place: vec3f, @location(1) own: vec3f }

// How much of the sun a place sees past the planet, whose radius is 1.6.
fn sunlight(place: vec3f) -> f32 {
  let along = dot(place, view.sun.xyz);
  let miss = length(place - along * view.sun.xyz);
  return select(1.0, smoothstep(1.52, 1.68, miss), along < 0.0);
}

@vertex fn stone(@location(0) position: vec3f) -> Point {
  let turn = rock.orbit.z + view.angle * rock.orbit.w;
  let spin = rock.orbit.z * 9.0 + view.angle * rock.spin.w;
  let axis = rock.spin.xyz;
  // Rodrigues' formula.
  let turned = position * cos(spin) + cross(axis, position) * sin(spin) + axis * dot(axis, position) * (1.0 - cos(spin));
  let middle = vec3f(cos(turn) * rock.orbit.x, rock.orbit.y, sin(turn) * rock.orbit.x);
  let place = middle + turned * rock.color.w;
  return Point(view.clip * vec4f(place, 1.0), place, position);
}
@fragment fn rough(point: Point) -> @location(0) vec4f {
  // The mesh has no normals, so each triangle is shaded flat.
  let normal = normalize(cross(dpdy(point.place), dpdx(point.place)));
  let facing = max(dot(normal, view.sun.xyz), 0.0) * sunlight(point.place);
  let planetshine = max(dot(normal, -normalize(point.place)), 0.0) * vec3f(0.10, 0.07, 0.05);
  let lit = rock.color.rgb * (vec3f(1.9, 1.75, 1.55) * facing + planetshine + vec3f(0.012, 0.014, 0.022));
  return vec4f(sqrt(lit / (lit + 0.6) * 1.25), 1.0);
}

@vertex fn globe(@builtin(vertex_index) vertex: u32) -> Point {
  let quad = vertex / 6u;
  let corner = array(0u, 1u, 2u, 2u, 1u, 3u)[vertex % 6u];
  let u = f32(quad % 64u + (corner & 1u)) / 64.0 * 6.2831853;
  let v = f32(quad / 64u + (corner >> 1u)) / 32.0 * 3.1415927;
  let own = vec3f(sin(v) * cos(u), -cos(v), sin(v) * sin(u));
  return Point(view.clip * vec4f(own * 1.6, 1.0), own * 1.6, own);
}
@fragment fn clouds(point: Point) -> @location(0) vec4f {
  let normal = normalize(point.own);
  let c = cos(view.angle * 6.0); let s = sin(view.angle * 6.0);
  let p = vec3f(normal.x * c - normal.z * s, normal.y, normal.x * s + normal.z * c);
  // Bands of latitude, stirred by a few waves.
  let stir = 0.05 * sin(p.x * 7.0 + 3.0 * sin(p.y * 11.0)) + 0.03 * sin(p.z * 13.0 + p.y * 17.0) + 0.015 * sin(p.x * 31.0 + p.z * 23.0);
  let band = sin((p.y + stir) * 17.0) * 0.5 + 0.5;
  let fine = sin((p.y + 1.6 * stir) * 53.0) * 0.5 + 0.5;
  var color = mix(vec3f(0.80, 0.46, 0.25), vec3f(0.96, 0.84, 0.66), band);
  color = mix(color, vec3f(0.55, 0.25, 0.16), 0.45 * fine * smoothstep(0.6, 0.1, abs(p.y)));
  let storm = length((p - normalize(vec3f(0.7, -0.35, 0.62))) * vec3f(1.0, 1.9, 1.0));
  color = mix(vec3f(0.78, 0.25, 0.14), color, smoothstep(0.12, 0.24, storm + stir));
  let to_eye = normalize(view.eye.xyz - point.place);
  let facing = dot(normal, view.sun.xyz);
  let day = smoothstep(-0.08, 0.55, facing);
  let air = pow(1.0 - max(dot(normal, to_eye), 0.0), 3.0) * smoothstep(-0.25, 0.4, facing);
  let lit = color * color * color * day * 1.15 + air * vec3f(0.60, 0.30, 0.14);
  return vec4f(sqrt(lit / (lit + 0.9) * 1.4), 1.0);
}

struct Sky { @builtin(position) at: vec4f, @location(0) corner: vec2f }
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> Sky {
  let corner = vec2f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0);
  return Sky(vec4f(corner, 1.0, 1.0), corner);
}
@fragment fn stars(point: Sky) -> @location(0) vec4f {
  let p = point.corner * vec2f(view.aspect, 1.0) * 26.0 + 100.0;
  let cell = vec2u(p);
  let a = (cell.x * 1597334677u) ^ (cell.y * 3812015801u);
  let dice = vec3f(f32((a * 747796405u) >> 22u), f32((a * 2891336453u) >> 22u), f32((a * 277803737u) >> 22u)) / 1023.0;
  let way = fract(p) - 0.25 - 0.5 * dice.xy;
  let star = smoothstep(0.10, 0.0, length(way)) * pow(dice.z, 6.0);
  let dust = 0.5 + 0.5 * sin(point.corner.x * 1.7 + 1.3 * sin(point.corner.y * 2.1 + 0.6));
  let night = mix(vec3f(0.018, 0.020, 0.045), vec3f(0.060, 0.035, 0.085), dust);
  return vec4f(night + star * mix(vec3f(1.0, 0.8, 0.6), vec3f(0.7, 0.85, 1.0), dice.x), 1.0);
}`;

class Bundles extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private vertices!: Buffer;
  private indices!: Buffer;
  private sky!: RenderPipeline;
  private globe!: RenderPipeline;
  private stone!: RenderPipeline;
  private viewGroup!: BindGroup;
  private rockGroup!: BindGroup;
  private bundles: RenderBundle[] = [];
  private depth: Texture | null = null;
  private depthView: TextureView | null = null;
  private pass: RenderPassDescriptor = {};
  /** The uniform block, struct View of the shader: a matrix, the eye, the sun, the angle and the aspect ratio. */
  private view: StaticArray<f32> = new StaticArray<f32>(28);
  private camera: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private readonly middle: StaticArray<f32> = vec3.create(0, -0.25, 0);
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    const random = new Random(2026);
    this.uniforms = device.createBuffer({ size: 112, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const rocks = device.createBuffer({ size: ROCKS * STRIDE, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    device.queue.writeBuffer(rocks, 0, scatter(random));
    const points = dent(random);
    this.vertices = device.createBuffer({ size: points.length * 4, usage: BufferUsage.VERTEX | BufferUsage.COPY_DST });
    device.queue.writeBuffer(this.vertices, 0, points);
    this.indices = device.createBuffer({ size: SHAPE_INDICES * 2, usage: BufferUsage.INDEX | BufferUsage.COPY_DST });
    device.queue.writeBuffer(this.indices, 0, weave());

    const viewLayout = device.createBindGroupLayout({
      entries: [
        {
          visibility: ShaderStage.VERTEX | ShaderStage.FRAGMENT,
          buffer: { type: BufferBindingType.uniform },
        },
      ],
    });
    const rockLayout = device.createBindGroupLayout({
      entries: [
        {
          visibility: ShaderStage.VERTEX | ShaderStage.FRAGMENT,
          buffer: { type: BufferBindingType.uniform, hasDynamicOffset: true },
        },
      ],
    });
    this.viewGroup = device.createBindGroup({ layout: viewLayout, entries: [{ buffer: this.uniforms }] });
    this.rockGroup = device.createBindGroup({ layout: rockLayout, entries: [{ buffer: rocks, size: 48 }] });
    this.createPipelines(device.createPipelineLayout({ bindGroupLayouts: [viewLayout, rockLayout] }));

    // The bundle is recorded once. From then on a single command draws everything, and Dawn has already checked every part of
    // it.
    const encoder = device.createRenderBundleEncoder({
      label: 'belt',
      colorFormats: [surface.format],
      depthStencilFormat: TextureFormat.depth24plus,
    });
    this.draw(encoder);
    this.bundles.push(encoder.finish());
  }

  private createPipelines(layout: PipelineLayout): void {
    const module = device.createShaderModule({ label: 'bundles', code: shader });
    this.sky = device.createRenderPipeline({
      layout,
      vertex: { module, entryPoint: 'everywhere' },
      depthStencil: { format: TextureFormat.depth24plus, depthCompare: CompareFunction.always },
      fragment: { module, entryPoint: 'stars', targets: [{ format: surface.format }] },
    });
    this.globe = device.createRenderPipeline({
      layout,
      vertex: { module, entryPoint: 'globe' },
      primitive: { cullMode: CullMode.back },
      depthStencil: { format: TextureFormat.depth24plus, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      fragment: { module, entryPoint: 'clouds', targets: [{ format: surface.format }] },
    });
    this.stone = device.createRenderPipeline({
      layout,
      vertex: {
        module,
        entryPoint: 'stone',
        buffers: [{ arrayStride: 12, attributes: [{ format: VertexFormat.float32x3 }] }],
      },
      primitive: { cullMode: CullMode.back },
      depthStencil: { format: TextureFormat.depth24plus, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      fragment: { module, entryPoint: 'rough', targets: [{ format: surface.format }] },
    });
  }

  /** Draws everything into a render pass, or into a render bundle for all later passes: both take the same commands. */
  private draw(to: RenderCommands): void {
    to.setBindGroup(0, this.viewGroup);
    to.setBindGroupAt(1, this.rockGroup, 0);
    to.setPipeline(this.sky);
    to.draw(3);
    to.setPipeline(this.globe);
    to.draw(64 * 32 * 6);
    to.setPipeline(this.stone);
    to.setVertexBuffer(0, this.vertices);
    to.setIndexBuffer(this.indices, IndexFormat.uint16);
    for (let i = 0; i < ROCKS; i++) {
      to.setBindGroupAt(1, this.rockGroup, i * STRIDE);
      to.drawIndexed(SHAPE_INDICES, 1, 0, (i % SHAPES) * SHAPE_VERTICES);
    }
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(seat: i32, width: u32, height: u32): void {
    this.resize(width, height);
    const aspect = <f32>width / <f32>height;
    const far: f32 = 7.4 * max<f32>(1, 1.3 / aspect);
    vec3.set(far * Mathf.sin(this.angle), 0.3 * far, far * Mathf.cos(this.angle), this.eye);
    mat4.lookAt(this.eye, this.middle, this.up, this.camera);
    mat4.perspective(0.75, aspect, 0.5, 80, this.view);
    mat4.multiply(this.view, this.camera, this.view);
    memory.copy(changetype<usize>(this.view) + 64, changetype<usize>(this.eye), 12);
    // The sun shines half from the side at every camera angle, so that the planet's night side is always visible as well.
    this.view[20] = 0.84 * Mathf.cos(this.angle) - 0.35 * Mathf.sin(this.angle);
    this.view[21] = 0.3;
    this.view[22] = -0.84 * Mathf.sin(this.angle) - 0.35 * Mathf.cos(this.angle);
    const size = Mathf.sqrt(this.view[20] * this.view[20] + this.view[22] * this.view[22] + 0.09);
    for (let i = 20; i < 23; i++) this.view[i] /= size;
    this.view[24] = this.angle;
    this.view[25] = aspect;
    device.queue.writeBuffer(this.uniforms, 0, this.view);

    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    // While Space is held down, the frame is drawn without the bundle, to compare the cost; the picture is the same.
    if (input(seat).key(Key.Space)) this.draw(pass);
    else pass.executeBundles(this.bundles);
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
      label: 'bundles',
      colorAttachments: [{ view: surface.view }],
      depthStencilAttachment: { view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }
}

/** Returns the rocks' uniform blocks. Most rocks are small; they form a belt with a gap, and the inner ones are faster. */
function scatter(random: Random): StaticArray<f32> {
  const out = new StaticArray<f32>((ROCKS * STRIDE) / 4);
  for (let i = 0; i < ROCKS; i++) {
    const at = (i * STRIDE) / 4;
    const far = random.float();
    const radius: f32 = far < 0.45 ? 2.35 + far * 1.8 : 2.65 + far * 2.1;
    out[at] = radius;
    out[at + 1] = random.range(-0.09, 0.09);
    out[at + 2] = random.range(0, 6.2831853);
    out[at + 3] = Mathf.floor(26 / radius);
    const azimuth = random.range(0, 6.2831853);
    out[at + 4] = Mathf.cos(azimuth) * 0.8;
    out[at + 5] = 0.6;
    out[at + 6] = Mathf.sin(azimuth) * 0.8;
    out[at + 7] = Mathf.floor(random.range(30, 90));
    const warm = random.float();
    out[at + 8] = 0.34 + 0.3 * warm;
    out[at + 9] = 0.31 + 0.12 * warm;
    out[at + 10] = 0.26;
    const big = random.float();
    out[at + 11] = 0.018 + 0.075 * big * big * big * big;
  }
  return out;
}

/** Returns the vertices of all meshes of rocks: balls with random dents. */
function dent(random: Random): StaticArray<f32> {
  const out = new StaticArray<f32>(SHAPES * SHAPE_VERTICES * 3);
  for (let shape = 0; shape < SHAPES; shape++) {
    const first = shape * SHAPE_VERTICES * 3;
    for (let j = 0; j <= DOWN; j++) {
      const v = (<f32>j * 6.2831853) / (2 * <f32>DOWN);
      const pole = random.range(0.75, 1.1);
      for (let i = 0; i <= AROUND; i++) {
        const at = first + (j * (AROUND + 1) + i) * 3;
        const u = (<f32>i * 6.2831853) / <f32>AROUND;
        // All vertices of a pole lie in one point, and so do the first and the last vertex of each ring.
        const radius = j === 0 || j === DOWN ? pole : random.range(0.7, 1.2);
        out[at] = radius * Mathf.sin(v) * Mathf.cos(u);
        out[at + 1] = radius * -Mathf.cos(v) * 0.8;
        out[at + 2] = radius * Mathf.sin(v) * Mathf.sin(u);
        if (i === AROUND) for (let k = 0; k < 3; k++) out[at + k] = out[at - AROUND * 3 + k];
      }
    }
  }
  return out;
}

/** Returns the indices of one mesh of a rock, with triangles that are counterclockwise from outside. */
function weave(): StaticArray<u16> {
  const out = new StaticArray<u16>(SHAPE_INDICES);
  let at = 0;
  for (let j = 0; j < DOWN; j++) {
    for (let i = 0; i < AROUND; i++) {
      const corner = j * (AROUND + 1) + i;
      out[at] = <u16>corner;
      out[at + 1] = <u16>(corner + AROUND + 1);
      out[at + 2] = <u16>(corner + 1);
      out[at + 3] = <u16>(corner + 1);
      out[at + 4] = <u16>(corner + AROUND + 1);
      out[at + 5] = <u16>(corner + AROUND + 2);
      at += 6;
    }
  }
  return out;
}

play(new Bundles());
