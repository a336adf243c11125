/**
 * The format of a packed model: one file of little-endian words, which the asset packer writes and a game reads. The
 * constants here are integers only, because the compilers of AssemblyScript and of TypeScript both compile them.
 *
 *   header     HEADER_SIZE bytes: the fields below, then for each section the offset of its records and their count
 *   tables     the sections, records of fixed size; a game reads into its memory only header and tables, HEADER_TABLES bytes
 *   blocks     vertices, indices, morph deltas and the levels of textures, each at a multiple of BLOCK_ALIGNMENT; they
 *              go to the GPU as they lie (writeBufferFromAsset, writeTextureFromAsset)
 *
 * Offsets of sections and levels count from the start of the file; those of a primitive from the start of its block.
 * Fields are u32 unless said otherwise; an i32 of -1 is "none". Space is glTF's: right-handed, y up, metres, radians, seconds.
 */

export const MODEL_MAGIC = 0x444d4c4e; // "NLMD"
export const MODEL_VERSION = 2;
export const BLOCK_ALIGNMENT = 256;

// Byte offsets of the fields of the header.
export const HEADER_MAGIC = 0;
export const HEADER_VERSION = 4;
/** Field of the header: size of the whole file in bytes. */
export const HEADER_BYTES = 8;
/** Field of the header: size of header and tables together in bytes. */
export const HEADER_TABLES = 12;
/** Fields of the header: offset of the block of vertices, then its size in bytes, a multiple of 4. Two other blocks follow. */
export const HEADER_VERTICES = 16;
export const HEADER_INDICES = 24;
export const HEADER_MORPHS = 32;
/** Fields of the header: two corners, 3 f32 each, of the scene's bounds, at rest and with each morph target alone. */
export const HEADER_MIN = 40;
export const HEADER_MAX = 52;
/** Fields of the header for each section: the offset of its records, then their count. */
export const HEADER_SECTIONS = 64;
export const HEADER_SIZE = 256;

// The sections, by their index in the header.
export const SECTION_NODES = 0;
export const SECTION_PRIMITIVES = 1;
export const SECTION_MATERIALS = 2;
export const SECTION_TEXTURES = 3;
export const SECTION_LEVELS = 4;
export const SECTION_SAMPLERS = 5;
export const SECTION_SKINS = 6;
export const SECTION_JOINTS = 7;
export const SECTION_ANIMATIONS = 8;
export const SECTION_CHANNELS = 9;
/** Section of f32 that other records refer to by index: weights of morph targets, times and values of animations. */
export const SECTION_FLOATS = 10;
export const SECTION_COUNT = 11;

// Byte offsets of the fields of a node. A node's parent comes before it.
/** Index of the node's parent, an i32. */
export const NODE_PARENT = 0;
export const NODE_PRIMITIVE_FIRST = 4;
/** Number of primitives of the node; 0 also if the node is not part of the scene. */
export const NODE_PRIMITIVE_COUNT = 8;
/** Index of the node's skin, an i32. */
export const NODE_SKIN = 12;
/** Translation of the node, 3 f32. */
export const NODE_TRANSLATION = 16;
/** Rotation of the node, a quaternion of 4 f32: x, y, z, w. */
export const NODE_ROTATION = 28;
/** Scale of the node, 3 f32. */
export const NODE_SCALE = 44;
/** Index in SECTION_FLOATS of the first weight of the node's morph targets. */
export const NODE_WEIGHT_FIRST = 56;
export const NODE_WEIGHT_COUNT = 60;
export const NODE_SIZE = 64;

// Byte offsets of the fields of a primitive, which is a list of triangles of one material.
export const PRIMITIVE_FLAGS = 0;
export const PRIMITIVE_VERTEX_COUNT = 4;
/** Byte offset in the vertex block of the primitive's base stream; those of its extra and skin streams follow. */
export const PRIMITIVE_BASE = 8;
export const PRIMITIVE_EXTRA = 12;
export const PRIMITIVE_SKIN = 16;
/** Byte offset of the primitive's indices in the index block, a multiple of 4. */
export const PRIMITIVE_INDEX = 20;
export const PRIMITIVE_INDEX_COUNT = 24;
/** Bytes of one index of the primitive, 2 or 4. */
export const PRIMITIVE_INDEX_BYTES = 28;
export const PRIMITIVE_MATERIAL = 32;
/** Offset, in words, of the primitive's deltas in the morph block: MORPH_WORDS for each vertex of each morph target. */
export const PRIMITIVE_MORPH = 36;
export const PRIMITIVE_TARGET_COUNT = 40;
/** Factor, an f32, for the morph deltas of positions; the factor for those of normals follows. */
export const PRIMITIVE_MORPH_POSITION = 44;
export const PRIMITIVE_MORPH_NORMAL = 48;
/** Two corners, 3 f32 each, of the primitive's bounds in the space of its node. */
export const PRIMITIVE_MIN = 52;
export const PRIMITIVE_MAX = 64;
export const PRIMITIVE_SIZE = 80;

/** Flag of a primitive: it has an extra vertex stream, of second texture coordinates and colours. */
export const FLAG_EXTRA = 1;
/** Flag of a primitive: it has a skin vertex stream, of joints and weights. */
export const FLAG_SKIN = 2;
/** Flag of a primitive: it has morph targets. */
export const FLAG_MORPH = 4;

// Byte offsets in a vertex of the base stream: position 3 f32; normal, octahedral, 2 snorm16; tangent unorm10-10-10-2, w its
// sign; first texture coordinates 2 f32.
export const BASE_NORMAL = 12;
export const BASE_TANGENT = 16;
export const BASE_UV = 20;
export const BASE_STRIDE = 28;
// Byte offsets in a vertex of the extra stream: second texture coordinates 2 f32, colour 4 unorm8.
export const EXTRA_COLOR = 8;
export const EXTRA_STRIDE = 12;
// Byte offsets in a vertex of the skin stream: joints 4 u16, weights 4 unorm16.
export const SKIN_WEIGHTS = 8;
export const SKIN_STRIDE = 16;
/** Number of words of one morph delta: six f16, x y z of a position and x y z of a normal. */
export const MORPH_WORDS = 3;

// Byte offsets of the fields of a material: metal-rough factors, then five texture slots.
export const MATERIAL_FLAGS = 0;
/** Alpha, an f32, below which a material with FLAG_MASK draws nothing. */
export const MATERIAL_ALPHA_CUTOFF = 4;
/** Base colour factor of the material, 4 f32, linear. */
export const MATERIAL_BASE_COLOR = 8;
/** Metallic factor of the material; roughness factor, normal scale and occlusion strength follow, an f32 each. */
export const MATERIAL_METALLIC = 24;
export const MATERIAL_ROUGHNESS = 28;
export const MATERIAL_NORMAL_SCALE = 32;
export const MATERIAL_OCCLUSION = 36;
/** Emissive colour of the material, 3 f32, linear, multiplied by the emissive strength. */
export const MATERIAL_EMISSIVE = 40;
export const MATERIAL_SLOTS = 64;
export const MATERIAL_SIZE = 304;

export const FLAG_MASK = 1;
export const FLAG_BLEND = 2;
export const FLAG_DOUBLE_SIDED = 4;
export const FLAG_UNLIT = 8;

export const SLOT_BASE_COLOR = 0;
export const SLOT_METAL_ROUGH = 1;
export const SLOT_NORMAL = 2;
export const SLOT_OCCLUSION = 3;
export const SLOT_EMISSIVE = 4;
export const SLOT_COUNT = 5;
/** Index of the texture in a material's slot, an i32. */
export const SLOT_TEXTURE = 0;
export const SLOT_SAMPLER = 4;
/** Which texture coordinates of the vertices a material's slot uses: 0 for the first, 1 for the second. */
export const SLOT_TEXCOORD = 8;
/** Transform of a slot's texture coordinates, 6 f32 a b c d x y: u' = a u + b v + x, v' = c u + d v + y. */
export const SLOT_TRANSFORM = 16;
export const SLOT_SIZE = 48;

// Byte offsets of the fields of a texture: its block-compressed levels, and its plain ones for a GPU without
// texture-compression-bc.
export const TEXTURE_FORMAT = 0;
export const TEXTURE_WIDTH = 4;
export const TEXTURE_HEIGHT = 8;
export const TEXTURE_LEVEL_FIRST = 12;
export const TEXTURE_LEVEL_COUNT = 16;
/** Format, size and levels of the uncompressed variant of the texture, in the order of the five fields above. */
export const TEXTURE_PLAIN = 20;
export const TEXTURE_SIZE = 40;

// Formats of textures. Normals have x and y alone, metal-rough has roughness in red and metal in green, occlusion red alone.
export const FORMAT_BC7_SRGB = 1;
export const FORMAT_BC5 = 2;
export const FORMAT_BC4 = 3;
export const FORMAT_RGBA8_SRGB = 4;
export const FORMAT_RG8 = 5;
export const FORMAT_R8 = 6;

// Byte offsets of the fields of a mip level. The size of a block-compressed level is rounded up to whole blocks.
export const LEVEL_OFFSET = 0;
export const LEVEL_BYTES = 4;
export const LEVEL_BYTES_PER_ROW = 8;
export const LEVEL_WIDTH = 12;
export const LEVEL_HEIGHT = 16;
export const LEVEL_SIZE = 20;

// Byte offsets of the fields of a sampler; filters are 0 nearest, 1 linear.
export const SAMPLER_MAG = 0;
export const SAMPLER_MIN = 4;
export const SAMPLER_MIP = 8;
/** 0 if the sampler uses only the first mip level of a texture, else 1. */
export const SAMPLER_LEVELS = 12;
export const SAMPLER_WRAP_U = 16;
export const SAMPLER_WRAP_V = 20;
export const SAMPLER_SIZE = 24;

export const WRAP_CLAMP = 0;
export const WRAP_REPEAT = 1;
export const WRAP_MIRROR = 2;

// Byte offsets of the fields of a skin.
export const SKIN_JOINT_FIRST = 0;
export const SKIN_JOINT_COUNT = 4;
export const SKIN_SIZE = 8;

// Byte offsets of the fields of a joint of a skin.
export const JOINT_NODE = 0;
/** Inverse bind matrix of the joint, 16 f32, column by column. */
export const JOINT_INVERSE = 4;
/** Two corners, 3 f32 each, of the bounds of the vertices that follow this joint most, in its space; min above max for none. */
export const JOINT_MIN = 68;
export const JOINT_MAX = 80;
export const JOINT_SIZE = 92;

// Byte offsets of the fields of an animation.
export const ANIMATION_CHANNEL_FIRST = 0;
export const ANIMATION_CHANNEL_COUNT = 4;
/** Duration of the animation in seconds, an f32. */
export const ANIMATION_DURATION = 8;
export const ANIMATION_SIZE = 12;

// Byte offsets of the fields of an animation's channel; its times and values are indices in SECTION_FLOATS. A cubic spline
// has in-tangent, value, out-tangent for each time.
export const CHANNEL_NODE = 0;
export const CHANNEL_PATH = 4;
export const CHANNEL_INTERPOLATION = 8;
/** Number of times of the channel, each of which has a value. */
export const CHANNEL_COUNT = 12;
/** Number of floats of one value of the channel. */
export const CHANNEL_COMPONENTS = 16;
export const CHANNEL_TIMES = 20;
export const CHANNEL_VALUES = 24;
export const CHANNEL_SIZE = 28;

export const PATH_TRANSLATION = 0;
export const PATH_ROTATION = 1;
export const PATH_SCALE = 2;
export const PATH_WEIGHTS = 3;

export const INTERPOLATION_STEP = 0;
export const INTERPOLATION_LINEAR = 1;
export const INTERPOLATION_CUBIC = 2;
