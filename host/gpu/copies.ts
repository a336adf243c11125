import type { CopiesCommands, CopyBufferToTexture, CopyTextureToBuffer, CopyTextureToTexture } from './decode.ts';
import type { CommandEncoder } from './encoder.ts';
import type { Loose } from './loose.ts';
import { COPY_DST, COPY_SRC, checkRange, QUERY_RESOLVE } from './range.ts';
import { Fault } from './reader.ts';
import { type TexturePlace, TextureSite } from './site.ts';
import type { Handles } from './table.ts';

/** Size of one query's result in a buffer. */
const QUERY_BYTES = 8;

/** Executes a module's commands that copy, clear or resolve queries, all of which are outside of passes. */
export class Copies implements CopiesCommands {
  readonly #encoder: CommandEncoder;
  /** Source of a texture-to-texture copy. The command has other names for these fields, so their values are copied here. */
  readonly #from = {} as TexturePlace;
  readonly #source = new TextureSite();
  readonly #destination = new TextureSite();
  readonly #buffer: Loose<GPUTexelCopyBufferInfo> = {
    buffer: undefined,
    offset: 0,
    bytesPerRow: 0,
    rowsPerImage: 0,
  };

  constructor(encoder: CommandEncoder) {
    this.#encoder = encoder;
  }

  copyBufferToBuffer(
    source: Handles['buffer'],
    sourceOffset: number,
    destination: Handles['buffer'],
    destinationOffset: number,
    size: number,
  ): void {
    checkRange(source, sourceOffset, size, COPY_SRC);
    checkRange(destination, destinationOffset, size, COPY_DST);
    this.#encoder.record().copyBufferToBuffer(source.gpu, sourceOffset, destination.gpu, destinationOffset, size);
  }

  copyBufferToTexture(record: CopyBufferToTexture): void {
    checkRange(record.buffer, record.offset, 0, COPY_SRC);
    this.#encoder.record().copyBufferToTexture(this.#layout(record), this.#destination.at(record), record);
  }

  copyTextureToBuffer(record: CopyTextureToBuffer): void {
    checkRange(record.buffer, record.offset, 0, COPY_DST);
    this.#encoder.record().copyTextureToBuffer(this.#source.at(record), this.#layout(record), record);
  }

  copyTextureToTexture(record: CopyTextureToTexture): void {
    const from = this.#from;
    from.texture = record.source;
    from.mipLevel = record.sourceMipLevel;
    from.originX = record.sourceX;
    from.originY = record.sourceY;
    from.originZ = record.sourceZ;
    from.aspect = record.sourceAspect;
    this.#encoder.record().copyTextureToTexture(this.#source.at(from), this.#destination.at(record), record);
  }

  clearBuffer(buffer: Handles['buffer'], offset: number, size: number): void {
    checkRange(buffer, offset, size, COPY_DST);
    const commandEncoder = this.#encoder.record();
    if (size === 0) commandEncoder.clearBuffer(buffer.gpu, offset);
    else commandEncoder.clearBuffer(buffer.gpu, offset, size);
  }

  resolveQuerySet(
    querySet: Handles['querySet'],
    firstQuery: number,
    queryCount: number,
    destination: Handles['buffer'],
    destinationOffset: number,
  ): void {
    if (firstQuery + queryCount > querySet.count)
      throw new Fault(`${queryCount} queries from number ${firstQuery} on do not fit the set's ${querySet.count}`);
    checkRange(destination, destinationOffset, queryCount * QUERY_BYTES, QUERY_RESOLVE);
    this.#encoder.record().resolveQuerySet(querySet.gpu, firstQuery, queryCount, destination.gpu, destinationOffset);
  }

  #layout(record: CopyBufferToTexture | CopyTextureToBuffer): GPUTexelCopyBufferInfo {
    const info = this.#buffer;
    info.buffer = record.buffer.gpu;
    info.offset = record.offset;
    info.bytesPerRow = record.bytesPerRow || undefined;
    info.rowsPerImage = record.rowsPerImage || undefined;
    return info as GPUTexelCopyBufferInfo;
  }
}
