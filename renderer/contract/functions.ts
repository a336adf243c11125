/**
 * The functions that a game's module imports and exports, as data. renderer/contract/generate.ts makes tables of ABI.md and
 * renderer/sdk/nearlight.ts from them; the host checks the imports and exports of each module against them.
 *
 * A parameter is "name: type". The types are address, u32 and i32, and each is an i32 of WebAssembly.
 */
export interface ModuleFunction {
  readonly parameters: readonly string[];
  /** Type of the function's result; '' for none. */
  readonly result: '' | 'u32' | 'i32' | 'address';
  /** Whether a module may leave the function out, which only some exports allow. */
  readonly optional?: boolean;
  readonly about: string;
}

/** The functions that a game's module may import, all under the module name `nearlight`. */
export const MODULE_IMPORTS: Readonly<Record<string, ModuleFunction>> = {
  submit: {
    parameters: ['address: address', 'length: u32'],
    result: '',
    about:
      'Hands a command stream to the host. Traps if `address` or `length` is not a multiple of 4. May be called several times in one call of an export: the streams are joined in order, each holding whole commands.',
  },
  mark: {
    parameters: [],
    result: '',
    about:
      'Says that the module is about to write its next command. The host may note the place in the program, to name it if it refuses the command. Only debug builds call it.',
  },
  log: {
    parameters: ['level: u32', 'address: address', 'length: u32'],
    result: '',
    about: "Writes a line of UTF-8 to the game's log; the level is LOG_ERROR to LOG_DEBUG.",
  },
  asset_find: {
    parameters: ['name: address', 'length: u32'],
    result: 'i32',
    about: 'Returns the handle of the asset with this UTF-8 name, or -1 if there is none.',
  },
  asset_size: {
    parameters: ['handle: i32'],
    result: 'i32',
    about: 'Returns the size of an asset in bytes. Traps if there is no such asset.',
  },
  asset_read: {
    parameters: ['handle: i32', 'offset: u32', 'address: address', 'length: u32'],
    result: 'i32',
    about:
      'Copies up to `length` bytes of an asset, from `offset` on, to `address`. Returns how many it copied. Traps if there is no such asset.',
  },
  gpu_feature: {
    parameters: ['name: u32'],
    result: 'i32',
    about: 'Returns 1 if the GPU has the feature of this FeatureName, else 0.',
  },
  gpu_limit: {
    parameters: ['name: u32'],
    result: 'u32',
    about: "Returns the GPU's limit of this LimitName, at most 2^32 - 1; 0 for a name that the host does not know.",
  },
  state_write: {
    parameters: ['address: address', 'length: u32'],
    result: '',
    about:
      'Appends bytes to the state that `save` hands over, at most STATE_BYTES_MAX in all, or `export_player`, at most PLAYER_BYTES_MAX. Traps outside these two.',
  },
  state_read: {
    parameters: ['offset: u32', 'address: address', 'length: u32'],
    result: 'u32',
    about:
      'Copies up to `length` bytes of the saved state, from `offset` on, to `address`. Returns how many it copied: 0 outside `load` and `import_player`.',
  },
  exit: {
    parameters: ['status: i32'],
    result: '',
    about:
      'Ends the game and does not return: the module is not called again, and what this call has submitted is lost. Status 0 means that the game is over, 1 to EXIT_STATUS_MAX that it failed; any other status traps.',
  },
};

/** The functions that a game's module exports, in addition to its memory. */
export const MODULE_EXPORTS: Readonly<Record<string, ModuleFunction>> = {
  _initialize: {
    parameters: [],
    result: '',
    optional: true,
    about: 'Initialises the module. Called once, after the start function and before every other export.',
  },
  version: { parameters: [], result: 'i32', about: 'Returns the ABI_VERSION that the module was built for.' },
  init: {
    parameters: ['seedLow: u32', 'seedHigh: u32', 'tickRate: u32', 'seats: u32'],
    result: 'address',
    about:
      'Begins the game, with 1 to SEATS_MAX seats for players. Returns the address of the IO block, or 0 if it fails.',
  },
  join: {
    parameters: ['seat: i32'],
    result: '',
    about: 'Says that a player takes a seat; `seat` is below the `seats` of `init` and was free.',
  },
  leave: { parameters: ['seat: i32'], result: '', about: 'Says that the player of a seat has left.' },
  tick: {
    parameters: ['n: u32'],
    result: '',
    about: "Moves the game's world on by 1 / `tickRate` of a second; `n` counts the ticks from 0 and wraps.",
  },
  render: {
    parameters: ['seat: i32', 'width: u32', 'height: u32'],
    result: '',
    about: 'Draws what the player of a seat sees into SURFACE, `width` by `height` pixels; the seat is taken.',
  },
  audio: {
    parameters: ['seat: i32', 'frames: u32'],
    result: 'address',
    optional: true,
    about:
      'Mixes what the player of a seat hears in the tick that was just made; the seat is taken. Returns the address of `frames` frames, each of two f32, left and right, or 0 for silence. Changes nothing that can be seen, and may not `submit`.',
  },
  save: {
    parameters: [],
    result: '',
    optional: true,
    about:
      "Hands the game's state to the host by `state_write`. Changes nothing that can be seen, and may not `submit`. A module that exports it exports `load` too.",
  },
  load: {
    parameters: ['length: u32'],
    result: '',
    optional: true,
    about:
      "Continues a saved game. Its state has `length` bytes, which `state_read` copies. Traps if the state is not one of this module's. A module that exports it exports `save` too.",
  },
  export_player: {
    parameters: ['seat: i32'],
    result: '',
    optional: true,
    about:
      'Hands what belongs to the player of a seat to the host by `state_write`, for another room of this game; the seat is taken. Changes nothing that can be seen, and may not `submit`. A module that exports it exports `import_player` too.',
  },
  import_player: {
    parameters: ['seat: i32', 'length: u32'],
    result: 'i32',
    optional: true,
    about:
      'Gives the player of a seat, who has joined, what another room has exported: `length` bytes, which `state_read` copies. Returns 1, or 0 if it cannot use them, and then changes nothing. A module that exports it exports `export_player` too.',
  },
};
