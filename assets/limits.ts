/**
 * Limits on a model; one that exceeds them is refused with NL_MODEL. They keep a hostile file from using up memory or time.
 */
export const LIMITS = {
  /** Size of one file: the model, or a file that it refers to. */
  fileBytes: 512 * 2 ** 20,
  jsonBytes: 32 * 2 ** 20,
  /** Elements in any list of the JSON. */
  listLength: 65_536,
  /** Elements in one accessor. */
  accessorElements: 32 * 2 ** 20,
  /** Bytes of all accessors and compressed buffer views together, after decoding. */
  decodedBytes: 512 * 2 ** 20,
  /** Vertices, indices and vertices of morph targets, of all primitives together. */
  vertices: 8 * 2 ** 20,
  indices: 32 * 2 ** 20,
  morphVertices: 16 * 2 ** 20,
  /** Morph targets of one primitive. */
  targets: 256,
  /** Joints of one skin. */
  joints: 4096,
  /** Levels in the tree of nodes. */
  depth: 512,
  /** Largest side of an image in pixels. */
  imageSide: 16_384,
  /** Pixels of all images together. */
  imagePixels: 512 * 2 ** 20,
  /** Size of the header and tables of a packed model, which a game keeps in its memory. */
  tableBytes: 64 * 2 ** 20,
  /** Size of one block that becomes a GPU buffer: the default of GPU_BUFFER_BYTES_MAX. */
  blockBytes: 256 * 2 ** 20,
} as const;
