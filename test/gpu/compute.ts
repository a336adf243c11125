import { Picture } from './fixture.ts';

/** Number of the words that a shader of these tests computes, in its storage buffer `data`. */
export const WORDS = 256;

/** The first error that the GPU's compiler finds in a WGSL text; '' if there is none. */
export async function problemIn(device: GPUDevice, code: string): Promise<string> {
  device.pushErrorScope('validation');
  device.createShaderModule({ code });
  return (await device.popErrorScope())?.message ?? '';
}

/**
 * Runs the compute shader of a WGSL text in four workgroups on a storage buffer of WORDS words, which contain their own index.
 * Returns the words afterwards. @throws Error if the GPU refuses the shader
 */
export async function compute(device: GPUDevice, code: string): Promise<Uint32Array> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  device.pushErrorScope('validation');
  const data = device.createBuffer({ size: 4 * WORDS, usage: STORAGE | COPY_SRC | COPY_DST });
  const read = device.createBuffer({ size: 4 * WORDS, usage: COPY_DST | MAP_READ });
  device.queue.writeBuffer(
    data,
    0,
    Uint32Array.from({ length: WORDS }, (_, n) => n),
  );
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const entries = [{ binding: 0, resource: { buffer: data } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(4);
  pass.end();
  encoder.copyBufferToBuffer(data, 0, read, 0, 4 * WORDS);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  await read.mapAsync(GPUMapMode.READ);
  const words = new Uint32Array(read.getMappedRange()).slice();
  data.destroy();
  read.destroy();
  return words;
}

/** Draws three vertices, which cover the picture, and returns the colours of some pixels. @throws Error as compute() does */
export async function draw(device: GPUDevice, code: string): Promise<string[]> {
  const picture = new Picture(device);
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const fragment = { module, targets: [{ format: 'rgba8unorm' }] } satisfies GPUFragmentState;
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: picture.view, loadOp: 'clear', storeOp: 'store' }],
  });
  pass.setPipeline(device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment }));
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const at = await picture.read();
  picture.texture.destroy();
  return [0, 5, 10, 15].flatMap((y) => [0, 5, 10, 15].map((x) => at(x, y)));
}
