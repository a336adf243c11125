import type { EncoderCommands } from './decode.ts';
import {
  COLOR_ATTACHMENT_WORDS,
  type ColorAttachment,
  decode,
  type Handler,
  names,
  readColorAttachment,
} from './decode.ts';
import { inside, type Pass } from './pass.ts';
import { Fault, Reader } from './reader.ts';
import { type StaticPass, StaticPasses } from './static.ts';
import type { Handles, Tables } from './table.ts';
import type { GpuTimer } from './timer.ts';

const COPY_SRC = 4;
const COPY_DST = 8;
const QUERY_RESOLVE = 512;
const QUERY_BYTES = 8;

type Loose<T> = { -readonly [K in keyof T]: T[K] | undefined };
type Attachment = Loose<GPURenderPassColorAttachment> & { clearValue: GPUColorDict };

interface Part {
  from: number;
  to: number;
  depthView: Handles['textureView'] | undefined;
  depthReadOnly: boolean;
  stencilReadOnly: boolean;
}

export interface EncoderOptions {
  device: GPUDevice;
  reader: Reader;
  /** Records what becomes a bundle. */
  handler: Handler & { readonly pass: Pass };
  timer: GpuTimer | undefined;
}

/** The one command encoder that a module records into: begun by its first command, finished by `submit`. */
export class Encoder implements EncoderCommands {
  readonly #device: GPUDevice;
  readonly #reader: Reader;
  readonly #tables: Tables;
  readonly #pass: Pass;
  readonly #handler: Handler;
  readonly #static = new StaticPasses();
  readonly #part = new Reader();
  readonly #timer: GpuTimer | undefined;
  #gpu: GPUCommandEncoder | undefined;
  readonly #colors: (Loose<GPURenderPassColorAttachment> | null)[] = [];
  readonly #attachmentPool: Attachment[];
  readonly #views: (Handles['textureView'] | undefined)[] = [];
  readonly #depth: Loose<GPURenderPassDepthStencilAttachment> = {} as Loose<GPURenderPassDepthStencilAttachment>;
  readonly #writes = {} as Loose<GPURenderPassTimestampWrites>;
  readonly #compute: Loose<GPUComputePassDescriptor> = { label: '', timestampWrites: undefined };
  readonly #render: Loose<GPURenderPassDescriptor> = {
    colorAttachments: [],
  } as Loose<GPURenderPassDescriptor>;
  readonly #site = {
    buffer: undefined,
    offset: 0,
    bytesPerRow: 0,
    rowsPerImage: 0,
  } as Loose<GPUTexelCopyBufferInfo>;
  readonly #from = textureSite();
  readonly #to = textureSite();
  readonly #extent = { width: 0, height: 0, depthOrArrayLayers: 0 };

  constructor({ device, reader, handler, timer }: EncoderOptions) {
    this.#device = device;
    this.#reader = reader;
    this.#handler = handler;
    this.#tables = handler.tables;
    this.#pass = handler.pass;
    this.#timer = timer;
    this.#attachmentPool = Array.from(
      { length: device.limits.maxColorAttachments },
      () => ({ clearValue: { r: 0, g: 0, b: 0, a: 0 } }) as Attachment,
    );
  }

  /** Whether commands were recorded that no submit has finished. */
  get open(): boolean {
    return this.#gpu !== undefined;
  }

  /** What was recorded since the last time, or undefined for nothing. */
  finish(): GPUCommandBuffer | undefined {
    if (this.#pass.open) throw new Fault('a pass or a render bundle is open');
    const commands = this.#gpu?.finish();
    this.#gpu = undefined;
    return commands;
  }

  /** A call begins. */
  begin(): void {
    this.#static.begin();
  }

  /** Forgets what was kept of earlier calls. */
  forget(): void {
    this.#static.clear();
  }

  drop(): void {
    this.#pass.drop();
    this.#gpu = undefined;
  }

  copyBufferToBuffer(
    source: Handles['buffer'],
    sourceOffset: number,
    destination: Handles['buffer'],
    destinationOffset: number,
    size: number,
  ): void {
    inside(source, sourceOffset, size, COPY_SRC, 'COPY_SRC');
    inside(destination, destinationOffset, size, COPY_DST, 'COPY_DST');
    this.#recording().copyBufferToBuffer(source.gpu, sourceOffset, destination.gpu, destinationOffset, size);
  }

  copyBufferToTexture(
    buffer: Handles['buffer'],
    offset: number,
    bytesPerRow: number,
    rowsPerImage: number,
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspect,
    width: number,
    height: number,
    depthOrArrayLayers: number,
  ): void {
    inside(buffer, offset, 0, COPY_SRC, 'COPY_SRC');
    const from = this.#bufferSite(buffer, offset, bytesPerRow, rowsPerImage);
    const to = setSite(this.#to, texture, mipLevel, originX, originY, originZ, aspect);
    this.#recording().copyBufferToTexture(from, to, this.#size(width, height, depthOrArrayLayers));
  }

  copyTextureToBuffer(
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspect,
    buffer: Handles['buffer'],
    offset: number,
    bytesPerRow: number,
    rowsPerImage: number,
    width: number,
    height: number,
    depthOrArrayLayers: number,
  ): void {
    inside(buffer, offset, 0, COPY_DST, 'COPY_DST');
    const from = setSite(this.#from, texture, mipLevel, originX, originY, originZ, aspect);
    const to = this.#bufferSite(buffer, offset, bytesPerRow, rowsPerImage);
    this.#recording().copyTextureToBuffer(from, to, this.#size(width, height, depthOrArrayLayers));
  }

  copyTextureToTexture(
    source: Handles['texture'],
    sourceMipLevel: number,
    sourceX: number,
    sourceY: number,
    sourceZ: number,
    sourceAspect: GPUTextureAspect,
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspect,
    width: number,
    height: number,
    depthOrArrayLayers: number,
  ): void {
    const from = setSite(this.#from, source, sourceMipLevel, sourceX, sourceY, sourceZ, sourceAspect);
    const to = setSite(this.#to, texture, mipLevel, originX, originY, originZ, aspect);
    this.#recording().copyTextureToTexture(from, to, this.#size(width, height, depthOrArrayLayers));
  }

  clearBuffer(buffer: Handles['buffer'], offset: number, size: number): void {
    inside(buffer, offset, size, COPY_DST, 'COPY_DST');
    const encoder = this.#recording();
    if (size === 0) encoder.clearBuffer(buffer.gpu, offset);
    else encoder.clearBuffer(buffer.gpu, offset, size);
  }

  beginRenderPass(
    depthView: Handles['textureView'] | undefined,
    depthLoadOp: GPULoadOp | undefined,
    depthStoreOp: GPUStoreOp | undefined,
    depthClearValue: number,
    depthReadOnly: boolean,
    stencilLoadOp: GPULoadOp | undefined,
    stencilStoreOp: GPUStoreOp | undefined,
    stencilClearValue: number,
    stencilReadOnly: boolean,
    occlusionQuerySet: Handles['querySet'] | undefined,
    timestampQuerySet: Handles['querySet'] | undefined,
    beginningOfPassWriteIndex: number | undefined,
    endOfPassWriteIndex: number | undefined,
    label: string,
    colorAttachments: number,
    colorAttachmentsCount: number,
  ): void {
    const encoder = this.#recording();
    const render = this.#render;
    render.label = label;
    render.colorAttachments = this.#attachments(colorAttachments, colorAttachmentsCount);
    render.occlusionQuerySet = occlusionQuerySet?.gpu;
    render.timestampWrites = timestampQuerySet
      ? this.#timestamps(timestampQuerySet, beginningOfPassWriteIndex, endOfPassWriteIndex)
      : this.#timer?.pass();
    render.depthStencilAttachment = undefined;
    if (depthView) {
      const depth = this.#depth;
      depth.view = depthView.gpu;
      depth.depthLoadOp = depthLoadOp;
      depth.depthStoreOp = depthStoreOp;
      depth.depthClearValue = depthLoadOp === 'clear' ? depthClearValue : undefined;
      depth.depthReadOnly = depthReadOnly;
      depth.stencilLoadOp = stencilLoadOp;
      depth.stencilStoreOp = stencilStoreOp;
      depth.stencilClearValue = stencilClearValue;
      depth.stencilReadOnly = stencilReadOnly;
      render.depthStencilAttachment = depth as GPURenderPassDepthStencilAttachment;
    }
    // Before the pass begins: no bundle is recorded within one.
    const repeated = this.#static.find(
      this.#reader,
      this.#target(depthView, depthReadOnly, stencilReadOnly),
      (from, to) => this.#bundle({ from, to, depthView, depthReadOnly, stencilReadOnly }),
    );
    this.#pass.beginRender(encoder.beginRenderPass(render as GPURenderPassDescriptor), occlusionQuerySet?.count ?? 0);
    if (repeated) this.#repeat(repeated);
  }

  /** A number that tells apart what passes draw into, as far as bundles care. */
  #target(depthView: Handles['textureView'] | undefined, depthReadOnly: boolean, stencilReadOnly: boolean): number {
    let target = Number(depthReadOnly) * 2 + Number(stencilReadOnly);
    for (let n = -1; n < this.#colors.length; n++) {
      const view = n < 0 ? depthView : this.#views[n];
      target = Math.imul(target, 1009) + (view ? names.TextureFormat.indexOf(view.format) * 8 + view.sampleCount : 0);
    }
    return target;
  }

  /** Part of the stream as a render bundle; undefined where a command of it is bad, which will show when it is done. */
  #bundle({ from, to, depthView, depthReadOnly, stencilReadOnly }: Part): Handles['renderBundle'] | undefined {
    const views = this.#views.slice(0, this.#colors.length);
    const sampleCount = (depthView ?? views.find((view) => view))?.sampleCount ?? 1;
    const depth = depthView && { depthStencilFormat: depthView.format, depthReadOnly, stencilReadOnly };
    const colorFormats = views.map((view) => view?.format ?? null);
    try {
      this.#pass.beginBundle(this.#device.createRenderBundleEncoder({ colorFormats, sampleCount, ...depth }));
      this.#part.openPart(this.#reader, from, to);
      decode(this.#part, this.#handler);
      return this.#pass.finishBundle();
    } catch {
      this.#pass.drop();
      return undefined;
    }
  }

  #repeat({ bundle, commands, words }: StaticPass): void {
    this.#pass.executeStatic(bundle);
    const reader = this.#reader;
    reader.jump = reader.end + words.length;
    reader.index += commands;
  }

  endRenderPass(): void {
    this.#pass.endRender();
  }

  beginComputePass(
    timestampQuerySet: Handles['querySet'] | undefined,
    beginningOfPassWriteIndex: number | undefined,
    endOfPassWriteIndex: number | undefined,
    label: string,
  ): void {
    const encoder = this.#recording();
    const compute = this.#compute;
    compute.label = label;
    compute.timestampWrites = timestampQuerySet
      ? this.#timestamps(timestampQuerySet, beginningOfPassWriteIndex, endOfPassWriteIndex)
      : this.#timer?.pass();
    this.#pass.beginCompute(encoder.beginComputePass(compute as GPUComputePassDescriptor));
  }

  endComputePass(): void {
    this.#pass.endCompute();
  }

  resolveQuerySet(
    querySet: Handles['querySet'],
    firstQuery: number,
    queryCount: number,
    destination: Handles['buffer'],
    destinationOffset: number,
  ): void {
    if (firstQuery + queryCount > querySet.count)
      throw new Fault(`${queryCount} queries from ${firstQuery} on do not fit the set's ${querySet.count}`);
    inside(destination, destinationOffset, queryCount * QUERY_BYTES, QUERY_RESOLVE, 'QUERY_RESOLVE');
    this.#recording().resolveQuerySet(querySet.gpu, firstQuery, queryCount, destination.gpu, destinationOffset);
  }

  pushDebugGroup(groupLabel: string): void {
    this.#debugging().pushDebugGroup(groupLabel);
  }

  popDebugGroup(): void {
    this.#debugging().popDebugGroup();
  }

  insertDebugMarker(markerLabel: string): void {
    this.#debugging().insertDebugMarker(markerLabel);
  }

  #debugging(): GPUDebugCommandsMixin {
    return this.#pass.open ?? this.#recording();
  }

  #timestamps(
    set: Handles['querySet'],
    beginning: number | undefined,
    end: number | undefined,
  ): GPURenderPassTimestampWrites {
    const writes = this.#writes;
    writes.querySet = set.gpu;
    writes.beginningOfPassWriteIndex = beginning;
    writes.endOfPassWriteIndex = end;
    return writes as GPURenderPassTimestampWrites;
  }

  #recording(): GPUCommandEncoder {
    if (this.#pass.open) throw new Fault('a pass or a render bundle is open');
    this.#gpu ??= this.#device.createCommandEncoder();
    return this.#gpu;
  }

  #attachments(at: number, count: number): GPURenderPassColorAttachment[] {
    const max = this.#device.limits.maxColorAttachments;
    if (count > max) throw new Fault(`${count} color attachments are more than ${max}`);
    const colors = this.#colors;
    colors.length = count;
    for (let n = 0; n < count; n++)
      colors[n] = this.#attachment(n, readColorAttachment(this.#reader, this.#tables, at + n * COLOR_ATTACHMENT_WORDS));
    return colors as GPURenderPassColorAttachment[];
  }

  /** Attachment `n` of the pass, in a record that is used again. */
  #attachment(n: number, record: ColorAttachment): Loose<GPURenderPassColorAttachment> | null {
    this.#views[n] = record.view;
    if (!record.view) return null;
    const attachment = this.#attachmentPool[n]!;
    attachment.view = record.view.gpu;
    attachment.depthSlice = record.depthSlice;
    attachment.resolveTarget = record.resolveTarget?.gpu;
    attachment.loadOp = record.loadOp;
    attachment.storeOp = record.storeOp;
    const clear = attachment.clearValue;
    clear.r = record.clearR;
    clear.g = record.clearG;
    clear.b = record.clearB;
    clear.a = record.clearA;
    return attachment;
  }

  #bufferSite(
    buffer: Handles['buffer'],
    offset: number,
    bytesPerRow: number,
    rowsPerImage: number,
  ): GPUTexelCopyBufferInfo {
    const site = this.#site;
    site.buffer = buffer.gpu;
    site.offset = offset;
    site.bytesPerRow = bytesPerRow || undefined;
    site.rowsPerImage = rowsPerImage || undefined;
    return site as GPUTexelCopyBufferInfo;
  }

  #size(width: number, height: number, depthOrArrayLayers: number): GPUExtent3DDict {
    const extent = this.#extent;
    extent.width = width;
    extent.height = height;
    extent.depthOrArrayLayers = depthOrArrayLayers;
    return extent;
  }
}

/** A place in a texture, to be filled by setSite. */
export type Site = {
  texture: GPUTexture;
  mipLevel: number;
  origin: GPUOrigin3DDictStrict;
  aspect: GPUTextureAspect;
};
type GPUOrigin3DDictStrict = { x: number; y: number; z: number };

export function textureSite(): Site {
  return {
    texture: undefined as unknown as GPUTexture,
    mipLevel: 0,
    origin: { x: 0, y: 0, z: 0 },
    aspect: 'all',
  };
}

export function setSite(
  site: Site,
  texture: Handles['texture'],
  mipLevel: number,
  x: number,
  y: number,
  z: number,
  aspect: GPUTextureAspect,
): Site {
  site.texture = texture.gpu;
  site.mipLevel = mipLevel;
  site.origin.x = x;
  site.origin.y = y;
  site.origin.z = z;
  site.aspect = aspect;
  return site;
}
