import * as format from '../../renderer/contract/pack.ts';

/** Reads a packed model for tests, as renderer/contract/pack.ts describes it. */
export class Packed {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  word(at: number): number {
    return this.view.getUint32(at, true);
  }

  count(section: number): number {
    return this.word(format.HEADER_SECTIONS + section * 8 + 4);
  }

  /** Returns the byte offset of a record in the packed model. @param size bytes of one record of the section */
  at(section: number, index: number, size: number): number {
    return this.word(format.HEADER_SECTIONS + section * 8) + index * size;
  }

  floats(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, k) => this.view.getFloat32(at + k * 4, true));
  }

  primitive(index: number): number {
    return this.at(format.SECTION_PRIMITIVES, index, format.PRIMITIVE_SIZE);
  }

  material(index: number): number {
    return this.at(format.SECTION_MATERIALS, index, format.MATERIAL_SIZE);
  }

  /** Returns the positions of the corners of a primitive's triangles, three corners for each triangle. */
  triangles(index: number): number[][] {
    const primitive = this.primitive(index);
    const base = this.word(format.HEADER_VERTICES) + this.word(primitive + format.PRIMITIVE_BASE);
    return this.indices(index).map((vertex) => this.floats(base + vertex * format.BASE_STRIDE, 3));
  }

  indices(index: number): number[] {
    const primitive = this.primitive(index);
    const at = this.word(format.HEADER_INDICES) + this.word(primitive + format.PRIMITIVE_INDEX);
    const bytes = this.word(primitive + format.PRIMITIVE_INDEX_BYTES);
    const count = this.word(primitive + format.PRIMITIVE_INDEX_COUNT);
    return Array.from({ length: count }, (_, k) =>
      bytes === 2 ? this.view.getUint16(at + k * 2, true) : this.word(at + k * 4),
    );
  }

  /** Returns an animation channel: the byte offset of its record, the times of its keyframes, and their values. */
  channel(index: number): { record: number; times: number[]; values: number[] } {
    const record = this.at(format.SECTION_CHANNELS, index, format.CHANNEL_SIZE);
    const count = this.word(record + format.CHANNEL_COUNT);
    const isCubic = this.word(record + format.CHANNEL_INTERPOLATION) === format.INTERPOLATION_CUBIC;
    const values = count * this.word(record + format.CHANNEL_COMPONENTS) * (isCubic ? 3 : 1);
    const floats = (field: number, length: number) =>
      this.floats(this.at(format.SECTION_FLOATS, this.word(record + field), 4), length);
    return { record, times: floats(format.CHANNEL_TIMES, count), values: floats(format.CHANNEL_VALUES, values) };
  }
}
