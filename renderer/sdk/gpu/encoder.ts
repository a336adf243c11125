import * as encode from '../encode';
import { TextureAspect } from '../enums';
import { Buffer } from './buffer';
import { idOf } from './object';
import { ComputePassDescriptor, ComputePassEncoder, RenderPassDescriptor, RenderPassEncoder } from './pass';
import { QuerySet } from './query';
import { Extent3D, Origin3D, Texture } from './texture';

/** GPUTexelCopyTextureInfo. */
export class TexelCopyTextureInfo {
  texture!: Texture;
  mipLevel: u32 = 0;
  origin: Origin3D = {};
  aspect: u32 = TextureAspect.all;
}

/** GPUTexelCopyBufferInfo. */
export class TexelCopyBufferInfo {
  buffer!: Buffer;
  offset: u32 = 0;
  bytesPerRow: u32 = 0;
  rowsPerImage: u32 = 0;
}

/** GPUCommandBuffer. */
export class CommandBuffer {}

/** GPUCommandEncoder. There is one, as the stream is one: finish it before the next is created. */
export class CommandEncoder {
  open: bool = false;
  private readonly renderPass: RenderPassEncoder = new RenderPassEncoder();
  private readonly computePass: ComputePassEncoder = new ComputePassEncoder();
  private readonly commands: CommandBuffer = new CommandBuffer();

  /** Begins a render pass. */
  beginRenderPass(d: RenderPassDescriptor): RenderPassEncoder {
    this.begin();
    const attachments = d.colorAttachments;
    const depth = d.depthStencilAttachment;
    const queries = idOf(d.occlusionQuerySet);
    const times = d.timestampWrites;
    const set = times !== null ? times.querySet.id : 0;
    const begin = times !== null ? times.beginningOfPassWriteIndex : -1;
    const end = times !== null ? times.endOfPassWriteIndex : -1;
    let at: usize;
    if (depth === null) {
      at = encode.beginRenderPass(
        0,
        0,
        0,
        1,
        false,
        0,
        0,
        0,
        false,
        queries,
        set,
        begin,
        end,
        d.label,
        attachments.length,
      );
    } else {
      at = encode.beginRenderPass(
        depth.view.id,
        depth.depthLoadOp,
        depth.depthStoreOp,
        depth.depthClearValue,
        depth.depthReadOnly,
        depth.stencilLoadOp,
        depth.stencilStoreOp,
        depth.stencilClearValue,
        depth.stencilReadOnly,
        queries,
        set,
        begin,
        end,
        d.label,
        attachments.length,
      );
    }
    for (let i = 0; i < attachments.length; i++) {
      const a = attachments[i];
      const clear = a.clearValue;
      at = encode.writeColorAttachment(
        at,
        idOf(a.view),
        a.depthSlice,
        idOf(a.resolveTarget),
        a.loadOp,
        a.storeOp,
        clear.r,
        clear.g,
        clear.b,
        clear.a,
      );
    }
    this.renderPass.open = true;
    return this.renderPass;
  }

  /** Begins a compute pass. */
  beginComputePass(d: ComputePassDescriptor | null = null): ComputePassEncoder {
    this.begin();
    const times = d !== null ? d.timestampWrites : null;
    encode.beginComputePass(
      times !== null ? times.querySet.id : 0,
      times !== null ? times.beginningOfPassWriteIndex : -1,
      times !== null ? times.endOfPassWriteIndex : -1,
      d !== null ? d.label : '',
    );
    this.computePass.open = true;
    return this.computePass;
  }

  /** Copies bytes between buffers. */
  copyBufferToBuffer(source: Buffer, sourceOffset: u32, destination: Buffer, offset: u32, size: u32): void {
    encode.copyBufferToBuffer(source.id, sourceOffset, destination.id, offset, size);
  }

  /** Copies texels from a buffer. */
  copyBufferToTexture(s: TexelCopyBufferInfo, d: TexelCopyTextureInfo, size: Extent3D): void {
    encode.copyBufferToTexture(
      s.buffer.id,
      s.offset,
      s.bytesPerRow,
      s.rowsPerImage,
      d.texture.id,
      d.mipLevel,
      d.origin.x,
      d.origin.y,
      d.origin.z,
      d.aspect,
      size.width,
      size.height,
      size.depthOrArrayLayers,
    );
  }

  /** Copies texels into a buffer. */
  copyTextureToBuffer(s: TexelCopyTextureInfo, d: TexelCopyBufferInfo, size: Extent3D): void {
    encode.copyTextureToBuffer(
      s.texture.id,
      s.mipLevel,
      s.origin.x,
      s.origin.y,
      s.origin.z,
      s.aspect,
      d.buffer.id,
      d.offset,
      d.bytesPerRow,
      d.rowsPerImage,
      size.width,
      size.height,
      size.depthOrArrayLayers,
    );
  }

  /** Copies texels between textures. */
  copyTextureToTexture(s: TexelCopyTextureInfo, d: TexelCopyTextureInfo, size: Extent3D): void {
    encode.copyTextureToTexture(
      s.texture.id,
      s.mipLevel,
      s.origin.x,
      s.origin.y,
      s.origin.z,
      s.aspect,
      d.texture.id,
      d.mipLevel,
      d.origin.x,
      d.origin.y,
      d.origin.z,
      d.aspect,
      size.width,
      size.height,
      size.depthOrArrayLayers,
    );
  }

  /** Fills part of a buffer with zeros; a size of 0 means "the rest". */
  clearBuffer(buffer: Buffer, offset: u32 = 0, size: u32 = 0): void {
    encode.clearBuffer(buffer.id, offset, size);
  }

  /** Writes the results of queries into a buffer with usage QUERY_RESOLVE, 8 bytes each. */
  resolveQuerySet(querySet: QuerySet, firstQuery: u32, queryCount: u32, destination: Buffer, offset: u32): void {
    encode.resolveQuerySet(querySet.id, firstQuery, queryCount, destination.id, offset);
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

  /** Ends the encoder; hand what it gives to queue.submit. */
  finish(): CommandBuffer {
    if (!this.open) throw new Error('this command encoder is finished');
    if (this.renderPass.open || this.computePass.open) throw new Error('a pass is still open: call end()');
    this.open = false;
    return this.commands;
  }

  private begin(): void {
    if (!this.open) throw new Error('this command encoder is finished');
    if (this.renderPass.open || this.computePass.open) throw new Error('another pass is still open: call end()');
  }
}
