import {
  cos,
  f,
  invert,
  lookAt,
  type Mat4,
  multiply,
  perspective,
  rotationY,
  rotationZ,
  sin,
  translation,
} from './maths.ts';
import { angleAt, type Frame, filled, target, wgsl } from './port.ts';

const [ARMS, LINKS, RINGS, SIDES] = [8, 7, 29, 12];
const [AROUND, DOWN] = [24, 18];
const LINK = f(0.36);
const turnOf = (arm: number) => rotationY(f(arm * f(-0.7853982)));

/** Draws the picture of renderer/examples/skin.ts. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const module = device.createShaderModule({ code: wgsl('skin') });
  const formats = ['float32x3', 'float32x3', 'uint8x4', 'unorm8x4', 'unorm8x4'] as const;
  const creature = device.createRenderPipeline({
    layout: 'auto',
    vertex: {
      module,
      entryPoint: 'skin',
      buffers: [
        {
          arrayStride: 36,
          attributes: formats.map((format, shaderLocation) => {
            return { format, shaderLocation, offset: [0, 12, 24, 28, 32][shaderLocation] ?? 0 };
          }),
        },
      ],
    },
    primitive: { cullMode: 'back' },
    depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
    fragment: { module, entryPoint: 'shade', targets: [{ format: 'rgba8unorm' }] },
  });
  const backdrop = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module, entryPoint: 'everywhere' },
    depthStencil: { format: 'depth24plus', depthWriteEnabled: false, depthCompare: 'always' },
    fragment: { module, entryPoint: 'water', targets: [{ format: 'rgba8unorm' }] },
  });
  const buffer = filled(device, uniforms(view), GPUBufferUsage.UNIFORM);
  const bind = (pipeline: GPURenderPipeline) =>
    device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  const mesh = sculpt();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }],
    depthStencilAttachment: {
      view: target(device, view, 'depth24plus').createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'discard',
    },
  });
  pass.setPipeline(backdrop);
  pass.setBindGroup(0, bind(backdrop));
  pass.draw(3);
  pass.setPipeline(creature);
  pass.setBindGroup(0, bind(creature));
  pass.setVertexBuffer(0, filled(device, mesh.vertices, GPUBufferUsage.VERTEX));
  pass.setIndexBuffer(filled(device, mesh.indices, GPUBufferUsage.INDEX), 'uint16');
  pass.drawIndexed(mesh.indices.length);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 16);
  const aspect = f(view.width / view.height);
  const far = f(f(6.6) * Math.max(1, f(1.25 / aspect)));
  const eye = [f(f(0.18) * far), f(f(0.16) * far), far] as const;
  const out = new Float32Array(24 + 57 * 16);
  out.set(multiply(perspective(0.62, aspect, 0.5, 60), lookAt(eye, [0, -0.25, 0])));
  out.set([...eye, 0, angle], 16);
  const body = rotationY(f(f(0.35) * sin(angle)));
  body[13] = f(f(0.22) * sin(f(2 * angle)));
  out.set(body, 24);
  for (let arm = 0; arm < ARMS; arm++) {
    let joint = multiply(body, turnOf(arm));
    for (let link = 0; link < LINKS; link++) {
      joint = multiply(joint, link === 0 ? translation(0.3, -0.35, 0) : translation(LINK, 0, 0));
      const wave = f(f(f(2 * angle) - f(f(0.62) * link)) + f(f(0.9) * (arm & 1)));
      const rest = link < 2 ? f(-0.3) : f(f(0.11) * (link - 2));
      joint = multiply(joint, rotationZ(f(rest + f(f(0.24) * sin(wave)))));
      const sway = f(f(f(3 * angle) + f(arm * f(2.4))) - f(0.5 * link));
      joint = multiply(joint, rotationY(f(f(0.2) * sin(sway))));
      out.set(multiply(joint, inverseBind(arm, link)), 24 + (1 + arm * LINKS + link) * 16);
    }
  }
  return out;
}

function inverseBind(arm: number, link: number): Mat4 {
  return invert(multiply(turnOf(arm), translation(f(f(0.3) + f(link * LINK)), -0.35, 0)));
}

type Numbers = readonly number[];

function sculpt(): { vertices: Uint32Array; indices: Uint16Array } {
  const words: number[] = [];
  const indices: number[] = [];
  const vertex = (place: Numbers, normal: Numbers, ...rest: [joints: number, weights: number, color: number]) => {
    words.push(...new Uint32Array(new Float32Array([...place, ...normal]).buffer), ...rest);
  };
  const quad = (a: number, b: number, c: number, d: number) => indices.push(a, b, c, a, c, d);

  const ball = ([x, y, z]: readonly [number, number, number], width: number, height: number, eye: boolean) => {
    const first = words.length / 9;
    for (let j = 0; j <= DOWN; j++) {
      for (let i = 0; i <= AROUND; i++) {
        const [u, v] = [f(i * f(0.2617994)), f(j * f(0.17453293))];
        const [a, b, c] = [f(sin(v) * sin(u)), cos(v), f(sin(v) * cos(u))] as const;
        const spot = f(sin(f(u * 5)) * sin(f(v * 9))) > f(0.55);
        if (eye)
          vertex(
            [f(x + f(width * c)), f(y + f(width * a)), f(z + f(width * b))],
            [c, a, b],
            0,
            255,
            j < 5 ? 0x00100c0a : 0x006fdcf4,
          );
        else
          vertex(
            [f(x + f(width * a)), f(y + f(height * b)), f(z + f(width * c))],
            [a, f(b * f(width / height)), c],
            0,
            255,
            spot ? 0xff86a8f2 : 0xff2f4fd8,
          );
      }
    }
    for (let j = 0; j < DOWN; j++) {
      for (let i = 0; i < AROUND; i++) {
        const at = first + j * (AROUND + 1) + i;
        quad(at, at + AROUND + 1, at + AROUND + 2, at + 1);
      }
    }
  };

  const tentacle = (arm: number) => {
    const first = words.length / 9;
    const [dx, dz] = [cos(f(arm * f(0.7853982))), sin(f(arm * f(0.7853982)))];
    for (let ring = 0; ring < RINGS; ring++) {
      const s = f(ring / (RINGS - 1));
      const along = f(f(0.12) + f(s * f(2.7)));
      const taper = f(f(0.25 * f(1 - s)) * f(1 - f(f(0.35) * s)));
      const radius = ring === RINGS - 1 ? f(0.004) : f(taper + f(0.03));
      const link = Math.max(0, Math.min(LINKS - 1, f(f(f(along - f(0.3)) / LINK) - 0.5)));
      const before = Math.min(Math.floor(link), LINKS - 2);
      const weight = Math.floor(f(f(f(link - before) * 255) + 0.5));
      const joint = 1 + arm * LINKS + before;
      for (let side = 0; side < SIDES; side++) {
        const [up, across] = [cos(f(side * f(0.5235988))), sin(f(side * f(0.5235988)))];
        const [nx, nz] = [f(-dz * across), f(dx * across)];
        const below = ring % 2 === 1 && side === 6 ? 0xff6a58d0 : 0xffa8c8f8;
        const above = ring % 6 < 2 ? 0xff3a60e2 : 0xff2f4fd8;
        vertex(
          [f(f(dx * along) + f(nx * radius)), f(f(up * radius) - f(0.35)), f(f(dz * along) + f(nz * radius))],
          [nx, up, nz],
          joint | ((joint + 1) << 8),
          (255 - weight) | (weight << 8),
          side > 4 && side < 8 ? below : above,
        );
      }
    }
    for (let ring = 0; ring < RINGS - 1; ring++) {
      for (let side = 0; side < SIDES; side++) {
        const at = first + ring * SIDES;
        const next = (side + 1) % SIDES;
        quad(at + side, at + next, at + SIDES + next, at + SIDES + side);
      }
    }
  };

  ball([0, f(0.42), f(-0.12)], f(0.62), f(0.82), false);
  for (const x of [-0.34, 0.34]) ball([f(x), f(0.02), f(0.42)], f(0.17), f(0.17), true);
  for (let arm = 0; arm < ARMS; arm++) tentacle(arm);
  return { vertices: new Uint32Array(words), indices: new Uint16Array(indices) };
}
