import { Fault } from './reader.ts';
import type { Handles } from './table.ts';

/** A usage that a command needs from a buffer. */
interface Usage {
  readonly name: string;
  /** The usage's bit in GPUBufferUsage, a global that tests on a stand-in device do not have. */
  readonly bit: number;
}

export const MAP_READ: Usage = { name: 'MAP_READ', bit: 1 };
export const COPY_SRC: Usage = { name: 'COPY_SRC', bit: 4 };
export const COPY_DST: Usage = { name: 'COPY_DST', bit: 8 };
export const INDEX: Usage = { name: 'INDEX', bit: 16 };
export const VERTEX: Usage = { name: 'VERTEX', bit: 32 };
export const INDIRECT: Usage = { name: 'INDIRECT', bit: 256 };
export const QUERY_RESOLVE: Usage = { name: 'QUERY_RESOLVE', bit: 512 };

/** Checks that `size` bytes at `offset` are inside a buffer and that the buffer was made for this usage. @throws Fault */
export function checkRange(buffer: Handles['buffer'], offset: number, size: number, usage: Usage): void {
  if (offset + size > buffer.size) throw new Fault(`${size} bytes at ${offset} do not fit the buffer's ${buffer.size}`);
  if ((buffer.usage & usage.bit) === 0) throw new Fault(`the buffer was made without usage ${usage.name}`);
}
