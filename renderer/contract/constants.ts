import { ENUMS } from './values.ts';

/** Byte offsets and sizes of the IO block, and other integers of the contract; see ABI.md. */
export const CONSTANTS = {
  ABI_VERSION: [2, 'what version() returns'],
  REFERENCE_BIT: [0x8000, 'opcode bit: the last two words are an address and a byte length in linear memory'],
  ID_INDEX_BITS: [20, 'low bits of an id: the index; the generation is above'],
  SURFACE: [1, "id of the player's picture, as a texture and as its view; valid during render only"],
  ID_INDEX_MIN: [2, 'lowest index of an object that the guest makes'],
  SURFACE_FORMAT: [ENUMS.TextureFormat.indexOf('rgba8unorm') + 1, 'its TextureFormat'],
  SEATS_MAX: [64, 'seats of a room at most'],

  EXIT_STATUS_MAX: [255, 'highest status that exit() takes'],

  LOG_ERROR: [0, 'level of log()'],
  LOG_WARN: [1, 'level of log()'],
  LOG_INFO: [2, 'level of log()'],
  LOG_DEBUG: [3, 'level of log()'],

  IO_MAGIC: [0x4f494c4e, '"NLIO" in the first word of the IO block'],
  IO_SIZE: [4, 'u32: bytes of the whole block'],
  IO_SEATS: [8, 'u32: input records that follow'],
  IO_REPLY_HEAD: [16, 'u32: replies written so far, wrapping'],
  IO_REPLIES: [64, 'the reply ring'],
  REPLY_COUNT: [64, 'records of the ring; record n lies at n % REPLY_COUNT'],
  REPLY_WORDS: [8, 'words of a record: type, then its values'],
  IO_INPUTS: [64 + 64 * 32, 'the input records, one a seat'],
  REPLY_WORK_DONE: [1, 'reply: word 1 is the token'],
  REPLY_PIPELINE: [
    2,
    'reply: word 1 is the kind (ObjectKind), word 2 the id, word 3 is 1 where it can be used, else 0',
  ],
  REPLY_COMPILATION: [3, 'reply: the token; errors; warnings; line and column of the first message, from 1, or 0'],
  REPLY_ERROR_SCOPE: [4, 'reply: the token; 0 or the ErrorFilter of what was caught'],
  REPLY_MAPPED: [5, 'reply: the token; 1 where the bytes are there, 0 where the GPU refused'],
  REPLY_DEVICE_LOST: [6, 'reply: the GPU was lost before this module was loaded; the only one of its kind'],

  INPUT_STRIDE: [128, 'bytes of an input record'],
  INPUT_VERSION: [0, 'u32: 1'],
  INPUT_FLAGS: [4, 'u32: INPUT_CONNECTED, INPUT_LOCKED'],
  INPUT_SEQUENCE: [8, 'u32: sequence of the newest input in this record'],
  INPUT_BUTTONS: [12, 'u32: buttons that are down; bit 0 left, 1 middle, 2 right, 16 and up a gamepad'],
  INPUT_BUTTONS_PRESSED: [16, 'u32: buttons that went down since the last tick, even if up again'],
  INPUT_KEYS: [20, '8 u32: keys that are down, one bit a USB HID usage of page 7'],
  INPUT_KEYS_PRESSED: [52, '8 u32: keys that went down since the last tick, even if up again'],
  INPUT_POINTER: [84, '2 f32: pointer in the picture, 0 to 1 from the top left'],
  INPUT_MOVEMENT: [92, '2 f32: pointer movement since the last tick, CSS pixels'],
  INPUT_WHEEL: [100, '2 f32: wheel movement since the last tick, CSS pixels'],
  INPUT_AXES: [108, '4 f32: sticks, -1 to 1; 0 and 1 the left one, right and down positive'],
  INPUT_CONNECTED: [1, 'flag: a player has the seat'],
  INPUT_LOCKED: [2, 'flag: the pointer is locked to the picture'],
} as const satisfies Record<string, readonly [value: number, about: string]>;
