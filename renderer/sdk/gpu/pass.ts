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
  /** Red part of the color. */
  r: f32 = 0;
  /** Green part of the color. */
  g: f32 = 0;
  /** Blue part of the color. */
  b: f32 = 0;
  /** Alpha of the color. */
  a: f32 = 0;
}

/** A texture that a render pass draws to (GPURenderPassColorAttachment). */
export class ColorAttachment {
  /** The texture view to draw to; null leaves the attachment out. */
  view: TextureView | null = null;
  /** The depth slice of a 3D texture to draw to; -1 for any other texture. */
  depthSlice: i32 = -1;
  /** The view that the samples of a multisampled view are averaged into; null for none. */
  resolveTarget: TextureView | null = null;
  /** A LoadOp: whether the pass begins with what the texture holds or with `clearValue`. */
  loadOp: u32 = LoadOp.clear;
  /** A StoreOp: whether the texture keeps what the pass drew. */
  storeOp: u32 = StoreOp.store;
  /** The color that a cleared attachment begins the pass with. */
  clearValue: Color = {};
}

/**
 * The depth and stencil texture of a render pass (GPURenderPassDepthStencilAttachment). Give the operations for depth
 * exactly if the texture's format has depth and depth is not read-only; likewise those for stencil.
 */
export class DepthStencilAttachment {
  /** The view of the depth and stencil texture to use. */
  view!: TextureView;
  /** A LoadOp for depth when the pass begins; 0 for none. */
  depthLoadOp: u32 = 0;
  /** A StoreOp for depth when the pass ends; 0 for none. */
  depthStoreOp: u32 = 0;
  /** The depth that a cleared attachment begins the pass with. */
  depthClearValue: f32 = 1;
  /** Whether the pass leaves depth as it is. */
  depthReadOnly: bool = false;
  /** A LoadOp for stencil when the pass begins; 0 for none. */
  stencilLoadOp: u32 = 0;
  /** A StoreOp for stencil when the pass ends; 0 for none. */
  stencilStoreOp: u32 = 0;
  /** The stencil value that a cleared attachment begins the pass with. */
  stencilClearValue: u32 = 0;
  /** Whether the pass leaves stencil as it is. */
  stencilReadOnly: bool = false;
}

/**
 * Describes a render pass to begin: the textures that it draws to (GPURenderPassDescriptor). To make no garbage, make one
 * object and use it in every frame.
 */
export class RenderPassDescriptor {
  /** The pass's name in error messages. */
  label: string = '';
  /** The color attachments, in the order of WGSL's @location. */
  colorAttachments: ColorAttachment[] = [];
  /** The depth and stencil attachment, or null. */
  depthStencilAttachment: DepthStencilAttachment | null = null;
  /** The query set that the pass's occlusion queries write to, or null. */
  occlusionQuerySet: QuerySet | null = null;
  /** Where the GPU writes the times at which the pass begins and ends, or null. */
  timestampWrites: TimestampWrites | null = null;
}

/** Describes a compute pass to begin (GPUComputePassDescriptor). */
export class ComputePassDescriptor {
  /** The pass's name in error messages. */
  label: string = '';
  /** Where the GPU writes the times at which the pass begins and ends, or null. */
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

  /** Begins to count the samples that pass all tests, in query `queryIndex` of the pass's `occlusionQuerySet`. */
  beginOcclusionQuery(queryIndex: u32): void {
    encode.beginOcclusionQuery(queryIndex);
  }

  /** Ends the occlusion query that was begun last. */
  endOcclusionQuery(): void {
    encode.endOcclusionQuery();
  }

  /** Executes render bundles. Afterwards the pass has no pipeline, bind groups or buffers set. */
  executeBundles(bundles: RenderBundle[]): void {
    let at = encode.executeBundles(bundles.length);
    for (let i = 0; i < bundles.length; i++) at = encode.writeRenderBundleEntry(at, bundles[i].id);
  }

  /** Ends the render pass. */
  end(): void {
    if (!this.open) throw new Error('this render pass has ended');
    this.open = false;
    encode.endRenderPass();
  }
}

/** Records a compute pass (GPUComputePassEncoder). */
export class ComputePassEncoder extends BindingCommands {
  /** Sets the compute pipeline for the dispatches that follow. */
  setPipeline(pipeline: ComputePipeline): void {
    encode.setComputePipeline(pipeline.id);
  }

  /** Runs the compute pipeline's shader in x * y * z workgroups. */
  dispatchWorkgroups(x: u32, y: u32 = 1, z: u32 = 1): void {
    encode.dispatchWorkgroups(x, y, z);
  }

  /** Runs the compute pipeline's shader in x * y * z workgroups; a buffer holds x, y and z as u32. */
  dispatchWorkgroupsIndirect(buffer: Buffer, offset: u32): void {
    encode.dispatchWorkgroupsIndirect(buffer.id, offset);
  }

  /** Ends the compute pass. */
  end(): void {
    if (!this.open) throw new Error('this compute pass has ended');
    this.open = false;
    encode.endComputePass();
  }
}
