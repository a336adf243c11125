import {
  cos,
  f,
  lookAt,
  type Mat4,
  multiply,
  perspective,
  rotationX,
  rotationY,
  rotationZ,
  scaling,
  sin,
} from './maths.ts';
import { angleAt, type Frame, filled, target, wgsl } from './port.ts';

/** Draws the picture of renderer/examples/msaa.ts, for a player without a pointer. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const module = device.createShaderModule({ code: wgsl('msaa') });
  const split = f(0.5 + f(f(0.2) * sin(f(3 * angleAt(view, 30)))));
  const buffer = filled(device, uniforms(view, split), GPUBufferUsage.UNIFORM);
  const mesh = build();
  const vertices = filled(device, mesh, GPUBufferUsage.VERTEX);
  const formats = ['float32x3', 'float32x3', 'unorm8x4', 'uint32'] as const;
  const draw = (pass: GPURenderPassEncoder, count: number) => {
    const pipeline = device.createRenderPipeline({
      layout: 'auto',
      vertex: {
        module,
        buffers: [
          {
            arrayStride: 32,
            attributes: formats.map((format, shaderLocation) => {
              return { format, shaderLocation, offset: [0, 12, 24, 28][shaderLocation] ?? 0 };
            }),
          },
        ],
      },
      depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
      multisample: { count },
      fragment: { module, targets: [{ format: 'rgba8unorm' }] },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer } }],
      }),
    );
    pass.setVertexBuffer(0, vertices);
    pass.draw(mesh.length / 8);
    pass.end();
  };
  const depth = (sampleCount: number) =>
    ({
      view: target(device, view, 'depth24plus', { sampleCount }).createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'discard',
    }) as const;
  const encoder = device.createCommandEncoder();
  const smooth = encoder.beginRenderPass({
    colorAttachments: [
      {
        view: target(device, view, 'rgba8unorm', { sampleCount: 4 }).createView(),
        resolveTarget: texture.createView(),
        loadOp: 'clear',
        storeOp: 'discard',
      },
    ],
    depthStencilAttachment: depth(4),
  });
  draw(smooth, 4);
  const sharp = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'load', storeOp: 'store' }],
    depthStencilAttachment: depth(1),
  });
  sharp.setScissorRect(0, 0, Math.floor(f(split * view.width)), view.height);
  draw(sharp, 1);
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame, split: number): Float32Array {
  const angle = angleAt(view, 30);
  const aspect = f(view.width / view.height);
  const out = new Float32Array(6 * 32);
  const put = (part: number, clip: Mat4, turn: Mat4) => {
    out.set(clip, part * 32);
    out.set(turn, part * 32 + 16);
  };
  const burst = rotationZ(angle);
  put(0, multiply(scaling(f(1 / aspect), 1, 1), burst), burst);
  const far = f(f(6.4) * Math.max(1, f(1 / aspect)));
  const clip = multiply(perspective(0.72, aspect, 0.5, 60), lookAt([0, f(f(0.12) * far), far], [0, 0, 0]));
  const crystal = rotationY(f(2 * angle));
  put(1, multiply(clip, crystal), crystal);
  for (let ring = 0; ring < 3; ring++) {
    const turn = multiply(rotationZ(f(f(angle * (3 - ring)) + f(0.7))), rotationX(f(f(angle * (ring + 2)) + ring)));
    put(2 + ring, multiply(clip, turn), turn);
  }
  const divider = scaling(f(2 / view.width), 1, 1);
  divider[12] = f(f(2 * split) - 1);
  put(5, divider, divider);
  return out;
}

type Vec3 = readonly [number, number, number];

function build(): Uint32Array {
  const words: number[] = [];
  const add = (part: number, color: number, normal: Vec3, ...places: Vec3[]) => {
    for (const place of places)
      words.push(...new Uint32Array(new Float32Array([...place, ...normal]).buffer), color, part);
  };
  const angleOf = (i: number, count: number) => f(f(i * f(6.2831853)) / count);
  const round = (radius: number, angle: number, z: number): Vec3 => [f(radius * cos(angle)), f(radius * sin(angle)), z];
  for (let i = 0; i < 120; i++) {
    const [from, to] = [angleOf(i, 120), angleOf(i + 1, 120)];
    const [far, wide] = [f(0.999), f(2.6)];
    add(0, i % 2 === 0 ? 0x008a3c78 : 0x006c2c58, [0, 0, 0], [0, 0, far]);
    add(0, i % 2 === 0 ? 0x00200a0a : 0x00120505, [0, 0, 0], round(wide, from, far), round(wide, to, far));
  }
  for (let i = 0; i < 8; i++) {
    const [from, to] = [angleOf(i, 8), angleOf(i + 1, 8)];
    const middle = f(f(from + to) * 0.5);
    const corner = (angle: number, y: number): Vec3 => [f(sin(angle) * f(0.68)), f(y), f(cos(angle) * f(0.68))];
    const facing = (across: number, up: number): Vec3 => [
      f(sin(middle) * f(across)),
      f(up),
      f(cos(middle) * f(across)),
    ];
    const color = i % 2 === 0 ? 0xffb0c814 : 0xffd07c18;
    const [a, b, c, d] = [corner(from, 0.4), corner(to, 0.4), corner(from, -0.25), corner(to, -0.25)];
    add(1, color, facing(0.82, 0.57), [0, f(1.35), 0], a, b);
    add(1, color, facing(1, 0), a, c, b, b, c, d);
    add(1, color, facing(0.86, -0.51), c, [0, f(-1.35), 0], d);
  }
  for (let ring = 0; ring < 3; ring++) {
    const inner = f(1.5 + f(f(0.22) * ring));
    const outer = f(inner + f(0.03));
    for (let i = 0; i < 160; i++) {
      const [from, to] = [angleOf(i, 160), angleOf(i + 1, 160)];
      const [a, b, c, d] = [round(inner, from, 0), round(outer, from, 0), round(outer, to, 0), round(inner, to, 0)];
      add(2 + ring, ring === 1 ? 0xffd8d0c8 : 0xff4aa2ea, [0, 0, 1], a, b, c, a, c, d);
    }
  }
  add(5, 0x00ffffff, [0, 0, 1], [-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, -1, 0], [1, 1, 0], [-1, 1, 0]);
  return new Uint32Array(words);
}
