import type { Work } from './budget.ts';
import { Waiting } from './compiler.ts';
import { type PassCommands, RENDER_BUNDLE_ENTRY_WORDS, readRenderBundleEntry } from './decode.ts';
import { Fault, type Reader } from './reader.ts';
import type { Compiled, Handles, Tables } from './table.ts';

const DRAW_BYTES = 16;
const DRAW_INDEXED_BYTES = 20;
const DISPATCH_BYTES = 12;
/** GPUBufferUsage, whose global only a device's owner installs. */
const INDEX = 16;
const VERTEX = 32;
const INDIRECT = 256;

/** What a render pass and a render bundle both record. */
type RenderCommands = GPURenderCommandsMixin & GPUBindingCommandsMixin & GPUDebugCommandsMixin;

/**
 * The open pass or render bundle. What is set in it already is not said again: a call into Dawn costs more than all
 * checks here.
 */
export class Pass implements PassCommands {
  /** The open render pass or bundle. */
  #render: RenderCommands | undefined;
  /** The open render pass. */
  #renderPass: GPURenderPassEncoder | undefined;
  #bundle: GPURenderBundleEncoder | undefined;
  #bundleDraws = 0;
  #bundleVertices = 0;
  #bundleAt = 0;
  #occlusionQueries = 0;
  #occlusionQuery = false;
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
  readonly #tables: Tables;
  readonly #work: Work;
  readonly #bundles: GPURenderBundle[] = [];
  readonly #blend = { r: 0, g: 0, b: 0, a: 0 };
  /** By count. Dawn takes a plain array in half the time of a part of a typed one. */
  readonly #offsets: number[][];

  constructor({ reader, tables, work, limits }: PassOptions) {
    this.#reader = reader;
    this.#tables = tables;
    this.#work = work;
    const offsets = limits.maxDynamicUniformBuffersPerPipelineLayout + limits.maxDynamicStorageBuffersPerPipelineLayout;
    this.#offsets = Array.from({ length: offsets + 1 }, (_, count) => new Array(count).fill(0));
    this.#groups = new Array(limits.maxBindGroups).fill(undefined);
    this.#vertex = new Array(limits.maxVertexBuffers).fill(undefined);
    this.#vertexOffset = new Array(limits.maxVertexBuffers).fill(0);
    this.#vertexSize = new Array(limits.maxVertexBuffers).fill(0);
  }

  /** The label of the open pass or bundle; '' if there is none. */
  get label(): string {
    return (this.open as GPUObjectBase | undefined)?.label ?? '';
  }

  /** What takes debug groups, where a pass or bundle is open. */
  get open(): GPUDebugCommandsMixin | undefined {
    return this.#render ?? this.#compute;
  }

  /** @param occlusionQueries how many the pass's query set has */
  beginRender(pass: GPURenderPassEncoder, occlusionQueries: number): void {
    this.drop();
    this.#render = pass;
    this.#renderPass = pass;
    this.#occlusionQueries = occlusionQueries;
  }

  beginBundle(bundle: GPURenderBundleEncoder): void {
    this.drop();
    this.#render = bundle;
    this.#bundle = bundle;
    this.#bundleDraws = 0;
    this.#bundleVertices = 0;
    this.#bundleAt = this.#reader.at;
  }

  /** What the bundle holds that was begun. */
  finishBundle(): Handles['renderBundle'] {
    if (this.#bundle === undefined) throw new Fault('no render bundle was begun');
    const bundle = {
      gpu: this.#bundle.finish(),
      draws: this.#bundleDraws,
      vertices: this.#bundleVertices,
      bytes: (this.#reader.at - this.#bundleAt) * 4,
    };
    this.drop();
    return bundle;
  }

  beginCompute(pass: GPUComputePassEncoder): void {
    this.drop();
    this.#compute = pass;
  }

  endRender(): void {
    const pass = this.#passing();
    if (this.#occlusionQuery) throw new Fault('an occlusion query is open');
    pass.end();
    this.drop();
  }

  endCompute(): void {
    this.#computing().end();
    this.drop();
  }

  /** Forgets the pass and all that was set in it. */
  drop(): void {
    this.#render = undefined;
    this.#renderPass = undefined;
    this.#bundle = undefined;
    this.#occlusionQuery = false;
    this.#compute = undefined;
    this.#computePipeline = undefined;
    this.#forget();
  }

  /** Forgets what was set. */
  #forget(): void {
    this.#renderPipeline = undefined;
    this.#index = undefined;
    this.#groups.fill(undefined);
    this.#vertex.fill(undefined);
  }

  setPipeline(pipeline: Handles['renderPipeline']): void {
    const pass = this.#rendering();
    if (pipeline === this.#renderPipeline) return;
    pass.setPipeline(compiled(pipeline));
    this.#renderPipeline = pipeline;
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
    this.#count(vertexCount * instanceCount);
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
    this.#count(indexCount * instanceCount);
    if (indexCount === 0 || instanceCount === 0) return;
    if (first !== 0 || baseVertex !== 0 || firstInstance !== 0)
      pass.drawIndexed(indexCount, instanceCount, first, baseVertex, firstInstance);
    else if (instanceCount !== 1) pass.drawIndexed(indexCount, instanceCount);
    else pass.drawIndexed(indexCount);
  }

  drawIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#drawing();
    inside(buffer, offset, DRAW_BYTES, INDIRECT, 'INDIRECT');
    this.#count(0);
    pass.drawIndirect(buffer.gpu, offset);
  }

  drawIndexedIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#drawing();
    if (this.#index === undefined) throw new Fault('no index buffer is set');
    inside(buffer, offset, DRAW_INDEXED_BYTES, INDIRECT, 'INDIRECT');
    this.#count(0);
    pass.drawIndexedIndirect(buffer.gpu, offset);
  }

  setViewport(x: number, y: number, width: number, height: number, minDepth: number, maxDepth: number): void {
    this.#passing().setViewport(x, y, width, height, minDepth, maxDepth);
  }

  setScissorRect(x: number, y: number, width: number, height: number): void {
    this.#passing().setScissorRect(x, y, width, height);
  }

  setBlendConstant(r: number, g: number, b: number, a: number): void {
    const color = this.#blend;
    color.r = r;
    color.g = g;
    color.b = b;
    color.a = a;
    this.#passing().setBlendConstant(color);
  }

  setStencilReference(reference: number): void {
    this.#passing().setStencilReference(reference);
  }

  beginOcclusionQuery(queryIndex: number): void {
    const pass = this.#passing();
    if (this.#occlusionQuery) throw new Fault('an occlusion query is open');
    if (queryIndex >= this.#occlusionQueries)
      throw new Fault(`queryIndex: ${queryIndex} is not below ${this.#occlusionQueries}, the pass's occlusion queries`);
    pass.beginOcclusionQuery(queryIndex);
    this.#occlusionQuery = true;
  }

  endOcclusionQuery(): void {
    const pass = this.#passing();
    if (!this.#occlusionQuery) throw new Fault('no occlusion query is open');
    pass.endOcclusionQuery();
    this.#occlusionQuery = false;
  }

  executeBundles(bundles: number, bundlesCount: number): void {
    const pass = this.#passing();
    const list = this.#bundles;
    list.length = bundlesCount;
    for (let n = 0; n < bundlesCount; n++) {
      const { bundle } = readRenderBundleEntry(this.#reader, this.#tables, bundles + n * RENDER_BUNDLE_ENTRY_WORDS);
      this.#work.draw(bundle.draws, bundle.vertices);
      list[n] = bundle.gpu;
    }
    pass.executeBundles(list);
    this.#forget();
  }

  /** As executeBundles with one bundle; what follows is the end of the pass. */
  executeStatic(bundle: Handles['renderBundle']): void {
    this.#work.draw(bundle.draws, bundle.vertices);
    this.#bundles.length = 1;
    this.#bundles[0] = bundle.gpu;
    this.#passing().executeBundles(this.#bundles);
  }

  setComputePipeline(pipeline: Handles['computePipeline']): void {
    const pass = this.#computing();
    if (pipeline === this.#computePipeline) return;
    pass.setPipeline(compiled(pipeline));
    this.#computePipeline = pipeline;
  }

  dispatchWorkgroups(x: number, y: number, z: number): void {
    const pass = this.#dispatching();
    this.#work.dispatch(x * y * z);
    if (x !== 0 && y !== 0 && z !== 0) pass.dispatchWorkgroups(x, y, z);
  }

  dispatchWorkgroupsIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#dispatching();
    inside(buffer, offset, DISPATCH_BYTES, INDIRECT, 'INDIRECT');
    this.#work.dispatch(0);
    pass.dispatchWorkgroupsIndirect(buffer.gpu, offset);
  }

  #dynamic(at: number, count: number): number[] {
    const offsets = this.#offsets[count];
    if (offsets === undefined) throw new Fault(`${count} dynamic offsets are more than ${this.#offsets.length - 1}`);
    const { words } = this.#reader;
    for (let n = 0; n < count; n++) offsets[n] = words[at + n]!;
    return offsets;
  }

  /** A draw counts when its pass, or the pass that executes its bundle, is recorded. */
  #count(vertices: number): void {
    if (this.#bundle === undefined) this.#work.draw(1, vertices);
    else {
      this.#bundleDraws++;
      this.#bundleVertices += vertices;
    }
  }

  #passing(): GPURenderPassEncoder {
    if (this.#renderPass === undefined) throw new Fault('there is no open render pass');
    return this.#renderPass;
  }

  #rendering(): RenderCommands {
    if (this.#render === undefined) throw new Fault('there is no open render pass');
    return this.#render;
  }

  #drawing(): RenderCommands {
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

export interface PassOptions {
  reader: Reader;
  tables: Tables;
  work: Work;
  limits: GPUSupportedLimits;
}

/** A pipeline that was made asynchronously may not be there yet, or never. */
export function compiled<T>(pipeline: Compiled<T>): T {
  if (pipeline.compilation) throw new Waiting(pipeline.compilation);
  if (pipeline.gpu === undefined) throw new Fault('the pipeline is not ready: a REPLY_PIPELINE says when it is');
  return pipeline.gpu;
}

/** Checks that a part of a buffer lies inside of it and may be used so. */
export function inside(buffer: Handles['buffer'], offset: number, size: number, usage: number, name: string): void {
  if (offset + size > buffer.size) throw new Fault(`${size} bytes at ${offset} do not fit the buffer's ${buffer.size}`);
  if ((buffer.usage & usage) === 0) throw new Fault(`the buffer was made without usage ${name}`);
}
