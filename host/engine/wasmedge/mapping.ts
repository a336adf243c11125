import { AUDIO_FRAMES_MAX, SEATS_MAX } from '../../../renderer/contract/abi.ts';

/**
 * The layout of the memory that the host and a guest process share, as byte offsets. Every field is a little-endian u32 unless
 * its comment says otherwise. build.ts turns this file into constants.h, so the C++ and the TypeScript always agree.
 *
 * The host writes a request, sends one byte on the socket and waits for one byte in return. In between, the memory belongs to
 * the guest. Afterwards the host reads each field once, checks it, and copies out what it needs.
 */

export const PAGE_BYTES = 4096;
export const WASM_PAGE_BYTES = 65536;

/** The guest program inherits the shared memory and its end of the socket as these two file descriptors. */
export const FD_MAPPING = 3;
export const FD_SOCKET = 4;
/** The compiler inherits the module and an empty file for the native code as these two file descriptors. */
export const FD_MODULE = 3;
export const FD_OUTPUT = 4;
/** One end of a pipe that closes with the parent process: the host for the jailer, the jailer for the program in the jail. */
export const FD_PARENT = 5;
/** The file in the scratch folder to which a guest process copies the native code, before it loads that file. */
export const FD_CODE = 5;

/** Counts requests of the host. The guest copies the count to RESPONSE_SEQUENCE when its response is complete. */
export const REQUEST_SEQUENCE = 0;
/** The call of the module that the host requests: one of the CALL_ numbers. */
export const REQUEST_CALL = 4;
/**
 * Up to four arguments of the requested call, a u32 each. Those of CALL_TICK are the tick, the frames of sound of each seat that
 * listens, or 0, and these seats as two masks of 32 bits, that of the lower seats first.
 */
export const REQUEST_ARGUMENTS = 8;
/** Length in bytes of the module's code. The guest reads the LOAD_ fields that the host sets for CALL_LOAD. */
export const LOAD_CODE_BYTES = 28;
export const LOAD_ASSET_BYTES = 32;
export const LOAD_MEMORY_PAGES_MAX = 36;
export const LOAD_COMMAND_BYTES_MAX = 40;
export const LOAD_DATA_BYTES_MAX = 44;
export const LOAD_STATE_BYTES_MAX = 48;
/**
 * Total length of the records of bytes that the guest copies into linear memory before the call. They are at the place of bulk
 * data. Each is an address, a length in bytes, and the bytes, padded to a multiple of 4.
 */
export const REQUEST_WRITE_BYTES = 52;
/** GPU features that the module can query: bit n stands for the n-th FeatureName, counted from 0. */
export const LOAD_FEATURES = 56;

/** Equals REQUEST_SEQUENCE once the response to that request is complete. */
export const RESPONSE_SEQUENCE = 64;
/** Whether and how the requested call failed: one of the STATUS_ numbers. */
export const RESPONSE_STATUS = 68;
/** The result of version() if the status is STATUS_VERSION, that of import_player(); the argument of exit() if it is STATUS_EXIT. */
export const RESPONSE_VALUE = 72;
/** The phase that the guest process is in: a PHASE_ number. It is up to date even if the guest is killed during the call. */
export const RESPONSE_PHASE = 76;
/** Length in bytes of the command stream at COMMANDS. */
export const RESPONSE_COMMAND_BYTES = 80;
/** Length in bytes of the bulk data, which follows the space for the command stream. */
export const RESPONSE_DATA_BYTES = 84;
/** Length in bytes of the UTF-8 text at MESSAGE, which explains a failed call. */
export const RESPONSE_MESSAGE_BYTES = 88;
/** Length in bytes of the log records at LOG. Each is a level, a length in bytes, and the text, padded to a multiple of 4. */
export const RESPONSE_LOG_BYTES = 92;
/** Number of lines that the module logged during the call and that did not fit into the space at LOG. */
export const RESPONSE_LOG_DROPPED = 96;
/** Size of linear memory after the call, in pages of WASM_PAGE_BYTES. */
export const RESPONSE_MEMORY_PAGES = 100;
/** The layers of confinement that hold for the guest process, as a bit mask (host/base/layers.ts). */
export const RESPONSE_LAYERS = 104;
/** Number of stack frames at TRAP_FRAMES, innermost first. Valid if the status is STATUS_TRAP. */
export const RESPONSE_TRAP_FRAMES = 108;
/** Id of the guest process in the host's pid namespace. The jailer writes it before the guest program starts. */
export const GUEST_PID = 112;

export const MESSAGE = 1024;
export const MESSAGE_BYTES_MAX = 1024;

/** Stack frames of a trap, two words each: index of the function, and byte offset in the module. Either may be UNKNOWN. */
export const TRAP_FRAMES = 2048;
export const TRAP_FRAMES_MAX = 32;
export const UNKNOWN = 4294967295;

/** GPU limits that the module can query: one u32 for each LimitName. */
export const LOAD_LIMITS = 2048;
export const LIMITS_MAX = 64;

/** The reply head, the reply ring and the input records, which the guest copies into the module's IO block before each call. */
export const STAGED_REPLY_HEAD = 4096;
export const STAGED_REPLIES = 4160;
export const STAGED_INPUTS = 6208;
/** The records of the gamepads of all seats, PADS_STRIDE bytes each. A guest whose module does not take them ignores them. */
export const STAGED_PADS = 14400;

export const LOG = 28672;
export const LOG_BYTES_MAX = 65536;
export const LOG_LINE_BYTES_MAX = 2048;

/** The command stream: LOAD_COMMAND_BYTES_MAX bytes, rounded up to PAGE_BYTES. Bulk data follows it. */
export const COMMANDS = 94208;

export const CALL_LOAD = 0;
export const CALL_JOIN = 1;
export const CALL_LEAVE = 2;
export const CALL_TICK = 3;
export const CALL_RENDER = 4;
/** Asks the game for its state, which the guest writes to the place of bulk data. RESPONSE_DATA_BYTES is its length. */
export const CALL_SAVE = 5;
/** Makes the game load a saved state, which the host has written to the place of bulk data. The argument is its length. */
export const CALL_RESTORE = 6;
/**
 * Asks for what belongs to a player, as CALL_SAVE asks for the game's state. The arguments are the seat and the largest size in
 * bytes.
 */
export const CALL_EXPORT_PLAYER = 7;
/**
 * Gives a player a state, as CALL_RESTORE does for the game. The arguments are the seat and the length of the state.
 * RESPONSE_VALUE is 0 if the module refuses it.
 */
export const CALL_IMPORT_PLAYER = 8;
/** Number of CALL_ numbers. */
export const CALL_COUNT = 9;

export const STATUS_OK = 0;
/** The module trapped; MESSAGE gives the reason. */
export const STATUS_TRAP = 1;
/** The module submitted a command stream that cannot be accepted; MESSAGE gives the reason. */
export const STATUS_COMMAND = 2;
/** WasmEdge refused to load the module; MESSAGE gives the reason. */
export const STATUS_INVALID = 3;
/** The module was built for another version of the contract; RESPONSE_VALUE is that version. */
export const STATUS_VERSION = 4;
/** The module broke the contract, for example with a bad return value of init(); MESSAGE gives the details. */
export const STATUS_CONTRACT = 5;
/** The guest process could not allocate memory. */
export const STATUS_MEMORY = 6;
/** The guest program failed through no fault of the module; MESSAGE gives the reason. */
export const STATUS_FAILED = 7;
/** The module called exit(); RESPONSE_VALUE is the argument. */
export const STATUS_EXIT = 8;
/** The module saved a state larger than allowed: LOAD_STATE_BYTES_MAX for the game, the argument of the call for a player. */
export const STATUS_STATE = 9;

export const PHASE_LOAD = 0;
export const PHASE_INSTANTIATE = 1;
export const PHASE_START = 2;
export const PHASE_INITIALIZE = 3;
export const PHASE_VERSION = 4;
export const PHASE_INIT = 5;
export const PHASE_CALL = 6;
/** CALL_TICK is making its calls of `audio`. */
export const PHASE_AUDIO = 7;

/**
 * Exit statuses of the guest program: a general failure, a module that is not valid, no memory left, a required layer of
 * confinement that does not hold, and no CPU time left.
 */
export const EXIT_FAILED = 1;
export const EXIT_INVALID = 3;
export const EXIT_MEMORY = 4;
export const EXIT_LAYERS = 5;
export const EXIT_CPU_TIME = 6;

/** Bytes of one frame of sound: two f32. */
export const AUDIO_FRAME_BYTES = 8;

/** Byte offset of the bulk data in the shared memory, which depends on the size limit of command streams. */
export function dataOffset(commandBytesMax: number): number {
  return COMMANDS + Math.ceil(commandBytesMax / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * Byte offset of the sound in the shared memory, which follows the space for bulk data. It holds the frames of each seat that
 * listens, one seat after another.
 */
export function soundOffset({ commandBytesMax, dataBytesMax }: Sizes): number {
  return dataOffset(commandBytesMax) + Math.ceil(dataBytesMax / PAGE_BYTES) * PAGE_BYTES;
}

/** Size of the shared memory in bytes. Pages that are never written take no memory. */
export function mappingBytes(sizes: Sizes): number {
  const bytes = soundOffset(sizes) + SEATS_MAX * AUDIO_FRAMES_MAX * AUDIO_FRAME_BYTES;
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** The size limits that determine the layout of the shared memory. */
export interface Sizes {
  readonly commandBytesMax: number;
  readonly dataBytesMax: number;
}
