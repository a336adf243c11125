import { REPLY_MAPPED } from '../../contract/abi';
import * as encode from '../encode';
import { ObjectKind } from '../enums';
import { GpuObject } from './object';
import { Answer, ask } from './reply';

/** GPUBufferDescriptor. */
export class BufferDescriptor {
  label: string = '';
  /** Bytes. */
  size: u64 = 0;
  /** BufferUsage bits. */
  usage: u32 = 0;
}

/** A part of a buffer on its way back; `data` is filled once `ready`. */
export class Mapping extends Answer {
  readonly data: StaticArray<u8>;

  constructor(byteLength: u32) {
    super();
    this.data = new StaticArray<u8>(<i32>byteLength);
  }

  /** Tells whether `data` holds the bytes. */
  get ready(): bool {
    return this.done && this.first === 1;
  }

  /** Tells whether the GPU refused. */
  get failed(): bool {
    return this.done && this.first === 0;
  }
}

/** GPUBuffer. */
export class Buffer extends GpuObject {
  size: u64;
  usage: u32;

  constructor(id: u32, size: u64, usage: u32) {
    super(ObjectKind.buffer, id);
    this.size = size;
    this.usage = usage;
  }

  /** Asks for `size` bytes at `offset`, both multiples of 8 and 4; a buffer with usage MAP_READ, not used until they are there. */
  mapAsync(offset: u32, size: u32): Mapping {
    const mapping = new Mapping(size);
    encode.mapAsync(this.id, offset, size, <u32>changetype<usize>(mapping.data), ask(REPLY_MAPPED, mapping));
    return mapping;
  }
}
