/** Declares the part of the Draco decoder that this project uses. The package has no types of its own. */
declare module 'draco3dgltf' {
  interface Status {
    ok(): boolean;
  }
  interface Attribute {
    readonly ptr: number;
    num_components(): number;
  }
  export interface Mesh {
    readonly ptr: number;
    num_faces(): number;
    num_points(): number;
  }
  interface DecoderBuffer {
    Init(data: Int8Array, length: number): void;
  }
  export interface Decoder {
    GetEncodedGeometryType(buffer: DecoderBuffer): number;
    DecodeBufferToMesh(buffer: DecoderBuffer, mesh: Mesh): Status;
    GetAttributeByUniqueId(mesh: Mesh, id: number): Attribute;
    GetTrianglesUInt32Array(mesh: Mesh, bytes: number, pointer: number): boolean;
    GetAttributeDataArrayForAllPoints(
      mesh: Mesh,
      attribute: Attribute,
      type: number,
      bytes: number,
      pointer: number,
    ): boolean;
  }
  export interface DecoderModule {
    readonly Decoder: new () => Decoder;
    readonly DecoderBuffer: new () => DecoderBuffer;
    readonly Mesh: new () => Mesh;
    readonly TRIANGULAR_MESH: number;
    readonly DT_INT32: number;
    readonly DT_FLOAT32: number;
    readonly HEAPU32: Uint32Array;
    readonly HEAP32: Int32Array;
    readonly HEAPF32: Float32Array;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    destroy(object: object): void;
  }
  const draco: {
    createDecoderModule(): Promise<DecoderModule>;
    createEncoderModule(): Promise<unknown>;
  };
  export default draco;
}
