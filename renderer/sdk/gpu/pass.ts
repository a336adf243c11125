import * as encode from '../encode';
import { LoadOp, StoreOp } from '../enums';
import { BindGroup } from './binding';
import { Buffer } from './buffer';
import { RenderBundle } from './bundle';
import { idOf } from './object';
import { ComputePipeline, RenderPipeline } from './pipeline';
import { QuerySet, TimestampWrites } from './query';
import { TextureView } from './texture';

/** GPUColorDict. */
export class Color {
  r: f32 = 0;
  g: f32 = 0;
  b: f32 = 0;
  a: f32 = 0;
}

/** GPURenderPassColorAttachment. */
export class ColorAttachment {
  /** null leaves the attachment's place empty. */
  view: TextureView | null = null;
  /** Layer of a 3D texture's view; -1 for any other view. */
  depthSlice: i32 = -1;
  resolveTarget: TextureView | null = null;
  loadOp: u32 = LoadOp.clear;
  storeOp: u32 = StoreOp.store;
  clearValue: Color = {};
}

/** GPURenderPassDepthStencilAttachment; an operation of 0 means "not given". */
export class DepthStencilAttachment {
  view!: TextureView;
  depthLoadOp: u32 = 0;
  depthStoreOp: u32 = 0;
  depthClearValue: f32 = 1;
  depthReadOnly: bool = false;
  stencilLoadOp: u32 = 0;
  stencilStoreOp: u32 = 0;
  stencilClearValue: u32 = 0;
  stencilReadOnly: bool = false;
}

/** GPURenderPassDescriptor; keep one and use it again each frame. */
export class RenderPassDescriptor {
  label: string = '';
  colorAttachments: ColorAttachment[] = [];
  depthStencilAttachment: DepthStencilAttachment | null = null;
  occlusionQuerySet: QuerySet | null = null;
  timestampWrites: TimestampWrites | null = null;
}

/** GPUComputePassDescriptor. */
export class ComputePassDescriptor {
  label: string = '';
  timestampWrites: TimestampWrites | null = null;
}

/** GPUBindingCommandsMixin and GPUDebugCommandsMixin: what passes of both kinds and render bundles record. */
export class BindingCommands {
  open: bool = false;

  /** Sets a bind group, or none. */
  setBindGroup(index: u32, group: BindGroup | null): void {
    encode.setBindGroup(index, idOf(group), 0);
  }

  /** Sets a bind group with one dynamic offset, in bytes. */
  setBindGroupAt(index: u32, group: BindGroup, offset: u32): void {
    store<u32>(encode.setBindGroup(index, group.id, 1), offset);
  }

  /** Sets a bind group with its dynamic offsets, in bytes and in the order of the bindings. */
  setBindGroupOffsets(index: u32, group: BindGroup, offsets: StaticArray<u32>): void {
    const at = encode.setBindGroup(index, group.id, <u32>offsets.length);
    memory.copy(at, changetype<usize>(offsets), (<usize>offsets.length) << 2);
  }

  /** Begins a group of commands, for tools. */
  pushDebugGroup(groupLabel: string): void {
    encode.pushDebugGroup(groupLabel);
  }

  /** Ends the innermost group. */
  popDebugGroup(): void {
    encode.popDebugGroup();
  }

  /** Marks a place among the commands, for tools. */
  insertDebugMarker(markerLabel: string): void {
    encode.insertDebugMarker(markerLabel);
  }
}

/** GPURenderCommandsMixin: what a render pass and a render bundle both record. */
export class RenderCommands extends BindingCommands {
  /** Sets the pipeline. */
  setPipeline(pipeline: RenderPipeline): void {
    encode.setPipeline(pipeline.id);
  }

  /** Sets a vertex buffer, or none; a size of 0 means "the rest". */
  setVertexBuffer(slot: u32, buffer: Buffer | null, offset: u32 = 0, size: u32 = 0): void {
    encode.setVertexBuffer(slot, idOf(buffer), offset, size);
  }

  /** Sets the index buffer; a size of 0 means "the rest". */
  setIndexBuffer(buffer: Buffer, format: u32, offset: u32 = 0, size: u32 = 0): void {
    encode.setIndexBuffer(buffer.id, format, offset, size);
  }

  /** Draws vertices. */
  draw(vertexCount: u32, instanceCount: u32 = 1, firstVertex: u32 = 0, firstInstance: u32 = 0): void {
    encode.draw(vertexCount, instanceCount, firstVertex, firstInstance);
  }

  /** Draws indexed vertices. */
  drawIndexed(
    indexCount: u32,
    instanceCount: u32 = 1,
    firstIndex: u32 = 0,
    baseVertex: i32 = 0,
    firstInstance: u32 = 0,
  ): void {
    encode.drawIndexed(indexCount, instanceCount, firstIndex, baseVertex, firstInstance);
  }

  /** Draws with arguments from a buffer. */
  drawIndirect(buffer: Buffer, offset: u32): void {
    encode.drawIndirect(buffer.id, offset);
  }

  /** Draws indexed with arguments from a buffer. */
  drawIndexedIndirect(buffer: Buffer, offset: u32): void {
    encode.drawIndexedIndirect(buffer.id, offset);
  }
}

/** GPURenderPassEncoder. */
export class RenderPassEncoder extends RenderCommands {
  /** Sets the viewport, in pixels. */
  setViewport(x: f32, y: f32, width: f32, height: f32, minDepth: f32 = 0, maxDepth: f32 = 1): void {
    encode.setViewport(x, y, width, height, minDepth, maxDepth);
  }

  /** Sets the scissor rectangle, in pixels. */
  setScissorRect(x: u32, y: u32, width: u32, height: u32): void {
    encode.setScissorRect(x, y, width, height);
  }

  /** Sets the blend constant. */
  setBlendConstant(color: Color): void {
    encode.setBlendConstant(color.r, color.g, color.b, color.a);
  }

  /** Sets the stencil reference. */
  setStencilReference(reference: u32): void {
    encode.setStencilReference(reference);
  }

  /** Begins counting the samples that pass, in query `queryIndex` of the pass's occlusionQuerySet. */
  beginOcclusionQuery(queryIndex: u32): void {
    encode.beginOcclusionQuery(queryIndex);
  }

  /** Ends the occlusion query. */
  endOcclusionQuery(): void {
    encode.endOcclusionQuery();
  }

  /** Draws what render bundles hold; the pass has no pipeline, groups and buffers after it. */
  executeBundles(bundles: RenderBundle[]): void {
    let at = encode.executeBundles(bundles.length);
    for (let i = 0; i < bundles.length; i++) at = encode.writeRenderBundleEntry(at, bundles[i].id);
  }

  /** Ends the pass. */
  end(): void {
    if (!this.open) throw new Error('this render pass has ended');
    this.open = false;
    encode.endRenderPass();
  }
}

/** GPUComputePassEncoder. */
export class ComputePassEncoder extends BindingCommands {
  /** Sets the pipeline. */
  setPipeline(pipeline: ComputePipeline): void {
    encode.setComputePipeline(pipeline.id);
  }

  /** Dispatches workgroups. */
  dispatchWorkgroups(x: u32, y: u32 = 1, z: u32 = 1): void {
    encode.dispatchWorkgroups(x, y, z);
  }

  /** Dispatches with arguments from a buffer. */
  dispatchWorkgroupsIndirect(buffer: Buffer, offset: u32): void {
    encode.dispatchWorkgroupsIndirect(buffer.id, offset);
  }

  /** Ends the pass. */
  end(): void {
    if (!this.open) throw new Error('this compute pass has ended');
    this.open = false;
    encode.endComputePass();
  }
}
