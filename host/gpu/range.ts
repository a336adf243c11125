import { Fault } from './reader.ts';
import type { Handles } from './table.ts';

/** A flag of GPUBufferUsage that a command requires of a buffer. */
interface Usage {
  readonly name: string;
  /** The flag's value. It is a number, because tests on a stand-in device lack the global GPUBufferUsage. */
  readonly bit: number;
}

export const MAP_READ: Usage = { name: 'MAP_READ', bit: 1 };
export const COPY_SRC: Usage = { name: 'COPY_SRC', bit: 4 };
export const COPY_DST: Usage = { name: 'COPY_DST', bit: 8 };
export const INDEX: Usage = { name: 'INDEX', bit: 16 };
export const VERTEX: Usage = { name: 'VERTEX', bit: 32 };
export const INDIRECT: Usage = { name: 'INDIRECT', bit: 256 };
export const QUERY_RESOLVE: Usage = { name: 'QUERY_RESOLVE', bit: 512 };

/** Checks that `size` bytes at `offset` are inside a buffer and that the buffer was created with `usage`. @throws Fault */
export function checkRange(buffer: Handles['buffer'], offset: number, size: number, usage: Usage): void {
  if (offset + size > buffer.size) throw new Fault(`${size} bytes at ${offset} do not fit the buffer's ${buffer.size}`);
  if ((buffer.usage & usage.bit) === 0) throw new Fault(`the buffer was made without usage ${usage.name}`);
}
