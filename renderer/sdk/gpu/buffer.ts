import { ObjectKind } from '../enums';
import { GpuObject } from './object';

/** GPUBufferDescriptor. */
export class BufferDescriptor {
  label: string = '';
  /** Bytes. */
  size: u64 = 0;
  /** BufferUsage bits. */
  usage: u32 = 0;
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
}
