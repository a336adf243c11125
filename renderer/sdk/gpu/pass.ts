import * as encode from '../encode';
import { LoadOp, StoreOp } from '../enums';
import { Buffer } from './buffer';
import { RenderBundle } from './bundle';
import { BindingCommands, RenderCommands } from './commands';
import { ComputePipeline } from './pipeline';
import { QuerySet, TimestampWrites } from './query';
import { TextureView } from './texture';

/** A color, or any four numbers (GPUColorDict). */
export class Color {
  /** Red. */
  r: f32 = 0;
  /** Green. */
  g: f32 = 0;
  /** Blue. */
  b: f32 = 0;
  /** Alpha. */
  a: f32 = 0;
}

/** A texture that a render pass draws to (GPURenderPassColorAttachment). */
export class ColorAttachment {
  /** The texture view to draw to; null leaves the attachment out. */
  view: TextureView | null = null;
  /** Depth in the view of a 3D texture; -1 for any other view. */
  depthSlice: i32 = -1;
  /** Where the samples of a multisampled view are averaged into; null for nowhere. */
  resolveTarget: TextureView | null = null;
  /** A LoadOp: whether the pass begins with what is there or with `clearValue`. */
  loadOp: u32 = LoadOp.clear;
  /** A StoreOp: whether what was drawn is kept. */
  storeOp: u32 = StoreOp.store;
  /** The color that a cleared attachment begins with. */
  clearValue: Color = {};
}

/**
 * The depth and stencil texture of a render pass (GPURenderPassDepthStencilAttachment). An operation is given exactly
 * where the format has its aspect and it is not read-only.
 */
export class DepthStencilAttachment {
  /** The texture's view. */
  view!: TextureView;
  /** A LoadOp for depth; 0 for none. */
  depthLoadOp: u32 = 0;
  /** A StoreOp for depth; 0 for none. */
  depthStoreOp: u32 = 0;
  /** The depth that a cleared attachment begins with. */
  depthClearValue: f32 = 1;
  /** Whether the pass leaves depth as it is. */
  depthReadOnly: bool = false;
  /** A LoadOp for stencil; 0 for none. */
  stencilLoadOp: u32 = 0;
  /** A StoreOp for stencil; 0 for none. */
  stencilStoreOp: u32 = 0;
  /** The stencil value that a cleared attachment begins with. */
  stencilClearValue: u32 = 0;
  /** Whether the pass leaves stencil as it is. */
  stencilReadOnly: bool = false;
}

/**
 * Describes a render pass to begin: the textures that it draws to (GPURenderPassDescriptor). Make one and use it in
 * every frame.
 */
export class RenderPassDescriptor {
  /** Names the pass in messages. */
  label: string = '';
  /** The color attachments, in the order of WGSL's @location. */
  colorAttachments: ColorAttachment[] = [];
  /** The depth and stencil attachment, or null. */
  depthStencilAttachment: DepthStencilAttachment | null = null;
  /** The set that occlusion queries write to, or null. */
  occlusionQuerySet: QuerySet | null = null;
  /** Where the pass writes its times, or null. */
  timestampWrites: TimestampWrites | null = null;
}

/** Describes a compute pass to begin (GPUComputePassDescriptor). */
export class ComputePassDescriptor {
  /** Names the pass in messages. */
  label: string = '';
  /** Where the pass writes its times, or null. */
  timestampWrites: TimestampWrites | null = null;
}

/** Records a render pass (GPURenderPassEncoder). */
export class RenderPassEncoder extends RenderCommands {
  /** Sets the part of the attachments that is drawn to, in pixels, and its range of depth. */
  setViewport(x: f32, y: f32, width: f32, height: f32, minDepth: f32 = 0, maxDepth: f32 = 1): void {
    encode.setViewport(x, y, width, height, minDepth, maxDepth);
  }

  /** Sets the rectangle outside which nothing is drawn, in pixels. */
  setScissorRect(x: u32, y: u32, width: u32, height: u32): void {
    encode.setScissorRect(x, y, width, height);
  }

  /** Sets the color that the BlendFactor `constant` refers to. */
  setBlendConstant(color: Color): void {
    encode.setBlendConstant(color.r, color.g, color.b, color.a);
  }

  /** Sets the value that stencil is compared with and replaced by. */
  setStencilReference(reference: u32): void {
    encode.setStencilReference(reference);
  }

  /** Begins to count the samples that pass, in query `queryIndex` of the pass's `occlusionQuerySet`. */
  beginOcclusionQuery(queryIndex: u32): void {
    encode.beginOcclusionQuery(queryIndex);
  }

  /** Ends the occlusion query. */
  endOcclusionQuery(): void {
    encode.endOcclusionQuery();
  }

  /** Executes render bundles. After it the pass has no pipeline, bind groups and buffers set. */
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

/** Records a compute pass (GPUComputePassEncoder). */
export class ComputePassEncoder extends BindingCommands {
  /** Sets the pipeline. */
  setPipeline(pipeline: ComputePipeline): void {
    encode.setComputePipeline(pipeline.id);
  }

  /** Runs the pipeline's shader in x * y * z workgroups. */
  dispatchWorkgroups(x: u32, y: u32 = 1, z: u32 = 1): void {
    encode.dispatchWorkgroups(x, y, z);
  }

  /** Runs the pipeline's shader in as many workgroups as three u32 in a buffer say. */
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
