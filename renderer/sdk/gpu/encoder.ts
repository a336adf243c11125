import * as encode from '../encode';
import { TextureAspect } from '../enums';
import { Buffer } from './buffer';
import { idOf } from './object';
import { ComputePassDescriptor, ComputePassEncoder, RenderPassDescriptor, RenderPassEncoder } from './pass';
import { QuerySet } from './query';
import { Extent3D, Origin3D, Texture } from './texture';

/** A place in a texture that texels are copied from or to (GPUTexelCopyTextureInfo). */
export class TexelCopyTextureInfo {
  /** The texture that texels are copied from or to. */
  texture!: Texture;
  /** The mip level that texels are copied from or to. */
  mipLevel: u32 = 0;
  /** Place of the first texel that is copied. */
  origin: Origin3D = {};
  /** A TextureAspect: whether color, depth or stencil is copied. */
  aspect: u32 = TextureAspect.all;
}

/** A place in a buffer that texels are copied from or to (GPUTexelCopyBufferInfo). */
export class TexelCopyBufferInfo {
  /** The buffer that texels are copied from or to. */
  buffer!: Buffer;
  /** Where the texels begin in the buffer, in bytes. */
  offset: u32 = 0;
  /** Bytes from one row of texels to the next, a multiple of 256; 0 if there is one row. */
  bytesPerRow: u32 = 0;
  /** Rows of texels from one layer to the next; 0 if there is one layer. */
  rowsPerImage: u32 = 0;
}

/** Commands that are ready to be submitted (GPUCommandBuffer). */
export class CommandBuffer {}

/** Records passes and copies (GPUCommandEncoder). Only one is open at a time: finish it before the next is created. */
export class CommandEncoder {
  /** Whether commands may be recorded: the encoder has been created and not been finished. */
  open: bool = false;
  private readonly renderPass: RenderPassEncoder = new RenderPassEncoder();
  private readonly computePass: ComputePassEncoder = new ComputePassEncoder();
  private readonly commands: CommandBuffer = new CommandBuffer();

  /** Begins a render pass. End it before anything else is recorded. */
  beginRenderPass(descriptor: RenderPassDescriptor): RenderPassEncoder {
    this.begin();
    const attachments = descriptor.colorAttachments;
    const depth = descriptor.depthStencilAttachment;
    const queries = idOf(descriptor.occlusionQuerySet);
    const times = descriptor.timestampWrites;
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
        descriptor.label,
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
        descriptor.label,
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

  /** Begins a compute pass. End it before anything else is recorded. */
  beginComputePass(descriptor: ComputePassDescriptor | null = null): ComputePassEncoder {
    this.begin();
    const times = descriptor !== null ? descriptor.timestampWrites : null;
    encode.beginComputePass(
      times !== null ? times.querySet.id : 0,
      times !== null ? times.beginningOfPassWriteIndex : -1,
      times !== null ? times.endOfPassWriteIndex : -1,
      descriptor !== null ? descriptor.label : '',
    );
    this.computePass.open = true;
    return this.computePass;
  }

  /** Copies bytes from one buffer to another. */
  copyBufferToBuffer(source: Buffer, sourceOffset: u32, destination: Buffer, offset: u32, size: u32): void {
    encode.copyBufferToBuffer(source.id, sourceOffset, destination.id, offset, size);
  }

  /** Copies texels from a buffer to a texture. */
  copyBufferToTexture(source: TexelCopyBufferInfo, destination: TexelCopyTextureInfo, size: Extent3D): void {
    encode.copyBufferToTexture(
      source.buffer.id,
      source.offset,
      source.bytesPerRow,
      source.rowsPerImage,
      destination.texture.id,
      destination.mipLevel,
      destination.origin.x,
      destination.origin.y,
      destination.origin.z,
      destination.aspect,
      size.width,
      size.height,
      size.depthOrArrayLayers,
    );
  }

  /** Copies texels from a texture to a buffer. */
  copyTextureToBuffer(source: TexelCopyTextureInfo, destination: TexelCopyBufferInfo, size: Extent3D): void {
    encode.copyTextureToBuffer(
      source.texture.id,
      source.mipLevel,
      source.origin.x,
      source.origin.y,
      source.origin.z,
      source.aspect,
      destination.buffer.id,
      destination.offset,
      destination.bytesPerRow,
      destination.rowsPerImage,
      size.width,
      size.height,
      size.depthOrArrayLayers,
    );
  }

  /** Copies texels from one texture to another. */
  copyTextureToTexture(source: TexelCopyTextureInfo, destination: TexelCopyTextureInfo, size: Extent3D): void {
    encode.copyTextureToTexture(
      source.texture.id,
      source.mipLevel,
      source.origin.x,
      source.origin.y,
      source.origin.z,
      source.aspect,
      destination.texture.id,
      destination.mipLevel,
      destination.origin.x,
      destination.origin.y,
      destination.origin.z,
      destination.aspect,
      size.width,
      size.height,
      size.depthOrArrayLayers,
    );
  }

  /** Fills part of a buffer with zeros. A size of 0 means all from `offset` to the end. */
  clearBuffer(buffer: Buffer, offset: u32 = 0, size: u32 = 0): void {
    encode.clearBuffer(buffer.id, offset, size);
  }

  /** Writes the results of queries to a buffer with the usage QUERY_RESOLVE, 8 bytes each. */
  resolveQuerySet(querySet: QuerySet, firstQuery: u32, queryCount: u32, destination: Buffer, offset: u32): void {
    encode.resolveQuerySet(querySet.id, firstQuery, queryCount, destination.id, offset);
  }

  /** Begins a debug group: commands that debugging tools show together under a label. */
  pushDebugGroup(groupLabel: string): void {
    encode.pushDebugGroup(groupLabel);
  }

  /** Ends the innermost debug group. */
  popDebugGroup(): void {
    encode.popDebugGroup();
  }

  /** Marks a place among the commands with a label that debugging tools show. */
  insertDebugMarker(markerLabel: string): void {
    encode.insertDebugMarker(markerLabel);
  }

  /** Ends the recording of commands. Pass the result to `queue.submit`. */
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
