import * as encode from '../encode';
import { BindGroup } from './binding';
import { Buffer } from './buffer';
import { idOf } from './object';
import { RenderPipeline } from './pipeline';

/**
 * Commands that render passes, compute passes and render bundles all record (GPUBindingCommandsMixin,
 * GPUDebugCommandsMixin).
 */
export class BindingCommands {
  /** Whether commands may be recorded. */
  open: bool = false;

  /** Sets a bind group; null unsets it. */
  setBindGroup(index: u32, group: BindGroup | null): void {
    encode.setBindGroup(index, idOf(group), 0);
  }

  /** Sets a bind group with one dynamic offset, in bytes. */
  setBindGroupAt(index: u32, group: BindGroup, offset: u32): void {
    store<u32>(encode.setBindGroup(index, group.id, 1), offset);
  }

  /** Sets a bind group with its dynamic offsets, in bytes and in the order of the bindings. */
  setBindGroupOffsets(index: u32, group: BindGroup, offsets: StaticArray<u32>): void {
    const at = encode.setBindGroup(index, group.id, <u32>offsets.length);
    memory.copy(at, changetype<usize>(offsets), (<usize>offsets.length) << 2);
  }

  /** Begins a group of commands, which debugging tools show. */
  pushDebugGroup(groupLabel: string): void {
    encode.pushDebugGroup(groupLabel);
  }

  /** Ends the innermost group. */
  popDebugGroup(): void {
    encode.popDebugGroup();
  }

  /** Marks a place among the commands, which debugging tools show. */
  insertDebugMarker(markerLabel: string): void {
    encode.insertDebugMarker(markerLabel);
  }
}

/** Commands that render passes and render bundles both record (GPURenderCommandsMixin). */
export class RenderCommands extends BindingCommands {
  /** Sets the pipeline. */
  setPipeline(pipeline: RenderPipeline): void {
    encode.setPipeline(pipeline.id);
  }

  /** Sets a vertex buffer; null unsets it. A size of 0 means all from `offset` to the end. */
  setVertexBuffer(slot: u32, buffer: Buffer | null, offset: u32 = 0, size: u32 = 0): void {
    encode.setVertexBuffer(slot, idOf(buffer), offset, size);
  }

  /** Sets the index buffer and its IndexFormat. A size of 0 means all from `offset` to the end. */
  setIndexBuffer(buffer: Buffer, format: u32, offset: u32 = 0, size: u32 = 0): void {
    encode.setIndexBuffer(buffer.id, format, offset, size);
  }

  /** Draws vertices. */
  draw(vertexCount: u32, instanceCount: u32 = 1, firstVertex: u32 = 0, firstInstance: u32 = 0): void {
    encode.draw(vertexCount, instanceCount, firstVertex, firstInstance);
  }

  /** Draws vertices by their indices. */
  drawIndexed(
    indexCount: u32,
    instanceCount: u32 = 1,
    firstIndex: u32 = 0,
    baseVertex: i32 = 0,
    firstInstance: u32 = 0,
  ): void {
    encode.drawIndexed(indexCount, instanceCount, firstIndex, baseVertex, firstInstance);
  }

  /** Draws vertices with the four arguments of `draw` from a buffer. */
  drawIndirect(buffer: Buffer, offset: u32): void {
    encode.drawIndirect(buffer.id, offset);
  }

  /** Draws vertices by their indices with the five arguments of `drawIndexed` from a buffer. */
  drawIndexedIndirect(buffer: Buffer, offset: u32): void {
    encode.drawIndexedIndirect(buffer.id, offset);
  }
}
