import * as encode from '../encode';
import { LoadOp, StoreOp } from '../enums';
import { Buffer } from './buffer';
import { RenderBundle } from './bundle';
import { BindingCommands, RenderCommands } from './commands';
import { ComputePipeline } from './pipeline';
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
