import draco, { type Decoder, type DecoderModule, type Mesh } from 'draco3dgltf';
import { f32 } from '../element.ts';
import { LIMITS } from '../limits.ts';
import type { Accessors, Head } from './accessors.ts';
import type { Buffers } from './buffers.ts';
import type { Value } from './value.ts';

const FLOAT = 5126;
/** Number of the Draco method that codes connectivity with edgebreaker. Its header is one byte longer. */
const EDGEBREAKER = 1;
const METADATA_FLAG = 0x8000;

interface Decoded {
  primitive: Value;
  extension: Value;
  decoder: Decoder;
  mesh: Mesh;
  accessors: Accessors;
}

/** Decompresses meshes with KHR_draco_mesh_compression into the accessors of their primitives. */
export class Draco {
  readonly #module: DecoderModule;

  private constructor(module: DecoderModule) {
    this.#module = module;
  }

  /** Loads the Draco decoder. */
  static async load(): Promise<Draco> {
    return new Draco(await draco.createDecoderModule());
  }

  /** Decompresses the mesh of one primitive. @throws NearlightError NL_MODEL with the place of its extension */
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
      if (decoder.GetEncodedGeometryType(buffer) !== module.TRIANGULAR_MESH)
        extension.fail('does not contain triangles');
      const status = decoder.DecodeBufferToMesh(buffer, mesh);
      if (!status.ok() || mesh.ptr === 0) extension.fail('cannot be decompressed');
      this.#take({ primitive, extension, decoder, mesh, accessors });
    } catch (cause) {
      // A decoder that runs out of memory throws an error of its own.
      if ((cause as { code?: string }).code === 'NL_MODEL') throw cause;
      extension.fail(`cannot be decompressed: ${(cause as Error).message}`);
    } finally {
      module.destroy(mesh);
      module.destroy(buffer);
      module.destroy(decoder);
    }
  }

  /** Copies the indices and attributes of the decompressed mesh into the accessors of the primitive. */
  #take({ primitive, extension, decoder, mesh, accessors }: Decoded): void {
    const indices = primitive.get('indices');
    if (indices.exists) {
      const index = indices.index(accessors.length, 'accessor');
      const { count } = accessors.head(index);
      if (count !== mesh.num_faces() * 3)
        indices.fail(`has ${count} indices, but its compressed mesh has ${mesh.num_faces() * 3}`);
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
          `has ${head.count} elements of type ${head.type}, but its compressed mesh has ${mesh.num_points()} of ${attribute.num_components()} components`,
        );
      const numbers = this.#numbers(decoder, mesh, id, head);
      const floats = Float32Array.from(numbers);
      if (head.componentType !== FLOAT && head.normalized) normalize(floats, head.componentType);
      if (floats.some((value) => !Number.isFinite(value))) at.fail('contains numbers that are not finite');
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

/** Converts integers to fractions, as a normalized accessor requires: -1 to 1 for signed types, 0 to 1 for unsigned ones. */
function normalize(floats: Float32Array, componentType: number): void {
  const max = { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 }[componentType] ?? 1;
  for (let i = 0; i < floats.length; i++) floats[i] = Math.max(f32(floats, i) / max, -1);
}

/** Refuses a mesh whose header claims a huge size, before the decoder allocates memory for it (Draco bitstream 2.2). */
function checkHeader(extension: Value, bytes: Uint8Array): void {
  if (bytes.length < 12 || Buffer.from(bytes.buffer, bytes.byteOffset, 5).toString('latin1') !== 'DRACO')
    extension.fail('has no Draco header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const method = view.getUint8(8);
  const flags = view.getUint16(9, true);
  if ((flags & METADATA_FLAG) !== 0) extension.fail('has Draco metadata, which the packer does not support');
  let at = method === EDGEBREAKER ? 12 : 11;
  for (let field = 0; field < 2; field++) {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++] ?? extension.fail('ends within its header');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (value > LIMITS.vertices * 3)
      extension.fail(`claims to have ${value} points or faces, more than the ${LIMITS.vertices * 3} allowed`);
  }
}
