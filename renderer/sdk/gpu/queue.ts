import { Asset } from '../assets';
import * as encode from '../encode';
import { flush } from '../stream';
import { Buffer } from './buffer';
import { CommandBuffer, TexelCopyTextureInfo } from './encoder';
import { newestWorkDone } from './reply';
import { Extent3D } from './texture';

/** GPUTexelCopyBufferLayout. */
export class TexelCopyBufferLayout {
  /** Where the texels begin in the data, in bytes. */
  offset: u32 = 0;
  bytesPerRow: u32 = 0;
  rowsPerImage: u32 = 0;
}

/** GPUQueue. */
export class Queue {
  private token: u32 = 0;

  /** Writes `size` elements of `data`, from `dataOffset` on, into a buffer at a byte offset; -1 means "the rest". */
  writeBuffer<T>(buffer: Buffer, offset: u32, data: StaticArray<T>, dataOffset: u32 = 0, size: i32 = -1): void {
    const count = size < 0 ? <u32>data.length - dataOffset : <u32>size;
    if (dataOffset + count > <u32>data.length) throw new RangeError('writeBuffer: the data is shorter');
    const align = alignof<T>();
    this.writeBytes(buffer, offset, changetype<usize>(data) + ((<usize>dataOffset) << align), count << (<u32>align));
  }

  /** Writes `byteLength` bytes of linear memory into a buffer. */
  writeBytes(buffer: Buffer, offset: u32, address: usize, byteLength: u32): void {
    encode.writeBuffer(buffer.id, offset, address, byteLength);
    // The host reads the bytes while it takes the stream; after this the caller may change them.
    flush();
  }

  /** Writes texels into a texture. */
  writeTexture<T>(to: TexelCopyTextureInfo, data: StaticArray<T>, layout: TexelCopyBufferLayout, size: Extent3D): void {
    const byteLength = (<u32>data.length) << (<u32>alignof<T>());
    if (layout.offset > byteLength) throw new RangeError('writeTexture: the data is shorter');
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

  /** Writes part of an asset into a buffer, past linear memory. */
  writeBufferFromAsset(buffer: Buffer, offset: u32, asset: Asset, assetOffset: u32, size: u32): void {
    encode.writeBufferFromAsset(buffer.id, offset, asset.handle, assetOffset, size);
  }

  /** Writes texels that lie in an asset at `layout.offset`, `byteLength` bytes, past linear memory. */
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

  /** Queues what an encoder has finished. */
  submit(_commands: CommandBuffer): void {
    encode.submit();
  }

  /** Asks to be told when all that was submitted is done; gives a token for `isDone`. */
  onSubmittedWorkDone(): u32 {
    encode.onSubmittedWorkDone(++this.token);
    return this.token;
  }

  /** Tells whether the work before this token is done. */
  isDone(token: u32): bool {
    return <i32>(newestWorkDone() - token) >= 0;
  }
}
