// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.
// The AssemblyScript compiler compiles this file into games, and tsc compiles it for the host.

/** version of this contract, which the export version() of a module returns */
export const ABI_VERSION = 2;
/** bit of an opcode: the command's last two words are an address and a byte length in linear memory */
export const REFERENCE_BIT = 32768;
/** number of low bits of an object's id that hold its index; the bits above hold its generation */
export const ID_INDEX_BITS = 20;
/** id of the player's picture, both as a texture and as its view; valid during render only */
export const SURFACE = 1;
/** lowest index in the id of an object that the module makes */
export const ID_INDEX_MIN = 2;
/** TextureFormat of the player's picture */
export const SURFACE_FORMAT = 18;
/** greatest number of seats, and so of players, of one game */
export const SEATS_MAX = 64;
/** highest status that the import exit() takes */
export const EXIT_STATUS_MAX = 255;
/** frames of sound per second */
export const AUDIO_RATE = 48000;
/** the most frames of sound in one call of audio() */
export const AUDIO_FRAMES_MAX = 4800;
/** level of log(): a fault that the game cannot go on with */
export const LOG_ERROR = 0;
/** level of log(): something works, but not as it should */
export const LOG_WARN = 1;
/** level of log(): for the operator of the game */
export const LOG_INFO = 2;
/** level of log(): for the author of the game */
export const LOG_DEBUG = 3;
/** first word of the IO block, which the module and the host share: "NLIO" */
export const IO_MAGIC = 1330203726;
/** offset in the IO block; u32: size of the whole block in bytes */
export const IO_SIZE = 4;
/** offset in the IO block; u32: number of input records, one for each seat */
export const IO_SEATS = 8;
/** offset in the IO block; u32: number of replies that the host has written so far, wrapping */
export const IO_REPLY_HEAD = 16;
/** offset in the IO block of the ring of the host's replies */
export const IO_REPLIES = 64;
/** number of records in the reply ring; reply n lies in record n % REPLY_COUNT */
export const REPLY_COUNT = 64;
/** words of one record of the reply ring: the reply's type, then its values */
export const REPLY_WORDS = 8;
/** offset in the IO block of the input records, one for each seat */
export const IO_INPUTS = 2112;
/** type of a reply: submitted work is done; word 1 is the token of the request */
export const REPLY_WORK_DONE = 1;
/** type of a reply: a pipeline was made or refused; its ObjectKind; its id; 1 if it can be used, else 0 */
export const REPLY_PIPELINE = 2;
/** type of a reply: a shader's verdict; token; error count; warning count; line, column of the first message, from 1, or 0 */
export const REPLY_COMPILATION = 3;
/** type of a reply: an error scope ended; token of the request; ErrorFilter of the error that it caught, or 0 */
export const REPLY_ERROR_SCOPE = 4;
/** type of a reply: mapAsync ended; token of the request; 1 if the bytes have come, 0 if the GPU refused */
export const REPLY_MAPPED = 5;
/** type of a reply without values: the GPU was lost before this module was loaded to continue the game */
export const REPLY_DEVICE_LOST = 6;
/** type of a reply: the entry of a text ended; token of the request; 1 if there is a text, else 0; its length in bytes */
export const REPLY_TEXT = 7;
/** type of a reply: a message came; token of the `receive`; its subscription; low, high half of its origin; its length in bytes */
export const REPLY_MESSAGE = 8;
/** size of the input record of one seat in bytes */
export const INPUT_STRIDE = 128;
/** offset in an input record; u32: 1 once the host has written the record */
export const INPUT_VERSION = 0;
/** offset in an input record; u32: the bits INPUT_CONNECTED and INPUT_LOCKED */
export const INPUT_FLAGS = 4;
/** offset in an input record; u32: sequence number of the newest input in it */
export const INPUT_SEQUENCE = 8;
/** offset in an input record; u32: buttons that are down; bit 0 left, 1 middle, 2 right, 16 and up a gamepad */
export const INPUT_BUTTONS = 12;
/** offset in an input record; u32: buttons that went down since the last tick, even if up again */
export const INPUT_BUTTONS_PRESSED = 16;
/** offset in an input record; 8 u32: keys that are down, one bit for each USB HID usage of page 7 */
export const INPUT_KEYS = 20;
/** offset in an input record; 8 u32: keys that went down since the last tick, even if up again */
export const INPUT_KEYS_PRESSED = 52;
/** offset in an input record; 2 f32: place of the pointer in the picture, 0 to 1 from the top left */
export const INPUT_POINTER = 84;
/** offset in an input record; 2 f32: pointer movement since the last tick, in CSS pixels */
export const INPUT_MOVEMENT = 92;
/** offset in an input record; 2 f32: wheel movement since the last tick, in CSS pixels */
export const INPUT_WHEEL = 100;
/** offset in an input record; 4 f32: gamepad sticks, -1 to 1, the left one first; right and down are positive */
export const INPUT_AXES = 108;
/** bit of INPUT_FLAGS: a player has the seat */
export const INPUT_CONNECTED = 1;
/** bit of INPUT_FLAGS: the player's pointer is locked to the picture */
export const INPUT_LOCKED = 2;
/** number of gamepads that one player can use */
export const PAD_COUNT = 4;
/** size of the record of one gamepad in bytes */
export const PAD_STRIDE = 48;
/** size of the records of all gamepads of one seat in bytes: PAD_COUNT * PAD_STRIDE */
export const PADS_STRIDE = 192;
/** offset in the record of a gamepad; u32: the bit PAD_CONNECTED */
export const PAD_FLAGS = 0;
/** offset in the record of a gamepad; u32: buttons that are down, by their place in the standard mapping */
export const PAD_BUTTONS = 4;
/** offset in the record of a gamepad; u32: buttons that went down since the last tick, even if up again */
export const PAD_BUTTONS_PRESSED = 8;
/** offset in the record of a gamepad; 4 f32: its sticks, -1 to 1, the left one first; right and down are positive */
export const PAD_AXES = 12;
/** offset in the record of a gamepad; PAD_BUTTON_COUNT u8: how far each button is pressed, 0 to 255 */
export const PAD_VALUES = 28;
/** number of buttons of a gamepad that has the standard mapping */
export const PAD_BUTTON_COUNT = 17;
/** bit of PAD_FLAGS: the player has this gamepad */
export const PAD_CONNECTED = 1;
/** longest effect of `rumble` in milliseconds */
export const RUMBLE_MS_MAX = 5000;
/** most UTF-16 units of a text that a player enters, and of the prompt for it */
export const TEXT_LENGTH_MAX = 256;
/** most bytes of UTF-8 that one UTF-16 unit of a text takes */
export const TEXT_UNIT_BYTES_MAX = 3;
/** most characters of a topic of messages */
export const TOPIC_LENGTH_MAX = 64;
/** most bytes of a message */
export const MESSAGE_BYTES_MAX = 1024;
/** most subscriptions of one module at a time */
export const SUBSCRIPTIONS_MAX = 32;
/** most calls of `receive` of one module that wait for a message at a time */
export const RECEIVES_MAX = 32;
/** most bytes of a player's state that `export_player` hands over */
export const PLAYER_BYTES_MAX = 65536;

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
export const OP_RUMBLE = 96;
export const OP_REQUEST_TEXT = 97;
export const OP_CANCEL_TEXT = 98;
export const OP_EMIT = 112;
export const OP_SUBSCRIBE = 113;
export const OP_UNSUBSCRIBE = 114;
export const OP_RECEIVE = 115;
export const OP_SET_PHASE = 116;
