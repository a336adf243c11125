/**
 * The memory that host and guest process share, as byte offsets; every field is a little-endian u32 unless said
 * otherwise. build.ts makes constants.h of this file, so guest.cc and process.ts cannot differ.
 *
 * The host writes a request, sends one byte on the socket, and waits for one byte back. Until then the mapping is
 * the guest's; after it the host reads each field once, checks it, and copies out what it needs.
 */

export const PAGE_BYTES = 4096;
export const WASM_PAGE_BYTES = 65536;

/** The guest program finds its two file descriptors here. */
export const FD_MAPPING = 3;
export const FD_SOCKET = 4;

/** Counts requests; the guest copies it to REPLY_SEQUENCE as its last act. */
export const REQUEST_SEQUENCE = 0;
/** One of the CALL_ numbers. */
export const REQUEST_CALL = 4;
/** Four arguments of the call. */
export const REQUEST_ARGUMENTS = 8;
/** What CALL_LOAD takes besides init's arguments. */
export const LOAD_INTERPRETER = 24;
export const LOAD_CODE_BYTES = 28;
export const LOAD_ASSET_BYTES = 32;
export const LOAD_MEMORY_PAGES_MAX = 36;
export const LOAD_COMMAND_BYTES_MAX = 40;
export const LOAD_DATA_BYTES_MAX = 44;
export const LOAD_STATE_BYTES_MAX = 48;
/** Bytes of records that lie where bulk data lies otherwise: address, byte length, then bytes padded to a word. */
export const REQUEST_WRITE_BYTES = 52;
/** A bit for each FeatureName. */
export const LOAD_FEATURES = 56;

export const REPLY_SEQUENCE = 64;
/** One of the STATUS_ numbers. */
export const REPLY_STATUS = 68;
/** With STATUS_VERSION, what version() returned; with STATUS_EXIT, what exit() was given. */
export const REPLY_VALUE = 72;
/** One of the PHASE_ numbers; kept up to date while the call runs, so that a killed guest leaves a trace. */
export const REPLY_PHASE = 76;
export const REPLY_COMMAND_BYTES = 80;
export const REPLY_DATA_BYTES = 84;
/** Bytes of UTF-8 at MESSAGE. */
export const REPLY_MESSAGE_BYTES = 88;
/** Bytes of log records at LOG: level, byte length, then the text padded to a word. */
export const REPLY_LOG_BYTES = 92;
/** Lines of this call that found no room. */
export const REPLY_LOG_DROPPED = 96;
/** Size of linear memory after the call. */
export const REPLY_MEMORY_PAGES = 100;
/** 1 once system calls are filtered; 2 where the kernel has no seccomp. */
export const REPLY_SECCOMP = 104;
/** With STATUS_TRAP, frames at FRAMES, the innermost first. */
export const REPLY_FRAMES = 108;

export const MESSAGE = 1024;
export const MESSAGE_BYTES_MAX = 1024;

/** Two words each: index of the function, byte offset in the module; either may be UNKNOWN. */
export const FRAMES = 2048;
export const FRAMES_MAX = 32;
export const UNKNOWN = 4294967295;

/** A u32 for each LimitName. */
export const LOAD_LIMITS = 2048;
export const LIMITS_MAX = 64;

/** What the guest copies into the module's IO block before each call: reply head, then ring, then input records. */
export const STAGED_REPLY_HEAD = 4096;
export const STAGED_REPLIES = 4160;
export const STAGED_INPUTS = 6208;

export const LOG = 20480;
export const LOG_BYTES_MAX = 65536;
export const LOG_LINE_BYTES_MAX = 2048;

/** The command stream; LOAD_COMMAND_BYTES_MAX bytes, rounded up to PAGE_BYTES. Bulk data follows it. */
export const COMMANDS = 86016;

export const CALL_LOAD = 0;
export const CALL_JOIN = 1;
export const CALL_LEAVE = 2;
export const CALL_TICK = 3;
export const CALL_RENDER = 4;
/** Leaves the state where bulk data lies otherwise; REPLY_DATA_BYTES is its size. */
export const CALL_SAVE = 5;
/** The argument is the size of the state, which the host has put where bulk data lies. */
export const CALL_RESTORE = 6;

export const STATUS_OK = 0;
/** The module trapped; MESSAGE says why. */
export const STATUS_TRAP = 1;
/** The module submitted what cannot be taken; MESSAGE says what. */
export const STATUS_COMMAND = 2;
/** WasmEdge refused the module; MESSAGE says why. */
export const STATUS_INVALID = 3;
/** version() returned another number: REPLY_VALUE. */
export const STATUS_VERSION = 4;
/** init() failed, or what it returned is no IO block; MESSAGE says which. */
export const STATUS_CONTRACT = 5;
/** The guest process could not allocate memory. */
export const STATUS_MEMORY = 6;
/** The surroundings failed; MESSAGE says how. */
export const STATUS_FAILED = 7;
/** The module called exit(): REPLY_VALUE. */
export const STATUS_EXIT = 8;
/** The module wrote a state larger than LOAD_STATE_BYTES_MAX. */
export const STATUS_STATE = 9;

export const PHASE_LOAD = 0;
export const PHASE_INSTANTIATE = 1;
export const PHASE_START = 2;
export const PHASE_INITIALIZE = 3;
export const PHASE_VERSION = 4;
export const PHASE_INIT = 5;
export const PHASE_CALL = 6;

/** Exit statuses of a compile run. */
export const EXIT_FAILED = 1;
export const EXIT_INVALID = 3;
export const EXIT_MEMORY = 4;
