/**
 * The packed model: one file of little-endian words, read by a game and written by the packer. Only integers, as asc and
 * tsc both compile this file.
 *
 *   header     HEADER_SIZE bytes: what follows, then for each section the offset of its records and their count
 *   tables     the sections, records of fixed size; a game reads header and tables, HEADER_TABLES bytes, and nothing else
 *   blocks     vertices, indices, morph deltas and the levels of textures, each at a multiple of BLOCK_ALIGNMENT; they
 *              go to the GPU as they lie (writeBufferFromAsset, writeTextureFromAsset)
 *
 * Offsets of sections and levels count from the start of the file; those of a primitive from the start of its block.
 * u32 unless said otherwise; an i32 of -1 is "none". Space is glTF's: right-handed, y up, metres, radians, seconds.
 */

export const MODEL_MAGIC = 0x444d4c4e; // "NLMD"
export const MODEL_VERSION = 2;
export const BLOCK_ALIGNMENT = 256;

// The header.
export const HEADER_MAGIC = 0;
export const HEADER_VERSION = 4;
/** Bytes of the whole file. */
export const HEADER_BYTES = 8;
/** Bytes of header and tables. */
export const HEADER_TABLES = 12;
/** Each block of a buffer: its offset, then its bytes, a multiple of 4. */
export const HEADER_VERTICES = 16;
export const HEADER_INDICES = 24;
export const HEADER_MORPHS = 32;
/** Bounds of the scene without animation, and with each morph target alone; 3 f32 each. */
export const HEADER_MIN = 40;
export const HEADER_MAX = 52;
/** Each section: the offset of its records, then their count. */
export const HEADER_SECTIONS = 64;
export const HEADER_SIZE = 256;

// The sections.
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
/** f32 that other records refer to by index: weights, times, values. */
export const SECTION_FLOATS = 10;
export const SECTION_COUNT = 11;

// A node; its parent comes before it.
/** i32. */
export const NODE_PARENT = 0;
export const NODE_PRIMITIVE_FIRST = 4;
/** 0 also where the node is not part of the scene. */
export const NODE_PRIMITIVE_COUNT = 8;
/** i32. */
export const NODE_SKIN = 12;
/** 3 f32. */
export const NODE_TRANSLATION = 16;
/** Quaternion, 4 f32: x, y, z, w. */
export const NODE_ROTATION = 28;
/** 3 f32. */
export const NODE_SCALE = 44;
/** Weights of the morph targets, among the floats. */
export const NODE_WEIGHT_FIRST = 56;
export const NODE_WEIGHT_COUNT = 60;
export const NODE_SIZE = 64;

// A primitive: triangles of one material.
export const PRIMITIVE_FLAGS = 0;
export const PRIMITIVE_VERTEX_COUNT = 4;
/** Where its streams lie in the vertex block. */
export const PRIMITIVE_BASE = 8;
export const PRIMITIVE_EXTRA = 12;
export const PRIMITIVE_SKIN = 16;
/** Where its indices lie in the index block; a multiple of 4. */
export const PRIMITIVE_INDEX = 20;
export const PRIMITIVE_INDEX_COUNT = 24;
/** Bytes of an index, 2 or 4. */
export const PRIMITIVE_INDEX_BYTES = 28;
export const PRIMITIVE_MATERIAL = 32;
/** Where its deltas lie in the morph block, in words; MORPH_WORDS for each vertex of each target. */
export const PRIMITIVE_MORPH = 36;
export const PRIMITIVE_TARGET_COUNT = 40;
/** f32: what deltas of positions and of normals must be multiplied by. */
export const PRIMITIVE_MORPH_POSITION = 44;
export const PRIMITIVE_MORPH_NORMAL = 48;
/** Bounds in the space of its node, 3 f32 each. */
export const PRIMITIVE_MIN = 52;
export const PRIMITIVE_MAX = 64;
export const PRIMITIVE_SIZE = 80;

/** There is an extra stream. */
export const FLAG_EXTRA = 1;
/** There is a skin stream. */
export const FLAG_SKIN = 2;
/** There are morph targets. */
export const FLAG_MORPH = 4;

// The base stream: position 3 f32; normal, octahedral, 2 snorm16; tangent unorm10-10-10-2, w its sign; first texture coordinates 2 f32.
export const BASE_NORMAL = 12;
export const BASE_TANGENT = 16;
export const BASE_UV = 20;
export const BASE_STRIDE = 28;
// The extra stream: second texture coordinates 2 f32, colour 4 unorm8.
export const EXTRA_COLOR = 8;
export const EXTRA_STRIDE = 12;
// The skin stream: joints 4 u16, weights 4 unorm16.
export const SKIN_WEIGHTS = 8;
export const SKIN_STRIDE = 16;
/** f16 deltas of a position and a normal: x y, z x, y z. */
export const MORPH_WORDS = 3;

// A material: metal-rough factors, then five texture slots.
export const MATERIAL_FLAGS = 0;
/** f32. */
export const MATERIAL_ALPHA_CUTOFF = 4;
/** 4 f32, linear. */
export const MATERIAL_BASE_COLOR = 8;
/** f32 each. */
export const MATERIAL_METALLIC = 24;
export const MATERIAL_ROUGHNESS = 28;
export const MATERIAL_NORMAL_SCALE = 32;
export const MATERIAL_OCCLUSION = 36;
/** 3 f32, linear, times the strength. */
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
/** i32. */
export const SLOT_TEXTURE = 0;
export const SLOT_SAMPLER = 4;
/** Which texture coordinates, 0 or 1. */
export const SLOT_TEXCOORD = 8;
/** 6 f32 a b c d x y: u' = a u + b v + x, v' = c u + d v + y. */
export const SLOT_TRANSFORM = 16;
export const SLOT_SIZE = 48;

// A texture: its block-compressed levels, and its plain ones for a GPU without texture-compression-bc.
export const TEXTURE_FORMAT = 0;
export const TEXTURE_WIDTH = 4;
export const TEXTURE_HEIGHT = 8;
export const TEXTURE_LEVEL_FIRST = 12;
export const TEXTURE_LEVEL_COUNT = 16;
/** Words of the plain variant in the same order. */
export const TEXTURE_PLAIN = 20;
export const TEXTURE_SIZE = 40;

// Formats. Normals have x and y alone, metal-rough has roughness in red and metal in green, occlusion red alone.
export const FORMAT_BC7_SRGB = 1;
export const FORMAT_BC5 = 2;
export const FORMAT_BC4 = 3;
export const FORMAT_RGBA8_SRGB = 4;
export const FORMAT_RG8 = 5;
export const FORMAT_R8 = 6;

// A level of a texture; of block-compressed ones the size is rounded up to whole blocks.
export const LEVEL_OFFSET = 0;
export const LEVEL_BYTES = 4;
export const LEVEL_BYTES_PER_ROW = 8;
export const LEVEL_WIDTH = 12;
export const LEVEL_HEIGHT = 16;
export const LEVEL_SIZE = 20;

// A sampler; filters are 0 nearest, 1 linear.
export const SAMPLER_MAG = 0;
export const SAMPLER_MIN = 4;
export const SAMPLER_MIP = 8;
/** 0 where only the first level is wanted. */
export const SAMPLER_LEVELS = 12;
export const SAMPLER_WRAP_U = 16;
export const SAMPLER_WRAP_V = 20;
export const SAMPLER_SIZE = 24;

export const WRAP_CLAMP = 0;
export const WRAP_REPEAT = 1;
export const WRAP_MIRROR = 2;

// A skin.
export const SKIN_JOINT_FIRST = 0;
export const SKIN_JOINT_COUNT = 4;
export const SKIN_SIZE = 8;

// A joint of a skin.
export const JOINT_NODE = 0;
/** Inverse bind matrix, 16 f32, column by column. */
export const JOINT_INVERSE = 4;
/** Bounds, in the joint's space, of the vertices that follow it most; 3 f32 each, min above max where there are none. */
export const JOINT_MIN = 68;
export const JOINT_MAX = 80;
export const JOINT_SIZE = 92;

// An animation.
export const ANIMATION_CHANNEL_FIRST = 0;
export const ANIMATION_CHANNEL_COUNT = 4;
/** f32, seconds. */
export const ANIMATION_DURATION = 8;
export const ANIMATION_SIZE = 12;

// A channel; times and values are indices among the floats. A cubic spline has in-tangent, value, out-tangent for each time.
export const CHANNEL_NODE = 0;
export const CHANNEL_PATH = 4;
export const CHANNEL_INTERPOLATION = 8;
/** Times. */
export const CHANNEL_COUNT = 12;
/** Floats of one value. */
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
