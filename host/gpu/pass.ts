import type { PassCommands } from './decode.ts';
import { Fault, type Reader } from './reader.ts';
import type { Handles } from './table.ts';

const DRAW_BYTES = 16;
const DRAW_INDEXED_BYTES = 20;
const DISPATCH_BYTES = 12;
/** GPUBufferUsage, whose global only a device's owner installs. */
const INDEX = 16;
const VERTEX = 32;
const INDIRECT = 256;

/** What a pass sets that is set already is not said again: a call into Dawn costs more than all checks here. */
export class Pass implements PassCommands {
  #render: GPURenderPassEncoder | undefined;
  #compute: GPUComputePassEncoder | undefined;
  #renderPipeline: Handles['renderPipeline'] | undefined;
  #computePipeline: Handles['computePipeline'] | undefined;
  #index: Handles['buffer'] | undefined;
  #indexFormat: GPUIndexFormat | undefined;
  #indexOffset = 0;
  #indexSize = 0;
  /** By index; undefined also where dynamic offsets were given. */
  readonly #groups: (Handles['bindGroup'] | undefined)[];
  readonly #vertex: (Handles['buffer'] | undefined)[];
  readonly #vertexOffset: number[];
  readonly #vertexSize: number[];
  readonly #reader: Reader;
  /** By count. Dawn takes a plain array in half the time of a part of a typed one. */
  readonly #offsets: number[][];

  constructor(reader: Reader, limits: GPUSupportedLimits) {
    this.#reader = reader;
    const offsets = limits.maxDynamicUniformBuffersPerPipelineLayout + limits.maxDynamicStorageBuffersPerPipelineLayout;
    this.#offsets = Array.from({ length: offsets + 1 }, (_, count) => new Array(count).fill(0));
    this.#groups = new Array(limits.maxBindGroups).fill(undefined);
    this.#vertex = new Array(limits.maxVertexBuffers).fill(undefined);
    this.#vertexOffset = new Array(limits.maxVertexBuffers).fill(0);
    this.#vertexSize = new Array(limits.maxVertexBuffers).fill(0);
  }

  get open(): boolean {
    return this.#render !== undefined || this.#compute !== undefined;
  }

  beginRender(pass: GPURenderPassEncoder): void {
    this.drop();
    this.#render = pass;
  }

  beginCompute(pass: GPUComputePassEncoder): void {
    this.drop();
    this.#compute = pass;
  }

  endRender(): void {
    this.#rendering().end();
    this.drop();
  }

  endCompute(): void {
    this.#computing().end();
    this.drop();
  }

  /** Forgets the pass and all that was set in it. */
  drop(): void {
    this.#render = undefined;
    this.#compute = undefined;
    this.#renderPipeline = undefined;
    this.#computePipeline = undefined;
    this.#index = undefined;
    this.#groups.fill(undefined);
    this.#vertex.fill(undefined);
  }

  setPipeline(pipeline: Handles['renderPipeline']): void {
    const pass = this.#rendering();
    if (pipeline === this.#renderPipeline) return;
    this.#renderPipeline = pipeline;
    pass.setPipeline(pipeline.gpu);
  }

  setBindGroup(
    index: number,
    bindGroup: Handles['bindGroup'] | undefined,
    offsets: number,
    offsetsCount: number,
  ): void {
    const pass = this.#render ?? this.#compute;
    if (pass === undefined) throw new Fault('there is no open pass');
    if (index >= this.#groups.length) throw new Fault(`index: ${index} is not below ${this.#groups.length}`);
    if (offsetsCount > 0) {
      if (bindGroup === undefined) throw new Fault('dynamic offsets without a bind group');
      this.#groups[index] = undefined;
      pass.setBindGroup(index, bindGroup.gpu, this.#dynamic(offsets, offsetsCount));
    } else if (bindGroup === undefined || bindGroup !== this.#groups[index]) {
      this.#groups[index] = bindGroup;
      pass.setBindGroup(index, bindGroup === undefined ? null : bindGroup.gpu);
    }
  }

  setVertexBuffer(slot: number, buffer: Handles['buffer'] | undefined, offset: number, size: number): void {
    const pass = this.#rendering();
    if (slot >= this.#vertex.length) throw new Fault(`slot: ${slot} is not below ${this.#vertex.length}`);
    if (buffer === undefined) {
      this.#vertex[slot] = undefined;
      pass.setVertexBuffer(slot, null);
      return;
    }
    if (buffer === this.#vertex[slot] && offset === this.#vertexOffset[slot] && size === this.#vertexSize[slot]) return;
    inside(buffer, offset, size, VERTEX, 'VERTEX');
    this.#vertex[slot] = buffer;
    this.#vertexOffset[slot] = offset;
    this.#vertexSize[slot] = size;
    if (size === 0) pass.setVertexBuffer(slot, buffer.gpu, offset);
    else pass.setVertexBuffer(slot, buffer.gpu, offset, size);
  }

  setIndexBuffer(buffer: Handles['buffer'], format: GPUIndexFormat, offset: number, size: number): void {
    const pass = this.#rendering();
    const same = buffer === this.#index && format === this.#indexFormat;
    if (same && offset === this.#indexOffset && size === this.#indexSize) return;
    inside(buffer, offset, size, INDEX, 'INDEX');
    this.#index = buffer;
    this.#indexFormat = format;
    this.#indexOffset = offset;
    this.#indexSize = size;
    if (size === 0) pass.setIndexBuffer(buffer.gpu, format, offset);
    else pass.setIndexBuffer(buffer.gpu, format, offset, size);
  }

  draw(vertexCount: number, instanceCount: number, firstVertex: number, firstInstance: number): void {
    const pass = this.#drawing();
    // Dawn writes a warning to stderr for a draw of nothing, and a module could make it write without end.
    if (vertexCount === 0 || instanceCount === 0) return;
    // Each argument costs: what has its default is left out.
    if (firstInstance !== 0 || firstVertex !== 0) pass.draw(vertexCount, instanceCount, firstVertex, firstInstance);
    else if (instanceCount !== 1) pass.draw(vertexCount, instanceCount);
    else pass.draw(vertexCount);
  }

  drawIndexed(
    indexCount: number,
    instanceCount: number,
    first: number,
    baseVertex: number,
    firstInstance: number,
  ): void {
    const pass = this.#drawing();
    if (this.#index === undefined) throw new Fault('no index buffer is set');
    if (indexCount === 0 || instanceCount === 0) return;
    if (first !== 0 || baseVertex !== 0 || firstInstance !== 0)
      pass.drawIndexed(indexCount, instanceCount, first, baseVertex, firstInstance);
    else if (instanceCount !== 1) pass.drawIndexed(indexCount, instanceCount);
    else pass.drawIndexed(indexCount);
  }

  drawIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#drawing();
    inside(buffer, offset, DRAW_BYTES, INDIRECT, 'INDIRECT');
    pass.drawIndirect(buffer.gpu, offset);
  }

  drawIndexedIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#drawing();
    if (this.#index === undefined) throw new Fault('no index buffer is set');
    inside(buffer, offset, DRAW_INDEXED_BYTES, INDIRECT, 'INDIRECT');
    pass.drawIndexedIndirect(buffer.gpu, offset);
  }

  setViewport(x: number, y: number, width: number, height: number, minDepth: number, maxDepth: number): void {
    this.#rendering().setViewport(x, y, width, height, minDepth, maxDepth);
  }

  setScissorRect(x: number, y: number, width: number, height: number): void {
    this.#rendering().setScissorRect(x, y, width, height);
  }

  setBlendConstant(r: number, g: number, b: number, a: number): void {
    this.#rendering().setBlendConstant({ r, g, b, a });
  }

  setStencilReference(reference: number): void {
    this.#rendering().setStencilReference(reference);
  }

  setComputePipeline(pipeline: Handles['computePipeline']): void {
    const pass = this.#computing();
    if (pipeline === this.#computePipeline) return;
    this.#computePipeline = pipeline;
    pass.setPipeline(pipeline.gpu);
  }

  dispatchWorkgroups(x: number, y: number, z: number): void {
    const pass = this.#dispatching();
    if (x !== 0 && y !== 0 && z !== 0) pass.dispatchWorkgroups(x, y, z);
  }

  dispatchWorkgroupsIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#dispatching();
    inside(buffer, offset, DISPATCH_BYTES, INDIRECT, 'INDIRECT');
    pass.dispatchWorkgroupsIndirect(buffer.gpu, offset);
  }

  #dynamic(at: number, count: number): number[] {
    const offsets = this.#offsets[count];
    if (offsets === undefined) throw new Fault(`${count} dynamic offsets are more than ${this.#offsets.length - 1}`);
    const { words } = this.#reader;
    for (let n = 0; n < count; n++) offsets[n] = words[at + n]!;
    return offsets;
  }

  #rendering(): GPURenderPassEncoder {
    if (this.#render === undefined) throw new Fault('there is no open render pass');
    return this.#render;
  }

  #drawing(): GPURenderPassEncoder {
    if (this.#render === undefined) throw new Fault('there is no open render pass');
    if (this.#renderPipeline === undefined) throw new Fault('no pipeline is set');
    return this.#render;
  }

  #computing(): GPUComputePassEncoder {
    if (this.#compute === undefined) throw new Fault('there is no open compute pass');
    return this.#compute;
  }

  #dispatching(): GPUComputePassEncoder {
    if (this.#compute === undefined) throw new Fault('there is no open compute pass');
    if (this.#computePipeline === undefined) throw new Fault('no pipeline is set');
    return this.#compute;
  }
}

/** Checks that a part of a buffer lies inside of it and may be used so. */
export function inside(buffer: Handles['buffer'], offset: number, size: number, usage: number, name: string): void {
  if (offset + size > buffer.size) throw new Fault(`${size} bytes at ${offset} do not fit the buffer's ${buffer.size}`);
  if ((buffer.usage & usage) === 0) throw new Fault(`the buffer was made without usage ${name}`);
}
