import { Asset } from '../assets';
import * as encode from '../encode';
import { flush } from '../stream';
import { Buffer } from './buffer';
import { CommandBuffer, TexelCopyTextureInfo } from './encoder';
import { newestWorkDone } from './reply';
import { Extent3D } from './texture';

/** How texels lie in an array or an asset that is written to a texture (GPUTexelCopyBufferLayout). */
export class TexelCopyBufferLayout {
  /** Where the texels begin in the data, in bytes. */
  offset: u32 = 0;
  /** Bytes from one row of texels to the next; 0 if there is one row. */
  bytesPerRow: u32 = 0;
  /** Rows of texels from one layer to the next; 0 if there is one layer. */
  rowsPerImage: u32 = 0;
}

/** Writes data to the GPU and submits commands to it (GPUQueue). */
export class Queue {
  private token: u32 = 0;

  /**
   * Writes elements of `data` to a buffer: `size` of them from element `dataOffset` on; a size of -1 means all that
   * remain. `offset` counts bytes of the buffer. It and the number of bytes written must be multiples of 4.
   */
  writeBuffer<T>(buffer: Buffer, offset: u32, data: StaticArray<T>, dataOffset: u32 = 0, size: i32 = -1): void {
    const length = <u32>data.length;
    // Both comparisons hold without the sum of the two, which could exceed 32 bits.
    if (dataOffset > length || (size >= 0 && <u32>size > length - dataOffset))
      throw new RangeError('writeBuffer: dataOffset + size is beyond the end of the data');
    const count = size < 0 ? length - dataOffset : <u32>size;
    const align = alignof<T>();
    this.writeBytes(buffer, offset, changetype<usize>(data) + ((<usize>dataOffset) << align), count << (<u32>align));
  }

  /**
   * Writes `byteLength` bytes at `address` in linear memory to a buffer. `offset` and `byteLength` must be multiples of
   * 4.
   */
  writeBytes(buffer: Buffer, offset: u32, address: usize, byteLength: u32): void {
    encode.writeBuffer(buffer.id, offset, address, byteLength);
    // The host copies the bytes during this call; afterwards the caller may change them.
    flush();
  }

  /** Writes texels from an array to a texture. */
  writeTexture<T>(to: TexelCopyTextureInfo, data: StaticArray<T>, layout: TexelCopyBufferLayout, size: Extent3D): void {
    const byteLength = (<u32>data.length) << (<u32>alignof<T>());
    if (layout.offset > byteLength)
      throw new RangeError('writeTexture: the offset of the layout is beyond the end of the data');
    encode.writeTexture(
      to.texture.id,
      to.mipLevel,
      to.origin.x,
      to.origin.y,
      to.origin.z,
      to.aspect,
      size.width,
      size.height,
      size.depthOrArrayLayers,
      layout.bytesPerRow,
      layout.rowsPerImage,
      changetype<usize>(data) + layout.offset,
      byteLength - layout.offset,
    );
    flush();
  }

  /** Writes part of an asset to a buffer. The bytes do not pass through the game's memory. */
  writeBufferFromAsset(buffer: Buffer, offset: u32, asset: Asset, assetOffset: u32, size: u32): void {
    encode.writeBufferFromAsset(buffer.id, offset, asset.handle, assetOffset, size);
  }

  /**
   * Writes texels from an asset to a texture: `byteLength` bytes from `layout.offset` on. The bytes do not pass through
   * the game's memory.
   */
  writeTextureFromAsset(
    to: TexelCopyTextureInfo,
    asset: Asset,
    layout: TexelCopyBufferLayout,
    byteLength: u32,
    size: Extent3D,
  ): void {
    encode.writeTextureFromAsset(
      to.texture.id,
      to.mipLevel,
      to.origin.x,
      to.origin.y,
      to.origin.z,
      to.aspect,
      size.width,
      size.height,
      size.depthOrArrayLayers,
      layout.bytesPerRow,
      layout.rowsPerImage,
      asset.handle,
      layout.offset,
      byteLength,
    );
  }

  /** Submits the commands that an encoder has recorded to the GPU. */
  submit(_commands: CommandBuffer): void {
    encode.submit();
  }

  /** Asks the host to say when the GPU has done all work submitted so far. Returns a token for `isDone`. */
  onSubmittedWorkDone(): u32 {
    encode.onSubmittedWorkDone(++this.token);
    return this.token;
  }

  /** Reports whether the GPU has done all work submitted before `onSubmittedWorkDone` returned a token. */
  isDone(token: u32): bool {
    return <i32>(newestWorkDone() - token) >= 0;
  }
}
