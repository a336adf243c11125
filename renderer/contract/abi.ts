// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.
// Compiled by asc for the guest and by tsc for the host.

/** what version() returns */
export const ABI_VERSION = 2;
/** opcode bit: the last two words are an address and a byte length in linear memory */
export const REFERENCE_BIT = 32768;
/** low bits of an id: the index; the generation is above */
export const ID_INDEX_BITS = 20;
/** id of the player's picture, as a texture and as its view; valid during render only */
export const SURFACE = 1;
/** lowest index of an object that the guest makes */
export const ID_INDEX_MIN = 2;
/** its TextureFormat */
export const SURFACE_FORMAT = 18;
/** seats of a room at most */
export const SEATS_MAX = 64;
/** highest status that exit() takes */
export const EXIT_STATUS_MAX = 255;
/** level of log() */
export const LOG_ERROR = 0;
/** level of log() */
export const LOG_WARN = 1;
/** level of log() */
export const LOG_INFO = 2;
/** level of log() */
export const LOG_DEBUG = 3;
/** "NLIO" in the first word of the IO block */
export const IO_MAGIC = 1330203726;
/** u32: bytes of the whole block */
export const IO_SIZE = 4;
/** u32: input records that follow */
export const IO_SEATS = 8;
/** u32: replies written so far, wrapping */
export const IO_REPLY_HEAD = 16;
/** the reply ring */
export const IO_REPLIES = 64;
/** records of the ring; record n lies at n % REPLY_COUNT */
export const REPLY_COUNT = 64;
/** words of a record: type, then its values */
export const REPLY_WORDS = 8;
/** the input records, one a seat */
export const IO_INPUTS = 2112;
/** reply: word 1 is the token */
export const REPLY_WORK_DONE = 1;
/** reply: word 1 is the kind (ObjectKind), word 2 the id, word 3 is 1 where it can be used, else 0 */
export const REPLY_PIPELINE = 2;
/** reply: the token; errors; warnings; line and column of the first message, from 1, or 0 */
export const REPLY_COMPILATION = 3;
/** reply: the token; 0 or the ErrorFilter of what was caught */
export const REPLY_ERROR_SCOPE = 4;
/** reply: the token; 1 where the bytes are there, 0 where the GPU refused */
export const REPLY_MAPPED = 5;
/** reply: the GPU was lost before this module was loaded; the only one of its kind */
export const REPLY_DEVICE_LOST = 6;
/** bytes of an input record */
export const INPUT_STRIDE = 128;
/** u32: 1 */
export const INPUT_VERSION = 0;
/** u32: INPUT_CONNECTED, INPUT_LOCKED */
export const INPUT_FLAGS = 4;
/** u32: sequence of the newest input in this record */
export const INPUT_SEQUENCE = 8;
/** u32: buttons that are down; bit 0 left, 1 middle, 2 right, 16 and up a gamepad */
export const INPUT_BUTTONS = 12;
/** u32: buttons that went down since the last tick, even if up again */
export const INPUT_BUTTONS_PRESSED = 16;
/** 8 u32: keys that are down, one bit a USB HID usage of page 7 */
export const INPUT_KEYS = 20;
/** 8 u32: keys that went down since the last tick, even if up again */
export const INPUT_KEYS_PRESSED = 52;
/** 2 f32: pointer in the picture, 0 to 1 from the top left */
export const INPUT_POINTER = 84;
/** 2 f32: pointer movement since the last tick, CSS pixels */
export const INPUT_MOVEMENT = 92;
/** 2 f32: wheel movement since the last tick, CSS pixels */
export const INPUT_WHEEL = 100;
/** 4 f32: sticks, -1 to 1; 0 and 1 the left one, right and down positive */
export const INPUT_AXES = 108;
/** flag: a player has the seat */
export const INPUT_CONNECTED = 1;
/** flag: the pointer is locked to the picture */
export const INPUT_LOCKED = 2;

export const OP_CREATE_BUFFER = 1;
export const OP_CREATE_TEXTURE = 2;
export const OP_CREATE_TEXTURE_VIEW = 3;
export const OP_CREATE_SAMPLER = 4;
export const OP_CREATE_BIND_GROUP_LAYOUT = 5;
export const OP_CREATE_PIPELINE_LAYOUT = 6;
export const OP_CREATE_BIND_GROUP = 7;
export const OP_CREATE_SHADER_MODULE = 8;
export const OP_CREATE_RENDER_PIPELINE = 9;
export const OP_CREATE_COMPUTE_PIPELINE = 10;
export const OP_GET_RENDER_BIND_GROUP_LAYOUT = 11;
export const OP_GET_COMPUTE_BIND_GROUP_LAYOUT = 12;
export const OP_DESTROY = 13;
export const OP_CREATE_QUERY_SET = 14;
export const OP_CREATE_RENDER_BUNDLE_ENCODER = 15;
export const OP_FINISH_RENDER_BUNDLE = 16;
export const OP_CREATE_RENDER_PIPELINE_ASYNC = 17;
export const OP_CREATE_COMPUTE_PIPELINE_ASYNC = 18;
export const OP_GET_COMPILATION_INFO = 19;
export const OP_PUSH_ERROR_SCOPE = 20;
export const OP_POP_ERROR_SCOPE = 21;
export const OP_WRITE_BUFFER = 32800;
export const OP_WRITE_TEXTURE = 32801;
export const OP_WRITE_BUFFER_FROM_ASSET = 34;
export const OP_WRITE_TEXTURE_FROM_ASSET = 35;
export const OP_SUBMIT = 36;
export const OP_ON_SUBMITTED_WORK_DONE = 37;
export const OP_MAP_ASYNC = 38;
export const OP_COPY_BUFFER_TO_BUFFER = 48;
export const OP_COPY_BUFFER_TO_TEXTURE = 49;
export const OP_COPY_TEXTURE_TO_BUFFER = 50;
export const OP_COPY_TEXTURE_TO_TEXTURE = 51;
export const OP_CLEAR_BUFFER = 52;
export const OP_BEGIN_RENDER_PASS = 53;
export const OP_END_RENDER_PASS = 54;
export const OP_BEGIN_COMPUTE_PASS = 55;
export const OP_END_COMPUTE_PASS = 56;
export const OP_RESOLVE_QUERY_SET = 57;
export const OP_PUSH_DEBUG_GROUP = 58;
export const OP_POP_DEBUG_GROUP = 59;
export const OP_INSERT_DEBUG_MARKER = 60;
export const OP_SET_PIPELINE = 64;
export const OP_SET_BIND_GROUP = 65;
export const OP_SET_VERTEX_BUFFER = 66;
export const OP_SET_INDEX_BUFFER = 67;
export const OP_DRAW = 68;
export const OP_DRAW_INDEXED = 69;
export const OP_DRAW_INDIRECT = 70;
export const OP_DRAW_INDEXED_INDIRECT = 71;
export const OP_SET_VIEWPORT = 72;
export const OP_SET_SCISSOR_RECT = 73;
export const OP_SET_BLEND_CONSTANT = 74;
export const OP_SET_STENCIL_REFERENCE = 75;
export const OP_BEGIN_OCCLUSION_QUERY = 76;
export const OP_END_OCCLUSION_QUERY = 77;
export const OP_EXECUTE_BUNDLES = 78;
export const OP_SET_COMPUTE_PIPELINE = 80;
export const OP_DISPATCH_WORKGROUPS = 81;
export const OP_DISPATCH_WORKGROUPS_INDIRECT = 82;
