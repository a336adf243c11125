import { REPLY_MAPPED } from '../../contract/abi';
import * as encode from '../encode';
import { ObjectKind } from '../enums';
import { GpuObject } from './object';
import { Answer, ask } from './reply';

/** Describes a buffer to make (GPUBufferDescriptor). */
export class BufferDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** Size of the buffer in bytes. */
  size: u64 = 0;
  /** BufferUsage bits: what the buffer may be used for. */
  usage: u32 = 0;
}

/** A request for bytes of a GPU buffer, and later the bytes; `mapAsync` returns it. */
export class Mapping extends Answer {
  /** The requested bytes of the buffer, once `ready` is true. */
  readonly data: StaticArray<u8>;

  constructor(byteLength: u32) {
    super();
    this.data = new StaticArray<u8>(<i32>byteLength);
  }

  /** Reports whether the requested bytes have come and are in `data`. */
  get ready(): bool {
    return this.done && this.first === 1;
  }

  /** Reports whether the GPU refused to give the requested bytes. */
  get failed(): bool {
    return this.done && this.first === 0;
  }
}

/** A block of the GPU's memory (GPUBuffer). */
export class Buffer extends GpuObject {
  /** Size of the buffer in bytes. */
  size: u64;
  /** BufferUsage bits: what the buffer may be used for. */
  usage: u32;

  constructor(id: u32, size: u64, usage: u32) {
    super(ObjectKind.buffer, id);
    this.size = size;
    this.usage = usage;
  }

  /**
   * Requests `size` bytes of the buffer from `offset` on. `offset` must be a multiple of 8 and `size` a multiple of 4; the
   * buffer needs the usage MAP_READ and must not be used until the bytes have come.
   */
  mapAsync(offset: u32, size: u32): Mapping {
    const mapping = new Mapping(size);
    encode.mapAsync(this.id, offset, size, <u32>changetype<usize>(mapping.data), ask(REPLY_MAPPED, mapping));
    return mapping;
  }
}
