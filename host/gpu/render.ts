import type { Bindings } from './bindings.ts';
import type { Work } from './budget.ts';
import { compiled } from './compiler.ts';
import { RENDER_BUNDLE_ENTRY, type RenderPassCommands } from './decode.ts';
import { checkRange, INDEX, INDIRECT, VERTEX } from './range.ts';
import { Fault, type Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';

/** Bytes that an indirect draw reads from its buffer: four u32, or five for an indexed draw. */
const DRAW_BYTES = 16;
const DRAW_INDEXED_BYTES = 20;

/** The commands that render passes and render bundles have in common. */
type Recorder = GPUObjectBase & GPURenderCommandsMixin & GPUBindingCommandsMixin & GPUDebugCommandsMixin;

/** A render bundle that is being recorded, and the number of draws and vertices in it so far. */
interface RenderBundleRecording {
  readonly encoder: GPURenderBundleEncoder;
  /** Index, in the command stream, of the word at which the render bundle begins. */
  readonly at: number;
  draws: number;
  vertices: number;
}

export interface RenderPassOptions {
  reader: Reader;
  tables: Tables;
  work: Work;
  bindings: Bindings;
  limits: GPUSupportedLimits;
}

/**
 * Executes a module's commands for render passes and render bundles. Skips commands that set state to its current value,
 * because a call into Dawn costs more than all checks here.
 */
export class RenderPass implements RenderPassCommands {
  readonly #reader: Reader;
  readonly #tables: Tables;
  readonly #work: Work;
  readonly #bindings: Bindings;
  /** The open pass or render bundle. */
  #recorder: Recorder | undefined;
  #pass: GPURenderPassEncoder | undefined;
  #recording: RenderBundleRecording | undefined;
  #pipeline: Handles['renderPipeline'] | undefined;
  #index: Handles['buffer'] | undefined;
  #indexFormat: GPUIndexFormat | undefined;
  #indexOffset = 0;
  #indexSize = 0;
  /** Vertex buffers by slot. */
  readonly #vertex: (Handles['buffer'] | undefined)[];
  readonly #vertexOffset: number[];
  readonly #vertexSize: number[];
  /** Number of queries in the open pass's occlusion query set. */
  #occlusionQueries = 0;
  #inOcclusionQuery = false;
  readonly #executed: GPURenderBundle[] = [];
  readonly #blendConstant = { r: 0, g: 0, b: 0, a: 0 };

  constructor({ reader, tables, work, bindings, limits }: RenderPassOptions) {
    this.#reader = reader;
    this.#tables = tables;
    this.#work = work;
    this.#bindings = bindings;
    this.#vertex = new Array(limits.maxVertexBuffers).fill(undefined);
    this.#vertexOffset = new Array(limits.maxVertexBuffers).fill(0);
    this.#vertexSize = new Array(limits.maxVertexBuffers).fill(0);
  }

  /** Makes a pass the open render pass. @param occlusionQueries number of queries in its occlusion query set */
  begin(pass: GPURenderPassEncoder, occlusionQueries: number): void {
    this.#begin(pass);
    this.#pass = pass;
    this.#occlusionQueries = occlusionQueries;
  }

  end(): void {
    const pass = this.#openPass();
    if (this.#inOcclusionQuery) throw new Fault('an occlusion query is open');
    pass.end();
    this.drop();
  }

  /** Begins to record a render bundle with this GPU encoder. */
  beginRenderBundle(encoder: GPURenderBundleEncoder): void {
    this.#begin(encoder);
    this.#recording = { encoder, at: this.#reader.at, draws: 0, vertices: 0 };
  }

  /** Finishes the render bundle that is being recorded and returns it. @throws Fault if there is none */
  finishRenderBundle(): Handles['renderBundle'] {
    if (this.#recording === undefined) throw new Fault('no render bundle was begun');
    const { encoder, at, draws, vertices } = this.#recording;
    const renderBundle = { gpu: encoder.finish(), draws, vertices, bytes: (this.#reader.at - at) * 4 };
    this.drop();
    return renderBundle;
  }

  /** Forgets the open pass or render bundle, if any. */
  drop(): void {
    if (this.#recorder) this.#bindings.end();
    this.#recorder = undefined;
    this.#pass = undefined;
    this.#recording = undefined;
    this.#inOcclusionQuery = false;
    this.#forget();
  }

  setPipeline(pipeline: Handles['renderPipeline']): void {
    const recorder = this.#openRecorder();
    if (pipeline === this.#pipeline) return;
    recorder.setPipeline(compiled(pipeline));
    this.#pipeline = pipeline;
  }

  setVertexBuffer(slot: number, buffer: Handles['buffer'] | undefined, offset: number, size: number): void {
    const recorder = this.#openRecorder();
    if (slot >= this.#vertex.length) throw new Fault(`slot: ${slot} is not below ${this.#vertex.length}`);
    if (buffer === undefined) {
      this.#vertex[slot] = undefined;
      recorder.setVertexBuffer(slot, null);
      return;
    }
    if (buffer === this.#vertex[slot] && offset === this.#vertexOffset[slot] && size === this.#vertexSize[slot]) return;
    checkRange(buffer, offset, size, VERTEX);
    this.#vertex[slot] = buffer;
    this.#vertexOffset[slot] = offset;
    this.#vertexSize[slot] = size;
    if (size === 0) recorder.setVertexBuffer(slot, buffer.gpu, offset);
    else recorder.setVertexBuffer(slot, buffer.gpu, offset, size);
  }

  setIndexBuffer(buffer: Handles['buffer'], format: GPUIndexFormat, offset: number, size: number): void {
    const recorder = this.#openRecorder();
    const same = buffer === this.#index && format === this.#indexFormat;
    if (same && offset === this.#indexOffset && size === this.#indexSize) return;
    checkRange(buffer, offset, size, INDEX);
    this.#index = buffer;
    this.#indexFormat = format;
    this.#indexOffset = offset;
    this.#indexSize = size;
    if (size === 0) recorder.setIndexBuffer(buffer.gpu, format, offset);
    else recorder.setIndexBuffer(buffer.gpu, format, offset, size);
  }

  draw(vertexCount: number, instanceCount: number, firstVertex: number, firstInstance: number): void {
    const recorder = this.#ready();
    this.#count(vertexCount * instanceCount);
    // Dawn writes a warning to stderr for each draw of nothing, so a module could flood the log.
    if (vertexCount === 0 || instanceCount === 0) return;
    // Each argument of a call into Dawn costs time, so trailing arguments are left out if they have their defaults.
    if (firstInstance !== 0 || firstVertex !== 0) recorder.draw(vertexCount, instanceCount, firstVertex, firstInstance);
    else if (instanceCount !== 1) recorder.draw(vertexCount, instanceCount);
    else recorder.draw(vertexCount);
  }

  drawIndexed(
    indexCount: number,
    instanceCount: number,
    firstIndex: number,
    baseVertex: number,
    firstInstance: number,
  ): void {
    const recorder = this.#readyIndexed();
    this.#count(indexCount * instanceCount);
    if (indexCount === 0 || instanceCount === 0) return;
    if (firstIndex !== 0 || baseVertex !== 0 || firstInstance !== 0)
      recorder.drawIndexed(indexCount, instanceCount, firstIndex, baseVertex, firstInstance);
    else if (instanceCount !== 1) recorder.drawIndexed(indexCount, instanceCount);
    else recorder.drawIndexed(indexCount);
  }

  drawIndirect(buffer: Handles['buffer'], offset: number): void {
    const recorder = this.#ready();
    checkRange(buffer, offset, DRAW_BYTES, INDIRECT);
    this.#count(0);
    recorder.drawIndirect(buffer.gpu, offset);
  }

  drawIndexedIndirect(buffer: Handles['buffer'], offset: number): void {
    const recorder = this.#readyIndexed();
    checkRange(buffer, offset, DRAW_INDEXED_BYTES, INDIRECT);
    this.#count(0);
    recorder.drawIndexedIndirect(buffer.gpu, offset);
  }

  setViewport(x: number, y: number, width: number, height: number, minDepth: number, maxDepth: number): void {
    this.#openPass().setViewport(x, y, width, height, minDepth, maxDepth);
  }

  setScissorRect(x: number, y: number, width: number, height: number): void {
    this.#openPass().setScissorRect(x, y, width, height);
  }

  setBlendConstant(r: number, g: number, b: number, a: number): void {
    const color = this.#blendConstant;
    color.r = r;
    color.g = g;
    color.b = b;
    color.a = a;
    this.#openPass().setBlendConstant(color);
  }

  setStencilReference(reference: number): void {
    this.#openPass().setStencilReference(reference);
  }

  beginOcclusionQuery(queryIndex: number): void {
    const pass = this.#openPass();
    if (this.#inOcclusionQuery) throw new Fault('an occlusion query is open');
    if (queryIndex >= this.#occlusionQueries)
      throw new Fault(`queryIndex: ${queryIndex} is not below ${this.#occlusionQueries}, the pass's occlusion queries`);
    pass.beginOcclusionQuery(queryIndex);
    this.#inOcclusionQuery = true;
  }

  endOcclusionQuery(): void {
    const pass = this.#openPass();
    if (!this.#inOcclusionQuery) throw new Fault('no occlusion query is open');
    pass.endOcclusionQuery();
    this.#inOcclusionQuery = false;
  }

  executeBundles(bundles: number, bundlesCount: number): void {
    const pass = this.#openPass();
    const executed = this.#executed;
    executed.length = bundlesCount;
    for (let n = 0; n < bundlesCount; n++) {
      const { bundle } = RENDER_BUNDLE_ENTRY.read(this.#reader, this.#tables, bundles + n * RENDER_BUNDLE_ENTRY.words);
      this.#work.draw(bundle.draws, bundle.vertices);
      executed[n] = bundle.gpu;
    }
    pass.executeBundles(executed);
    this.#forget();
    this.#bindings.forget();
  }

  /** Executes one render bundle as the last command of the open pass. */
  executeLast(renderBundle: Handles['renderBundle']): void {
    this.#work.draw(renderBundle.draws, renderBundle.vertices);
    this.#executed.length = 1;
    this.#executed[0] = renderBundle.gpu;
    this.#openPass().executeBundles(this.#executed);
  }

  #begin(recorder: Recorder): void {
    this.drop();
    this.#recorder = recorder;
    this.#bindings.begin(recorder);
  }

  /** Forgets the pipeline and buffers that are set, because WebGPU has unset them. */
  #forget(): void {
    this.#pipeline = undefined;
    this.#index = undefined;
    this.#vertex.fill(undefined);
  }

  /** Counts a draw against the module's limits. A draw in a render bundle counts each time a pass executes the bundle. */
  #count(vertices: number): void {
    if (this.#recording === undefined) this.#work.draw(1, vertices);
    else {
      this.#recording.draws++;
      this.#recording.vertices += vertices;
    }
  }

  #openPass(): GPURenderPassEncoder {
    if (this.#pass === undefined) throw new Fault('there is no open render pass');
    return this.#pass;
  }

  #openRecorder(): Recorder {
    if (this.#recorder === undefined) throw new Fault('there is no open render pass');
    return this.#recorder;
  }

  #ready(): Recorder {
    const recorder = this.#openRecorder();
    if (this.#pipeline === undefined) throw new Fault('no pipeline is set');
    return recorder;
  }

  #readyIndexed(): Recorder {
    const recorder = this.#ready();
    if (this.#index === undefined) throw new Fault('no index buffer is set');
    return recorder;
  }
}
