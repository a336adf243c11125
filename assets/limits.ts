/** Bounds of what the packer takes; more is NL_MODEL. They keep a hostile file from taking memory or time without end. */
export const limits = {
  /** Bytes of one file: the model, or one that it refers to. */
  fileBytes: 512 * 2 ** 20,
  jsonBytes: 32 * 2 ** 20,
  /** Elements of any list of the JSON. */
  listLength: 65_536,
  /** Elements of one accessor. */
  accessorElements: 32 * 2 ** 20,
  /** Bytes of all accessors and compressed views, decoded. */
  decodedBytes: 512 * 2 ** 20,
  /** Vertices and indices of all primitives together, and of all their morph targets. */
  vertices: 8 * 2 ** 20,
  indices: 32 * 2 ** 20,
  morphVertices: 16 * 2 ** 20,
  /** Morph targets of a primitive. */
  targets: 256,
  joints: 4096,
  /** Levels of the node tree. */
  depth: 512,
  /** Pixels a side of an image, and of all images together. */
  imageSide: 16_384,
  imagePixels: 512 * 2 ** 20,
  /** Header and tables, which a game keeps in its memory. */
  tableBytes: 64 * 2 ** 20,
  /** One block of a buffer: the default of GPU_BUFFER_BYTES_MAX. */
  blockBytes: 256 * 2 ** 20,
} as const;
