import { ENUMS } from './values.ts';

/** Integers of the contract between a game's module and its host, such as offsets in the block that they share; see ABI.md. */
export const CONSTANTS = {
  ABI_VERSION: [2, 'version of this contract, which the export version() of a module returns'],
  REFERENCE_BIT: [
    0x8000,
    "bit of an opcode: the command's last two words are an address and a byte length in linear memory",
  ],
  ID_INDEX_BITS: [20, "number of low bits of an object's id that hold its index; the bits above hold its generation"],
  SURFACE: [1, "id of the player's picture, both as a texture and as its view; valid during render only"],
  ID_INDEX_MIN: [2, 'lowest index in the id of an object that the module makes'],
  SURFACE_FORMAT: [ENUMS.TextureFormat.indexOf('rgba8unorm') + 1, "TextureFormat of the player's picture"],
  SEATS_MAX: [64, 'greatest number of seats, and so of players, of one game'],

  EXIT_STATUS_MAX: [255, 'highest status that the import exit() takes'],

  AUDIO_RATE: [48_000, 'frames of sound per second'],
  AUDIO_FRAMES_MAX: [4800, 'the most frames of sound in one call of audio()'],

  LOG_ERROR: [0, 'level of log(): a fault that the game cannot go on with'],
  LOG_WARN: [1, 'level of log(): something works, but not as it should'],
  LOG_INFO: [2, 'level of log(): for the operator of the game'],
  LOG_DEBUG: [3, 'level of log(): for the author of the game'],

  IO_MAGIC: [0x4f494c4e, 'first word of the IO block, which the module and the host share: "NLIO"'],
  IO_SIZE: [4, 'offset in the IO block; u32: size of the whole block in bytes'],
  IO_SEATS: [8, 'offset in the IO block; u32: number of input records, one for each seat'],
  IO_REPLY_HEAD: [16, 'offset in the IO block; u32: number of replies that the host has written so far, wrapping'],
  IO_REPLIES: [64, "offset in the IO block of the ring of the host's replies"],
  REPLY_COUNT: [64, 'number of records in the reply ring; reply n lies in record n % REPLY_COUNT'],
  REPLY_WORDS: [8, "words of one record of the reply ring: the reply's type, then its values"],
  IO_INPUTS: [64 + 64 * 32, 'offset in the IO block of the input records, one for each seat'],
  REPLY_WORK_DONE: [1, 'type of a reply: submitted work is done; word 1 is the token of the request'],
  REPLY_PIPELINE: [
    2,
    'type of a reply: a pipeline was made or refused; its ObjectKind; its id; 1 if it can be used, else 0',
  ],
  REPLY_COMPILATION: [
    3,
    "type of a reply: a shader's verdict; token; error count; warning count; line, column of the first message, from 1, or 0",
  ],
  REPLY_ERROR_SCOPE: [
    4,
    'type of a reply: an error scope ended; token of the request; ErrorFilter of the error that it caught, or 0',
  ],
  REPLY_MAPPED: [
    5,
    'type of a reply: mapAsync ended; token of the request; 1 if the bytes have come, 0 if the GPU refused',
  ],
  REPLY_DEVICE_LOST: [
    6,
    'type of a reply without values: the GPU was lost before this module was loaded to continue the game',
  ],
  REPLY_TEXT: [
    7,
    'type of a reply: the entry of a text ended; token of the request; 1 if there is a text, else 0; its length in bytes',
  ],
  REPLY_MESSAGE: [
    8,
    'type of a reply: a message came; token of the `receive`; its subscription; low, high half of its origin; its length in bytes',
  ],

  INPUT_STRIDE: [128, 'size of the input record of one seat in bytes'],
  INPUT_VERSION: [0, 'offset in an input record; u32: 1 once the host has written the record'],
  INPUT_FLAGS: [4, 'offset in an input record; u32: the bits INPUT_CONNECTED and INPUT_LOCKED'],
  INPUT_SEQUENCE: [8, 'offset in an input record; u32: sequence number of the newest input in it'],
  INPUT_BUTTONS: [
    12,
    'offset in an input record; u32: buttons that are down; bit 0 left, 1 middle, 2 right, 16 and up a gamepad',
  ],
  INPUT_BUTTONS_PRESSED: [
    16,
    'offset in an input record; u32: buttons that went down since the last tick, even if up again',
  ],
  INPUT_KEYS: [20, 'offset in an input record; 8 u32: keys that are down, one bit for each USB HID usage of page 7'],
  INPUT_KEYS_PRESSED: [
    52,
    'offset in an input record; 8 u32: keys that went down since the last tick, even if up again',
  ],
  INPUT_POINTER: [
    84,
    'offset in an input record; 2 f32: place of the pointer in the picture, 0 to 1 from the top left',
  ],
  INPUT_MOVEMENT: [92, 'offset in an input record; 2 f32: pointer movement since the last tick, in CSS pixels'],
  INPUT_WHEEL: [100, 'offset in an input record; 2 f32: wheel movement since the last tick, in CSS pixels'],
  INPUT_AXES: [
    108,
    'offset in an input record; 4 f32: gamepad sticks, -1 to 1, the left one first; right and down are positive',
  ],
  INPUT_CONNECTED: [1, 'bit of INPUT_FLAGS: a player has the seat'],
  INPUT_LOCKED: [2, "bit of INPUT_FLAGS: the player's pointer is locked to the picture"],

  PAD_COUNT: [4, 'number of gamepads that one player can use'],
  PAD_STRIDE: [48, 'size of the record of one gamepad in bytes'],
  PADS_STRIDE: [192, 'size of the records of all gamepads of one seat in bytes: PAD_COUNT * PAD_STRIDE'],
  PAD_FLAGS: [0, 'offset in the record of a gamepad; u32: the bit PAD_CONNECTED'],
  PAD_BUTTONS: [
    4,
    'offset in the record of a gamepad; u32: buttons that are down, by their place in the standard mapping',
  ],
  PAD_BUTTONS_PRESSED: [
    8,
    'offset in the record of a gamepad; u32: buttons that went down since the last tick, even if up again',
  ],
  PAD_AXES: [
    12,
    'offset in the record of a gamepad; 4 f32: its sticks, -1 to 1, the left one first; right and down are positive',
  ],
  PAD_VALUES: [28, 'offset in the record of a gamepad; PAD_BUTTON_COUNT u8: how far each button is pressed, 0 to 255'],
  PAD_BUTTON_COUNT: [17, 'number of buttons of a gamepad that has the standard mapping'],
  PAD_CONNECTED: [1, 'bit of PAD_FLAGS: the player has this gamepad'],

  RUMBLE_MS_MAX: [5000, 'longest effect of `rumble` in milliseconds'],
  TEXT_LENGTH_MAX: [256, 'most UTF-16 units of a text that a player enters, and of the prompt for it'],
  TEXT_UNIT_BYTES_MAX: [3, 'most bytes of UTF-8 that one UTF-16 unit of a text takes'],

  TOPIC_LENGTH_MAX: [64, 'most characters of a topic of messages'],
  MESSAGE_BYTES_MAX: [1024, 'most bytes of a message'],
  SUBSCRIPTIONS_MAX: [32, 'most subscriptions of one module at a time'],
  RECEIVES_MAX: [32, 'most calls of `receive` of one module that wait for a message at a time'],
  PLAYER_BYTES_MAX: [65_536, "most bytes of a player's state that `export_player` hands over"],
} as const satisfies Record<string, readonly [value: number, about: string]>;
