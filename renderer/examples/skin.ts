import {
  BindGroup,
  Buffer,
  BufferUsage,
  CompareFunction,
  CullMode,
  device,
  Game,
  IndexFormat,
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

/** Seconds after which the motion of the octopus repeats. */
const PERIOD: u32 = 16;
const ARMS: i32 = 8;
/** Number of joints of an arm, and the distance between neighboring joints. */
const LINKS: i32 = 7;
const LINK: f32 = 0.36;
/** Number of joints: those of all arms, and joint 0, which is the body. */
const JOINTS: i32 = 57;
/** Number of rings along the mesh of an arm, and of corners of each ring. */
const RINGS: i32 = 29;
const SIDES: i32 = 12;
/** Number of 32-bit words of a vertex: position, normal, four joints, four weights and a color. */
const WORDS: i32 = 9;

const shader = `
struct View { clip: mat4x4f, eye: vec4f, angle: f32, joints: array<mat4x4f, ${JOINTS}> }
@group(0) @binding(0) var<uniform> view: View;
struct Point {
  @builtin(position) at: vec4f, @location(0) place: vec3f, @location(1) normal: vec3f, @location(2) color: vec4f,
}

// Linear blend skinning: a vertex follows the weighted mean of up to four joints, each a matrix from the bind pose.
@vertex fn skin(
  @location(0) position: vec3f, @location(1) normal: vec3f,
  @location(2) joint: vec4u, @location(3) weight: vec4f, @location(4) color: vec4f,
) -> Point {
  let pose = weight.x * view.joints[joint.x] + weight.y * view.joints[joint.y]
    + weight.z * view.joints[joint.z] + weight.w * view.joints[joint.w];
  let place = pose * vec4f(position, 1.0);
  return Point(view.clip * place, place.xyz, (pose * vec4f(normal, 0.0)).xyz, color);
}

@fragment fn shade(point: Point) -> @location(0) vec4f {
  let normal = normalize(point.normal);
  let to_eye = normalize(view.eye.xyz - point.place);
  let sun = vec3f(0.36, 0.87, 0.33);
  // Light from above comes through a moving surface.
  let at = point.place.xz * 2.3 + vec2f(0.0, 0.7 * point.place.y);
  let net = sin(at.x + 2.0 * sin(at.y + view.angle * 4.0)) + sin(at.y * 1.3 + 2.0 * sin(at.x * 0.9 - view.angle * 3.0));
  let caustic = pow(max(1.0 - abs(net) * 0.8, 0.0), 3.0);
  let facing = saturate(dot(normal, sun) * 0.7 + 0.3);
  let light = vec3f(1.05, 1.05, 0.95) * facing * (0.85 + 0.7 * caustic) + mix(vec3f(0.05, 0.12, 0.20), vec3f(0.16, 0.34, 0.40), 0.5 + 0.5 * normal.y);
  let rim = pow(1.0 - max(dot(normal, to_eye), 0.0), 3.0);
  // The alpha of the eyes, which are wet and hard, is 0: they shine.
  let wet = mix(80.0, 22.0, point.color.a);
  let shine = pow(max(dot(normal, normalize(to_eye + sun)), 0.0), wet) * mix(1.2, 0.30, point.color.a);
  let lit = point.color.rgb * point.color.rgb * light + rim * vec3f(0.10, 0.28, 0.34) + shine;
  let depth = length(view.eye.xyz - point.place);
  return vec4f(sqrt(mix(vec3f(0.02, 0.17, 0.26), lit, exp(-0.035 * depth))), 1.0);
}

struct Backdrop { @builtin(position) at: vec4f, @location(0) corner: vec2f }
@vertex fn everywhere(@builtin(vertex_index) i: u32) -> Backdrop {
  let corner = vec2f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0);
  return Backdrop(vec4f(corner, 1.0, 1.0), corner);
}
@fragment fn water(point: Backdrop) -> @location(0) vec4f {
  let up = 0.5 + 0.5 * point.corner.y;
  let depth = mix(vec3f(0.004, 0.035, 0.075), vec3f(0.035, 0.30, 0.40), up * up);
  // Shafts of light spread from above the picture.
  let way = (point.corner.x + 0.6) / (2.6 - point.corner.y);
  let shafts = sin(way * 23.0 + 2.0 * sin(view.angle)) * sin(way * 41.0 - 3.0 * sin(view.angle * 2.0)) + 0.4;
  return vec4f(sqrt(depth + max(shafts, 0.0) * up * up * vec3f(0.02, 0.075, 0.085)), 1.0);
}`;

class Skin extends Game {
  private ticksPerTurn: u32 = 1;
  private angle: f32 = 0;
  private uniforms!: Buffer;
  private vertices!: Buffer;
  private indices!: Buffer;
  private creature!: RenderPipeline;
  private backdrop!: RenderPipeline;
  private creatureGroup!: BindGroup;
  private backdropGroup!: BindGroup;
  private depth: Texture | null = null;
  private depthView: TextureView | null = null;
  private pass: RenderPassDescriptor = {};
  /** The uniform block, struct View of the shader: a matrix, the eye, the angle, then the joints' matrices. */
  private view: StaticArray<f32> = new StaticArray<f32>(24 + JOINTS * 16);
  /** For each joint, the matrix from the model to the joint's own space in the bind pose. */
  private inverseBinds: StaticArray<f32>[] = [];
  private joint: StaticArray<f32> = mat4.create();
  private turn: StaticArray<f32> = mat4.create();
  private posed: StaticArray<f32> = mat4.create();
  private camera: StaticArray<f32> = mat4.create();
  private eye: StaticArray<f32> = vec3.create();
  private readonly middle: StaticArray<f32> = vec3.create(0, -0.25, 0);
  private readonly up: StaticArray<f32> = vec3.create(0, 1, 0);

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.ticksPerTurn = PERIOD * tickRate;
    this.uniforms = device.createBuffer({
      size: this.view.length * 4,
      usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST,
    });
    const mesh = new Mesh();
    sculpt(mesh);
    this.vertices = device.createBuffer({
      size: mesh.vertices.length * 4,
      usage: BufferUsage.VERTEX | BufferUsage.COPY_DST,
    });
    this.indices = device.createBuffer({
      size: mesh.indices.length * 2,
      usage: BufferUsage.INDEX | BufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(this.vertices, 0, mesh.vertices);
    device.queue.writeBuffer(this.indices, 0, mesh.indices);
    this.bind();
    this.createPipelines();
  }

  /** Computes the inverse bind matrices of all joints. In the bind pose the arms of the octopus lie straight, all around. */
  private bind(): void {
    this.inverseBinds.push(mat4.create());
    for (let arm = 0; arm < ARMS; arm++) {
      for (let link = 0; link < LINKS; link++) {
        mat4.rotationY(<f32>arm * -0.7853982, this.turn);
        mat4.translation(0.3 + <f32>link * LINK, -0.35, 0, this.joint);
        mat4.multiply(this.turn, this.joint, this.joint);
        const inverse = mat4.create();
        mat4.invert(this.joint, inverse);
        this.inverseBinds.push(inverse);
      }
    }
  }

  private createPipelines(): void {
    const module = device.createShaderModule({ label: 'skin', code: shader });
    this.creature = device.createRenderPipeline({
      vertex: {
        module,
        entryPoint: 'skin',
        buffers: [
          {
            arrayStride: WORDS * 4,
            attributes: [
              { shaderLocation: 0, format: VertexFormat.float32x3, offset: 0 },
              { shaderLocation: 1, format: VertexFormat.float32x3, offset: 12 },
              { shaderLocation: 2, format: VertexFormat.uint8x4, offset: 24 },
              { shaderLocation: 3, format: VertexFormat.unorm8x4, offset: 28 },
              { shaderLocation: 4, format: VertexFormat.unorm8x4, offset: 32 },
            ],
          },
        ],
      },
      primitive: { cullMode: CullMode.back },
      depthStencil: { format: TextureFormat.depth24plus, depthWriteEnabled: true, depthCompare: CompareFunction.less },
      fragment: { module, entryPoint: 'shade', targets: [{ format: surface.format }] },
    });
    this.backdrop = device.createRenderPipeline({
      vertex: { module, entryPoint: 'everywhere' },
      depthStencil: { format: TextureFormat.depth24plus, depthCompare: CompareFunction.always },
      fragment: { module, entryPoint: 'water', targets: [{ format: surface.format }] },
    });
    this.creatureGroup = device.createBindGroup({
      layout: this.creature.getBindGroupLayout(0),
      entries: [{ binding: 0, buffer: this.uniforms }],
    });
    this.backdropGroup = device.createBindGroup({
      layout: this.backdrop.getBindGroupLayout(0),
      entries: [{ binding: 0, buffer: this.uniforms }],
    });
  }

  tick(n: u32): void {
    this.angle = (6.2831853 * <f32>(n % this.ticksPerTurn)) / <f32>this.ticksPerTurn;
  }

  /** Poses every joint of the octopus: at its parent's place, then a step along the arm and a bend of its own. */
  private pose(): void {
    const angle = this.angle;
    const posed = this.posed;
    const turn = this.turn;
    const joint = this.joint;
    mat4.rotationY(0.35 * Mathf.sin(angle), posed);
    posed[13] = 0.22 * Mathf.sin(2 * angle);
    this.put(0, posed);
    for (let arm = 0; arm < ARMS; arm++) {
      mat4.copy(posed, joint);
      mat4.rotationY(<f32>arm * -0.7853982, turn);
      mat4.multiply(joint, turn, joint);
      for (let link = 0; link < LINKS; link++) {
        mat4.translation(link === 0 ? 0.3 : LINK, link === 0 ? -0.35 : 0, 0, turn);
        mat4.multiply(joint, turn, joint);
        // A wave runs out along the arms of the octopus; the tips curl up against it.
        const wave: f32 = 2 * angle - 0.62 * <f32>link + 0.9 * <f32>(arm & 1);
        const rest: f32 = link < 2 ? -0.3 : 0.11 * <f32>(link - 2);
        mat4.rotationZ(rest + 0.24 * Mathf.sin(wave), turn);
        mat4.multiply(joint, turn, joint);
        mat4.rotationY(0.2 * Mathf.sin(3 * angle + <f32>arm * 2.4 - 0.5 * <f32>link), turn);
        mat4.multiply(joint, turn, joint);
        this.put(1 + arm * LINKS + link, joint);
      }
    }
  }

  private put(index: i32, joint: StaticArray<f32>): void {
    mat4.multiply(joint, this.inverseBinds[index], this.turn);
    memory.copy(changetype<usize>(this.view) + 96 + <usize>index * 64, changetype<usize>(this.turn), 64);
  }

  render(_seat: i32, width: u32, height: u32): void {
    this.resize(width, height);
    const aspect = <f32>width / <f32>height;
    const far: f32 = 6.6 * max<f32>(1, 1.25 / aspect);
    vec3.set(0.18 * far, 0.16 * far, far, this.eye);
    mat4.lookAt(this.eye, this.middle, this.up, this.camera);
    mat4.perspective(0.62, aspect, 0.5, 60, this.view);
    mat4.multiply(this.view, this.camera, this.view);
    memory.copy(changetype<usize>(this.view) + 64, changetype<usize>(this.eye), 12);
    this.view[20] = this.angle;
    this.pose();
    device.queue.writeBuffer(this.uniforms, 0, this.view);

    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.backdrop);
    pass.setBindGroup(0, this.backdropGroup);
    pass.draw(3);
    pass.setPipeline(this.creature);
    pass.setBindGroup(0, this.creatureGroup);
    pass.setVertexBuffer(0, this.vertices);
    pass.setIndexBuffer(this.indices, IndexFormat.uint16);
    pass.drawIndexed(<u32>this.indices.size / 2);
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
      label: 'skin',
      colorAttachments: [{ view: surface.view }],
      depthStencilAttachment: { view, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }
}

/** Number of quads of a ball, around it and from pole to pole. */
const AROUND: i32 = 24;
const DOWN: i32 = 18;
const VERTICES: i32 = 3 * (AROUND + 1) * (DOWN + 1) + ARMS * RINGS * SIDES;
const QUADS: i32 = 3 * AROUND * DOWN + ARMS * (RINGS - 1) * SIDES;

class Mesh {
  vertices: StaticArray<u32> = new StaticArray<u32>(VERTICES * WORDS);
  indices: StaticArray<u16> = new StaticArray<u16>(QUADS * 6);
  count: i32 = 0;
  private used: i32 = 0;

  /** Adds a vertex to the mesh. `joints` and `weights` have one of four in each byte, the lowest first. */
  vertex(x: f32, y: f32, z: f32, nx: f32, ny: f32, nz: f32, joints: u32, weights: u32, color: u32): void {
    const to = changetype<usize>(this.vertices) + <usize>(this.count++ * WORDS * 4);
    store<f32>(to, x);
    store<f32>(to, y, 4);
    store<f32>(to, z, 8);
    store<f32>(to, nx, 12);
    store<f32>(to, ny, 16);
    store<f32>(to, nz, 20);
    store<u32>(to, joints, 24);
    store<u32>(to, weights, 28);
    store<u32>(to, color, 32);
  }

  /** Adds a quad whose corners are counterclockwise from outside. */
  quad(a: i32, b: i32, c: i32, d: i32): void {
    const at = this.used;
    this.indices[at] = <u16>a;
    this.indices[at + 1] = <u16>b;
    this.indices[at + 2] = <u16>c;
    this.indices[at + 3] = <u16>a;
    this.indices[at + 4] = <u16>c;
    this.indices[at + 5] = <u16>d;
    this.used = at + 6;
  }
}

/** Makes the mesh of an octopus: its body, two eyes and the arms. */
function sculpt(mesh: Mesh): void {
  ball(mesh, 0, 0.42, -0.12, 0.62, 0.82, false);
  ball(mesh, -0.34, 0.02, 0.42, 0.17, 0.17, true);
  ball(mesh, 0.34, 0.02, 0.42, 0.17, 0.17, true);
  for (let arm = 0; arm < ARMS; arm++) tentacle(mesh, arm);
}

/** Adds an ellipsoid that moves with the body's joint. An eye's pole looks ahead, and the pupil is around that pole. */
function ball(mesh: Mesh, x: f32, y: f32, z: f32, width: f32, height: f32, eye: bool): void {
  const first = mesh.count;
  for (let j = 0; j <= DOWN; j++) {
    const v = <f32>j * 0.17453293;
    for (let i = 0; i <= AROUND; i++) {
      const u = <f32>i * 0.2617994;
      const a = Mathf.sin(v) * Mathf.sin(u);
      const b = Mathf.cos(v);
      const c = Mathf.sin(v) * Mathf.cos(u);
      if (eye) {
        const color = j < 5 ? 0x00100c0a : 0x006fdcf4;
        mesh.vertex(x + width * c, y + width * a, z + width * b, c, a, b, 0, 255, color);
      } else {
        // The octopus's body has a pattern of pale spots.
        const spots = Mathf.sin(u * 5) * Mathf.sin(v * 9);
        const color: u32 = spots > 0.55 ? 0xff86a8f2 : 0xff2f4fd8;
        mesh.vertex(x + width * a, y + height * b, z + width * c, a, b * (width / height), c, 0, 255, color);
      }
    }
  }
  for (let j = 0; j < DOWN; j++) {
    for (let i = 0; i < AROUND; i++) {
      const at = first + j * (AROUND + 1) + i;
      mesh.quad(at, at + AROUND + 1, at + AROUND + 2, at + 1);
    }
  }
}

/** Adds an arm: a tapered tube along its joints. Each ring of vertices follows the two joints that it lies between. */
function tentacle(mesh: Mesh, arm: i32): void {
  const first = mesh.count;
  const dx = Mathf.cos(<f32>arm * 0.7853982);
  const dz = Mathf.sin(<f32>arm * 0.7853982);
  for (let ring = 0; ring < RINGS; ring++) {
    const s = <f32>ring / <f32>(RINGS - 1);
    const along: f32 = 0.12 + s * 2.7;
    const radius = ring === RINGS - 1 ? <f32>0.004 : <f32>0.25 * (1 - s) * (1 - 0.35 * s) + <f32>0.03;
    const link = max<f32>(0, min<f32>(<f32>(LINKS - 1), (along - 0.3) / LINK - 0.5));
    const before = min<i32>(<i32>link, LINKS - 2);
    const weight = <u32>((link - <f32>before) * 255 + 0.5);
    const joint = <u32>(1 + arm * LINKS + before);
    for (let side = 0; side < SIDES; side++) {
      const up = Mathf.cos(<f32>side * 0.5235988);
      const across = Mathf.sin(<f32>side * 0.5235988);
      const nx = -dz * across;
      const nz = dx * across;
      // The underside of an arm is pale, with a row of suckers.
      let color: u32 = ring % 6 < 2 ? 0xff3a60e2 : 0xff2f4fd8;
      if (side > 4 && side < 8) color = ring % 2 === 1 && side === 6 ? 0xff6a58d0 : 0xffa8c8f8;
      mesh.vertex(
        dx * along + nx * radius,
        up * radius - 0.35,
        dz * along + nz * radius,
        nx,
        up,
        nz,
        joint | ((joint + 1) << 8),
        (255 - weight) | (weight << 8),
        color,
      );
    }
  }
  for (let ring = 0; ring < RINGS - 1; ring++) {
    for (let side = 0; side < SIDES; side++) {
      const at = first + ring * SIDES;
      const next = (side + 1) % SIDES;
      mesh.quad(at + side, at + next, at + SIDES + next, at + SIDES + side);
    }
  }
}

play(new Skin());
