import draco, { type Decoder, type DecoderModule, type Mesh } from 'draco3dgltf';
import { limits } from '../limits.ts';
import type { Accessors, Head } from './accessors.ts';
import type { Buffers } from './buffers.ts';
import type { Value } from './value.ts';

const FLOAT = 5126;
const METADATA_FLAG = 0x8000;

/** Decodes KHR_draco_mesh_compression into the accessors of each primitive. */
export class Draco {
  readonly #module: DecoderModule;

  private constructor(module: DecoderModule) {
    this.#module = module;
  }

  /** Loads the decoder. */
  static async load(): Promise<Draco> {
    return new Draco(await draco.createDecoderModule());
  }

  /** @throws NearlightError NL_MODEL naming the extension of the primitive */
  decode(primitive: Value, buffers: Buffers, accessors: Accessors): void {
    const extension = primitive.extension('KHR_draco_mesh_compression');
    const { bytes } = buffers.view(extension.get('bufferView').index(buffers.viewCount, 'bufferView'));
    checkHeader(extension, bytes);
    const module = this.#module;
    const decoder = new module.Decoder();
    const buffer = new module.DecoderBuffer();
    const mesh = new module.Mesh();
    try {
      buffer.Init(bytes as unknown as Int8Array, bytes.length);
      if (decoder.GetEncodedGeometryType(buffer) !== module.TRIANGULAR_MESH) extension.fail('holds no triangles');
      const status = decoder.DecodeBufferToMesh(buffer, mesh);
      if (!status.ok() || mesh.ptr === 0) extension.fail('cannot be decompressed');
      this.#take(primitive, extension, decoder, mesh, accessors);
    } catch (cause) {
      // A decoder that has run out of its memory throws an error of its own and cannot be used again.
      if ((cause as { code?: string }).code === 'NL_MODEL') throw cause;
      extension.fail(`cannot be decompressed: ${(cause as Error).message}`);
    } finally {
      module.destroy(mesh);
      module.destroy(buffer);
      module.destroy(decoder);
    }
  }

  #take(primitive: Value, extension: Value, decoder: Decoder, mesh: Mesh, accessors: Accessors): void {
    const indices = primitive.get('indices');
    if (indices.exists) {
      const index = indices.index(accessors.length, 'accessor');
      const { count } = accessors.head(index);
      if (count !== mesh.num_faces() * 3)
        indices.fail(`has ${count} indices, its compressed mesh ${mesh.num_faces() * 3}`);
      accessors.put(index, this.#indices(decoder, mesh));
    }
    const attributes = extension.get('attributes');
    for (const name of attributes.keys()) {
      const id = attributes.get(name).integer({ max: 65535 });
      const at = primitive.get('attributes').get(name);
      const index = at.index(accessors.length, 'accessor');
      const head = accessors.head(index);
      const attribute = decoder.GetAttributeByUniqueId(mesh, id);
      if (attribute.ptr === 0) attributes.get(name).fail(`the compressed mesh has no attribute ${id}`);
      if (attribute.num_components() !== head.components || mesh.num_points() !== head.count)
        at.fail(
          `says ${head.count} ${head.type}, its compressed mesh has ${mesh.num_points()} x ${attribute.num_components()}`,
        );
      const numbers = this.#numbers(decoder, mesh, id, head);
      const floats = Float32Array.from(numbers);
      if (head.componentType !== FLOAT && head.normalized) normalize(floats, head.componentType);
      if (floats.some((value) => !Number.isFinite(value))) at.fail('holds numbers that are not finite');
      accessors.put(index, floats);
      if (numbers instanceof Int32Array) accessors.put(index, Uint32Array.from(numbers));
    }
  }

  #indices(decoder: Decoder, mesh: Mesh): Uint32Array {
    const module = this.#module;
    const bytes = mesh.num_faces() * 12;
    const pointer = module._malloc(bytes);
    try {
      decoder.GetTrianglesUInt32Array(mesh, bytes, pointer);
      return module.HEAPU32.slice(pointer / 4, (pointer + bytes) / 4);
    } finally {
      module._free(pointer);
    }
  }

  #numbers(decoder: Decoder, mesh: Mesh, id: number, { componentType, components }: Head): Float32Array | Int32Array {
    const module = this.#module;
    const bytes = mesh.num_points() * components * 4;
    const pointer = module._malloc(bytes);
    try {
      const attribute = decoder.GetAttributeByUniqueId(mesh, id);
      const type = componentType === FLOAT ? module.DT_FLOAT32 : module.DT_INT32;
      decoder.GetAttributeDataArrayForAllPoints(mesh, attribute, type, bytes, pointer);
      const heap = componentType === FLOAT ? module.HEAPF32 : module.HEAP32;
      return heap.slice(pointer / 4, (pointer + bytes) / 4);
    } finally {
      module._free(pointer);
    }
  }
}

function normalize(floats: Float32Array, componentType: number): void {
  const max = { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 }[componentType] ?? 1;
  for (let i = 0; i < floats.length; i++) floats[i] = Math.max(floats[i]! / max, -1);
}

/** Refuses a mesh that says that it is huge before the decoder makes room for it (Draco bitstream 2.2, 3.1 and 4). */
function checkHeader(extension: Value, bytes: Uint8Array): void {
  if (bytes.length < 12 || Buffer.from(bytes.buffer, bytes.byteOffset, 5).toString('latin1') !== 'DRACO')
    extension.fail('has no Draco header');
  const method = bytes[8]!;
  const flags = bytes[9]! | (bytes[10]! << 8);
  if ((flags & METADATA_FLAG) !== 0) extension.fail('has Draco metadata, which this does not read');
  let at = method === 1 ? 12 : 11;
  for (let field = 0; field < 2; field++) {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++] ?? extension.fail('is cut off');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (value > limits.vertices * 3) extension.fail(`says that it has ${value} points or faces`);
  }
}
