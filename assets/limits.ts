/**
 * Limits on a glTF model. A model that exceeds one is refused with NL_MODEL, so that a hostile file cannot use up memory or
 * time.
 */
export const LIMITS = {
  /** Greatest size of one file in bytes: the model, or a file that it refers to. */
  fileBytes: 512 * 2 ** 20,
  jsonBytes: 32 * 2 ** 20,
  /** Greatest number of elements in any list of the JSON of a model. */
  listLength: 65_536,
  /** Greatest number of elements in one accessor. */
  accessorElements: 32 * 2 ** 20,
  /** Greatest number of bytes of all accessors and compressed buffer views of a model together, after decoding. */
  decodedBytes: 512 * 2 ** 20,
  /** Greatest number of vertices, indices, and vertices of morph targets, of all primitives of a model together. */
  vertices: 8 * 2 ** 20,
  indices: 32 * 2 ** 20,
  morphVertices: 16 * 2 ** 20,
  /** Greatest number of morph targets of one primitive. */
  targets: 256,
  /** Greatest number of joints of one skin. */
  joints: 4096,
  /** Greatest number of levels in the tree of nodes. */
  depth: 512,
  /** Largest side of an image in pixels. */
  imageSide: 16_384,
  /** Greatest number of pixels of all images of a model together. */
  imagePixels: 512 * 2 ** 20,
  /** Greatest size in bytes of the header and tables of a packed model, which a game keeps in its memory. */
  tableBytes: 64 * 2 ** 20,
  /** Greatest size in bytes of a block that becomes one GPU buffer: the default of the setting GPU_BUFFER_BYTES_MAX. */
  blockBytes: 256 * 2 ** 20,
} as const;
