import { perDevice } from './shared.ts';

/** The most that any platform offers for maxAnisotropy of a sampler. WebGPU clamps the field to what the platform offers. */
const ANISOTROPY_MAX = 16;

/**
 * The highest maxAnisotropy with which samplers of a device are created. probeAnisotropy() sets it to 1, which is off, if it
 * finds that the device filters wrongly.
 */
export const anisotropyLimit = perDevice(() => ({ max: ANISOTROPY_MAX }));

const TEXEL = [255, 255, 255, 255];
/** WGSL that samples a white texel at texture coordinates that are the same in every pixel. */
const SHADER = `
@group(0) @binding(0) var white: texture_2d<f32>;
@group(0) @binding(1) var filtering: sampler;
@vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
}
@fragment fn color() -> @location(0) vec4f { return textureSample(white, filtering, vec2f(0.5)); }`;

/**
 * Turns anisotropic filtering off on a device that does it wrongly: llvmpipe returns black where the derivatives of the texture
 * coordinates are about zero, as they are in every triangle that takes its colour from one texel.
 */
export async function probeAnisotropy(device: GPUDevice): Promise<void> {
  if (!(await samplesRight(device, 2))) anisotropyLimit(device).max = 1;
}

/** Whether a pixel that samples one texel gets the colour of that texel. True also if the device is lost meanwhile. */
export async function samplesRight(device: GPUDevice, maxAnisotropy: number): Promise<boolean> {
  const { TEXTURE_BINDING, COPY_DST, RENDER_ATTACHMENT, COPY_SRC } = GPUTextureUsage;
  const format = 'rgba8unorm' as const;
  device.pushErrorScope('validation');
  const texel = device.createTexture({ size: [1, 1], format, usage: TEXTURE_BINDING | COPY_DST });
  const target = device.createTexture({ size: [1, 1], format, usage: RENDER_ATTACHMENT | COPY_SRC });
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  device.queue.writeTexture({ texture: texel }, Uint8Array.from(TEXEL), {}, [1, 1]);
  const module = device.createShaderModule({ code: SHADER });
  const fragment = { module, targets: [{ format }] } satisfies GPUFragmentState;
  const pipeline = device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment });
  const filters = { magFilter: 'linear', minFilter: 'linear', mipmapFilter: 'linear' } as const;
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: texel.createView() },
      { binding: 1, resource: device.createSampler({ ...filters, maxAnisotropy }) },
    ],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: target.createView(), loadOp: 'clear', storeOp: 'store' }],
  });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.draw(3);
  pass.end();
  encoder.copyTextureToBuffer({ texture: target }, { buffer }, [1, 1]);
  device.queue.submit([encoder.finish()]);
  const [error, mapped] = await Promise.all([
    device.popErrorScope().catch(() => null),
    buffer.mapAsync(GPUMapMode.READ).then(
      () => true,
      () => false,
    ),
  ]);
  if (error) throw new Error(`the probe of anisotropic filtering is wrong: ${error.message}`);
  const right = !mapped || new Uint8Array(buffer.getMappedRange()).every((value, at) => value === TEXEL[at]);
  for (const used of [texel, target, buffer]) used.destroy();
  return right;
}
