import type { PipelineTrial } from '../../gpu/vetting.ts';
import type { BlockedTime } from './blocked.ts';
import { Groups, Unusable } from './resources.ts';

/** Bytes of each vertex buffer: enough for three vertices at WebGPU's largest stride, 2048 bytes. */
const VERTEX_BUFFER_BYTES = 8192;
const DISPATCH_BYTES = 12;
/** Dawn's message for a buffer that is too small for what a shader declares. A layout need not say how much that is. */
const TOO_SMALL = /requires a buffer binding which is at least (\d+) bytes/;

export interface UseOptions {
  device: GPUDevice;
  trial: PipelineTrial;
  pipeline: GPURenderPipeline | GPUComputePipeline;
  /** Counts the time that the calls of WebGPU take. */
  blocked: BlockedTime;
}

/**
 * Uses a pipeline once, because some drivers compile at the first use. Its shaders do as little as possible, because one that
 * ends on a game's data need not end on zeros: it dispatches no workgroups, and draws three vertices with an empty scissor
 * rectangle, so that no fragment is drawn.
 * @throws Unusable if WebGPU refuses that, or a binding is too large to make
 */
export async function use({ device, trial, pipeline, blocked }: UseOptions): Promise<void> {
  for (let storageBytes = 0; ; ) {
    const problem = await attempt({ device, trial, pipeline, blocked }, storageBytes);
    if (problem === undefined) return;
    const [, required] = TOO_SMALL.exec(problem) ?? [];
    if (required === undefined || Number(required) <= storageBytes) throw new Unusable(problem);
    storageBytes = Number(required);
  }
}

/** Uses a pipeline with storage buffers of this size. Returns WebGPU's error if it refuses that. */
async function attempt(
  { device, trial, pipeline, blocked }: UseOptions,
  storageBytes: number,
): Promise<string | undefined> {
  const bound = new Groups(device, storageBytes);
  const target = new Target(device, trial.descriptor as GPURenderPipelineDescriptor);
  try {
    await bound.make(pipeline);
    device.pushErrorScope('validation');
    blocked.measure(() => {
      const encoder = device.createCommandEncoder();
      if (trial.kind === 'computePipeline') target.dispatch(encoder, pipeline as GPUComputePipeline, bound);
      else target.draw(encoder, pipeline as GPURenderPipeline, bound);
      device.queue.submit([encoder.finish()]);
    });
    const error = await device.popErrorScope();
    await device.queue.onSubmittedWorkDone();
    return error?.message;
  } finally {
    bound.destroy();
    target.destroy();
  }
}

/** The attachments and buffers of a pipeline, apart from its bind groups. */
class Target {
  readonly #device: GPUDevice;
  readonly #descriptor: GPURenderPipelineDescriptor;
  readonly #resources: { destroy(): void }[] = [];

  constructor(device: GPUDevice, descriptor: GPURenderPipelineDescriptor) {
    this.#device = device;
    this.#descriptor = descriptor;
  }

  /** Dispatches zero workgroups. The number comes from a buffer, so the driver does not know it when it prepares the work. */
  dispatch(encoder: GPUCommandEncoder, pipeline: GPUComputePipeline, { groups }: Groups): void {
    const counts = this.#buffer(DISPATCH_BYTES, GPUBufferUsage.INDIRECT);
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    for (const [index, { gpu, offsets }] of groups.entries()) pass.setBindGroup(index, gpu, offsets);
    pass.dispatchWorkgroupsIndirect(counts, 0);
    pass.end();
  }

  draw(encoder: GPUCommandEncoder, pipeline: GPURenderPipeline, { groups }: Groups): void {
    const pass = encoder.beginRenderPass({
      colorAttachments: [...(this.#descriptor.fragment?.targets ?? [])].map((target) => target && this.#color(target)),
      ...this.#depth(),
    });
    pass.setPipeline(pipeline);
    pass.setScissorRect(0, 0, 0, 0);
    for (const [index, { gpu, offsets }] of groups.entries()) pass.setBindGroup(index, gpu, offsets);
    for (const [slot, layout] of [...(this.#descriptor.vertex.buffers ?? [])].entries())
      if (layout) pass.setVertexBuffer(slot, this.#buffer(VERTEX_BUFFER_BYTES, GPUBufferUsage.VERTEX));
    pass.draw(3);
    pass.end();
  }

  destroy(): void {
    for (const resource of this.#resources) resource.destroy();
  }

  #color({ format }: GPUColorTargetState): GPURenderPassColorAttachment {
    return { view: this.#view(format), loadOp: 'clear', storeOp: 'store' };
  }

  #depth(): Pick<GPURenderPassDescriptor, 'depthStencilAttachment'> {
    const format = this.#descriptor.depthStencil?.format;
    if (!format) return {};
    const depth = format.includes('depth') && { depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'store' };
    const stencil = format.includes('stencil') && { stencilLoadOp: 'clear', stencilStoreOp: 'store' };
    return {
      depthStencilAttachment: { view: this.#view(format), ...depth, ...stencil } as GPURenderPassDepthStencilAttachment,
    };
  }

  #view(format: GPUTextureFormat): GPUTextureView {
    const { count = 1 } = this.#descriptor.multisample ?? {};
    const usage = GPUTextureUsage.RENDER_ATTACHMENT;
    const texture = this.#device.createTexture({ size: [1, 1], format, sampleCount: count, usage });
    this.#resources.push(texture);
    return texture.createView();
  }

  #buffer(size: number, usage: number): GPUBuffer {
    const buffer = this.#device.createBuffer({ size, usage });
    this.#resources.push(buffer);
    return buffer;
  }
}
