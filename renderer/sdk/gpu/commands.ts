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
  /** Whether commands may be recorded: the pass or bundle has begun and has not ended. */
  open: bool = false;

  /** Sets the bind group at an index, as in WGSL's @group; null unsets it. */
  setBindGroup(index: u32, group: BindGroup | null): void {
    encode.setBindGroup(index, idOf(group), 0);
  }

  /** Sets a bind group that has one buffer with a dynamic offset: `offset` bytes are added to where the bound part begins. */
  setBindGroupAt(index: u32, group: BindGroup, offset: u32): void {
    store<u32>(encode.setBindGroup(index, group.id, 1), offset);
  }

  /** Sets a bind group with the dynamic offsets of its buffers, in bytes and in the order of the bindings. */
  setBindGroupOffsets(index: u32, group: BindGroup, offsets: StaticArray<u32>): void {
    const at = encode.setBindGroup(index, group.id, <u32>offsets.length);
    memory.copy(at, changetype<usize>(offsets), (<usize>offsets.length) << 2);
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
}

/** Commands that render passes and render bundles both record (GPURenderCommandsMixin). */
export class RenderCommands extends BindingCommands {
  /** Sets the render pipeline for the draws that follow. */
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

  /** Draws vertices in their order, without indices. */
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

  /** Draws vertices; a buffer holds the four arguments of `draw`. */
  drawIndirect(buffer: Buffer, offset: u32): void {
    encode.drawIndirect(buffer.id, offset);
  }

  /** Draws vertices by their indices; a buffer holds the five arguments of `drawIndexed`. */
  drawIndexedIndirect(buffer: Buffer, offset: u32): void {
    encode.drawIndexedIndirect(buffer.id, offset);
  }
}
