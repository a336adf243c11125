import {
  BindGroup,
  Buffer,
  BufferUsage,
  ComputePipeline,
  device,
  FilterMode,
  Game,
  input,
  play,
  RenderPassDescriptor,
  RenderPipeline,
  Sampler,
  surface,
  Texture,
  TextureFormat,
  TextureUsage,
  TextureView,
} from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/** Seconds after which the motion of the scene repeats. */
const PERIOD: u32 = 40;
/** Texels that one workgroup blurs, and the greatest radius: the workgroup must also read that many texels on both sides. */
const TILE: u32 = 128;
const RADIUS_MAX: u32 = 32;

const common = `
struct View { size: vec2f, card: vec2f, angle: f32, radius: f32 }
@group(0) @binding(0) var<uniform> view: View;`;

/** Shader that draws the scene behind the card of frosted glass. */
const sceneShader = `${common}
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}
@fragment fn scene(@builtin(position) at: vec4f) -> @location(0) vec4f {
  // Height 1 for every aspect ratio.
  let p = (at.xy - 0.5 * view.size) / view.size.y;
  let pixel = 1.0 / view.size.y;
  var color = mix(vec3f(0.10, 0.05, 0.22), vec3f(0.02, 0.10, 0.22), saturate(p.y + 0.5 + 0.3 * p.x));
  let lattice = abs(fract(p * 16.0) - 0.5);
  color += 0.10 * smoothstep(0.47, 0.5, max(lattice.x, lattice.y));
  for (var i = 0; i < 9; i++) {
    let n = f32(i);
    let round = view.angle * (1.0 + f32(i % 3)) + n * 2.39996;
    let reach = (0.20 + 0.25 * fract(n * 0.414)) * vec2f(view.size.x / view.size.y, 1.0);
    let middle = reach * vec2f(sin(round + n), cos(round * select(1.0, -1.0, i % 2 == 0)));
    let size = 0.07 + 0.13 * fract(n * 0.618);
    let way = p - middle;
    let distance = length(way);
    let paint = 0.55 + 0.45 * cos(vec3f(0.3, 2.2, 4.4) + n * 0.9);
    let shaded = paint * (0.75 - 0.9 * dot(way, vec2f(0.6, 0.8)) / size * 0.5);
    color = mix(color, shaded, smoothstep(pixel, -pixel, distance - size));
    color += paint * smoothstep(1.5 * pixel, 0.0, abs(distance - size * 1.25)) * 0.6;
  }
  return vec4f(color, 1.0);
}`;

/** Shader of a Gaussian blur along one axis. With x and y exchanged, it blurs along the other axis. */
const blurShader = `${common}
@group(0) @binding(1) var source: texture_2d<f32>;
@group(0) @binding(2) var linear: sampler;
@group(0) @binding(3) var blurred: texture_storage_2d<rgba8unorm, write>;
var<workgroup> line: array<vec3f, ${TILE} + 2 * ${RADIUS_MAX}>;

fn blur(first: i32, lane: i32, local: i32, axis: vec2i) {
  let size = vec2i(textureDimensions(blurred));
  let across = vec2i(1) - axis;
  // The workgroup reads its part of the line once into workgroup memory, from which each invocation then sums.
  for (var i = local; i < ${TILE} + 2 * ${RADIUS_MAX}; i += ${TILE}) {
    let at = (first + i - ${RADIUS_MAX}) * axis + lane * across;
    let uv = (vec2f(at) + 0.5) / vec2f(size);
    line[i] = textureSampleLevel(source, linear, uv, 0.0).rgb;
  }
  workgroupBarrier();
  let at = (first + local) * axis + lane * across;
  if (any(at >= size)) { return; }
  let radius = i32(view.radius);
  var sum = vec3f(); var weights = 0.0;
  for (var i = -radius; i <= radius; i++) {
    let weight = exp(-4.5 * f32(i * i) / f32(radius * radius));
    sum += weight * line[local + ${RADIUS_MAX} + i];
    weights += weight;
  }
  textureStore(blurred, at, vec4f(sum / weights, 1.0));
}

@compute @workgroup_size(${TILE}) fn rows(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  blur(i32(group.x) * ${TILE}, i32(group.y), i32(local), vec2i(1, 0));
}
@compute @workgroup_size(${TILE}) fn columns(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  blur(i32(group.x) * ${TILE}, i32(group.y), i32(local), vec2i(0, 1));
}`;

/** Shader that draws the scene and, over it, a card of frosted glass. */
const glassShader = `${common}
@group(0) @binding(1) var sharp: texture_2d<f32>;
@group(0) @binding(2) var soft: texture_2d<f32>;
@group(0) @binding(3) var linear: sampler;
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}
// The distance to a box with round corners; negative inside.
fn box(at: vec2f, half: vec2f, corner: f32) -> f32 {
  let d = abs(at) - half + corner;
  return length(max(d, vec2f())) + min(max(d.x, d.y), 0.0) - corner;
}
@fragment fn glass(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let uv = at.xy / view.size;
  let behind = textureLoad(sharp, vec2i(at.xy), 0).rgb;
  let frosted = textureSampleLevel(soft, linear, uv, 0.0).rgb;
  // In units of the card, which is as large as fits the picture.
  let unit = min(view.size.x / 1.35, view.size.y);
  let p = (at.xy - view.card * view.size) / unit;
  let pixel = 1.0 / unit;
  let edge = box(p, vec2f(0.42, 0.27), 0.055);
  let shadow = 0.55 * smoothstep(0.13, -0.05, box(p - vec2f(0.0, 0.03), vec2f(0.42, 0.27), 0.055));
  var color = behind * (1.0 - shadow);
  let sheen = 0.10 + 0.10 * smoothstep(0.3, -0.5, p.y + 0.4 * p.x);
  let inside = smoothstep(pixel, -pixel, edge);
  color = mix(color, mix(frosted, vec3f(1.0), sheen), inside);
  color += inside * smoothstep(2.2 * pixel, 0.4 * pixel, abs(edge + 1.2 * pixel)) * mix(0.12, 0.50, smoothstep(0.25, -0.3, p.y));
  // The card's content: a play button and three lines.
  let q = p - vec2f(-0.24, 0.0);
  let disc = smoothstep(pixel, -pixel, length(q) - 0.105);
  let arrow = max(abs(q.y) * 0.866 + (q.x - 0.012) * 0.5 - 0.026, -q.x - 0.030);
  color = mix(color, vec3f(1.0), disc * 0.92);
  color = mix(color, vec3f(0.23, 0.12, 0.42), smoothstep(pixel, -pixel, arrow));
  let title = box(p - vec2f(0.11, -0.09), vec2f(0.19, 0.030), 0.030);
  let text = min(box(p - vec2f(0.135, 0.02), vec2f(0.215, 0.016), 0.016), box(p - vec2f(0.085, 0.09), vec2f(0.165, 0.016), 0.016));
  color = mix(color, vec3f(1.0), 0.90 * smoothstep(pixel, -pixel, title) + 0.50 * smoothstep(pixel, -pixel, text));
  return vec4f(color, 1.0);
}`;

class Blur extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private scene!: RenderPipeline;
  private glass!: RenderPipeline;
  private rows!: ComputePipeline;
  private columns!: ComputePipeline;
  private sceneGroup!: BindGroup;
  private linear!: Sampler;
  private targets: Targets | null = null;
  private pass: RenderPassDescriptor = { label: 'glass', colorAttachments: [{ view: surface.view }] };
  /** The uniform block, struct View of the shaders. */
  private view: StaticArray<f32> = new StaticArray<f32>(6);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    this.uniforms = device.createBuffer({ size: 24, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    this.linear = device.createSampler({ magFilter: FilterMode.linear, minFilter: FilterMode.linear });
    const sceneModule = device.createShaderModule({ label: 'scene', code: sceneShader });
    this.scene = device.createRenderPipeline({
      vertex: { module: sceneModule },
      fragment: { module: sceneModule, targets: [{ format: TextureFormat.rgba8unorm }] },
    });
    const blurModule = device.createShaderModule({ label: 'blur', code: blurShader });
    this.rows = device.createComputePipeline({ compute: { module: blurModule, entryPoint: 'rows' } });
    this.columns = device.createComputePipeline({ compute: { module: blurModule, entryPoint: 'columns' } });
    const glassModule = device.createShaderModule({ label: 'glass', code: glassShader });
    this.glass = device.createRenderPipeline({
      vertex: { module: glassModule },
      fragment: { module: glassModule, targets: [{ format: surface.format }] },
    });
    this.sceneGroup = device.createBindGroup({
      layout: this.scene.getBindGroupLayout(0),
      entries: [{ binding: 0, buffer: this.uniforms }],
    });
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  render(seat: i32, width: u32, height: u32): void {
    const targets = this.targetsOf(width, height);
    const player = input(seat);
    const held = player.button(0);
    this.view[0] = <f32>width;
    this.view[1] = <f32>height;
    // The card of glass drifts by itself. A player who holds down the mouse button drags it.
    this.view[2] = held ? player.pointerX : 0.5 + 0.04 * Mathf.sin(3 * this.angle);
    this.view[3] = held ? player.pointerY : 0.5 + 0.05 * Mathf.sin(2 * this.angle);
    this.view[4] = this.angle;
    this.view[5] = max<f32>(4, min<f32>(<f32>RADIUS_MAX, <f32>(height / 36)));
    device.queue.writeBuffer(this.uniforms, 0, this.view);

    const encoder = device.createCommandEncoder();
    const scene = encoder.beginRenderPass(targets.scenePass);
    scene.setPipeline(this.scene);
    scene.setBindGroup(0, this.sceneGroup);
    scene.draw(3);
    scene.end();
    const blur = encoder.beginComputePass();
    for (let i = 0; i < 4; i++) {
      const down = (i & 1) === 1;
      const length = down ? targets.height : targets.width;
      const lanes = down ? targets.width : targets.height;
      blur.setPipeline(down ? this.columns : this.rows);
      blur.setBindGroup(0, targets.blurGroups[i]);
      blur.dispatchWorkgroups((length + TILE - 1) / TILE, lanes);
    }
    blur.end();
    const glass = encoder.beginRenderPass(this.pass);
    glass.setPipeline(this.glass);
    glass.setBindGroup(0, targets.glassGroup);
    glass.draw(3);
    glass.end();
    device.queue.submit(encoder.finish());
  }

  private targetsOf(width: u32, height: u32): Targets {
    const old = this.targets;
    if (old !== null) {
      if (old.sharp.texture.width === width && old.sharp.texture.height === height) return old;
      old.destroy();
    }
    const made = new Targets(width, height, this.uniforms, this.linear, this.rows, this.columns, this.glass);
    this.targets = made;
    return made;
  }
}

class Layer {
  readonly texture: Texture;
  readonly view: TextureView;

  constructor(width: u32, height: u32, use: u32) {
    const texture = device.createTexture({
      size: { width, height },
      format: TextureFormat.rgba8unorm,
      usage: use | TextureUsage.TEXTURE_BINDING,
    });
    this.texture = texture;
    this.view = texture.createView();
  }

  destroy(): void {
    this.view.destroy();
    this.texture.destroy();
  }
}

/**
 * Textures that one pass writes and the next one reads, for pictures of one size. Those of the blur have half the width and
 * height.
 */
class Targets {
  readonly width: u32;
  readonly height: u32;
  readonly sharp: Layer;
  private readonly first: Layer;
  private readonly second: Layer;
  readonly scenePass: RenderPassDescriptor;
  /** Bind groups of four blur passes, along rows, columns, rows and columns: two blurs make a wider and rounder one. */
  readonly blurGroups: BindGroup[];
  readonly glassGroup: BindGroup;

  constructor(
    width: u32,
    height: u32,
    uniforms: Buffer,
    linear: Sampler,
    rows: ComputePipeline,
    columns: ComputePipeline,
    glass: RenderPipeline,
  ) {
    this.width = (width + 1) / 2;
    this.height = (height + 1) / 2;
    const sharp = new Layer(width, height, TextureUsage.RENDER_ATTACHMENT);
    const first = new Layer((width + 1) / 2, (height + 1) / 2, TextureUsage.STORAGE_BINDING);
    const second = new Layer((width + 1) / 2, (height + 1) / 2, TextureUsage.STORAGE_BINDING);
    this.sharp = sharp;
    this.first = first;
    this.second = second;
    this.scenePass = { label: 'scene', colorAttachments: [{ view: sharp.view }] };
    this.blurGroups = [
      blurGroup(rows, uniforms, linear, sharp, first),
      blurGroup(columns, uniforms, linear, first, second),
      blurGroup(rows, uniforms, linear, second, first),
      blurGroup(columns, uniforms, linear, first, second),
    ];
    this.glassGroup = device.createBindGroup({
      layout: glass.getBindGroupLayout(0),
      entries: [
        { binding: 0, buffer: uniforms },
        { binding: 1, view: sharp.view },
        { binding: 2, view: second.view },
        { binding: 3, sampler: linear },
      ],
    });
  }

  destroy(): void {
    for (let i = 0; i < this.blurGroups.length; i++) this.blurGroups[i].destroy();
    this.glassGroup.destroy();
    this.sharp.destroy();
    this.first.destroy();
    this.second.destroy();
  }
}

function blurGroup(pipeline: ComputePipeline, uniforms: Buffer, linear: Sampler, from: Layer, to: Layer): BindGroup {
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, buffer: uniforms },
      { binding: 1, view: from.view },
      { binding: 2, sampler: linear },
      { binding: 3, view: to.view },
    ],
  });
}

play(new Blur());
