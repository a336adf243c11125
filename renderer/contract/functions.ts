/**
 * The functions between a module and its host, as data. renderer/contract/generate.ts makes the tables of ABI.md and
 * renderer/sdk/nearlight.ts of it; the host checks modules against it.
 *
 * A parameter is "name: type" with the types address, u32 and i32. Each is an i32 of WebAssembly.
 */
export interface ModuleFunction {
  readonly parameters: readonly string[];
  /** Type of the result; '' for none. */
  readonly result: '' | 'u32' | 'i32' | 'address';
  /** Whether a module may leave it out; only exports have this. */
  readonly optional?: boolean;
  readonly about: string;
}

/** The functions that a module may import from the module `nearlight`. */
export const MODULE_IMPORTS: Readonly<Record<string, ModuleFunction>> = {
  submit: {
    parameters: ['address: address', 'length: u32'],
    result: '',
    about:
      'Hands over a command stream. Both are multiples of 4, else it traps. May be called several times in one call of an export: the streams are joined in order, each holding whole commands.',
  },
  mark: {
    parameters: [],
    result: '',
    about:
      'Says that the module is about to write its next command. The host may note the place, to name it if it refuses the command. Debug builds only; does nothing else.',
  },
  log: {
    parameters: ['level: u32', 'address: address', 'length: u32'],
    result: '',
    about: 'Writes a line of UTF-8 to the log; the level is LOG_ERROR to LOG_DEBUG.',
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
      'Copies up to `length` bytes of an asset from `offset` on, and returns how many. Traps if there is no such asset.',
  },
  gpu_feature: {
    parameters: ['name: u32'],
    result: 'i32',
    about: 'Returns 1 if the GPU has this FeatureName, else 0.',
  },
  gpu_limit: {
    parameters: ['name: u32'],
    result: 'u32',
    about: "Returns the GPU's value of this LimitName, at most 2^32 - 1; 0 for a name that the host does not know.",
  },
  state_write: {
    parameters: ['address: address', 'length: u32'],
    result: '',
    about: 'Appends bytes to the state, STATE_BYTES_MAX in all. Traps outside `save`.',
  },
  state_read: {
    parameters: ['offset: u32', 'address: address', 'length: u32'],
    result: 'u32',
    about:
      'Copies up to `length` bytes, from `offset` on, of the state that `load` is given, and returns how many: none outside `load`.',
  },
  exit: {
    parameters: ['status: i32'],
    result: '',
    about:
      'Ends the game and does not return: the module is not called again, and what this call has submitted is lost. 0 means that the game is over, 1 to EXIT_STATUS_MAX that it failed; any other number traps.',
  },
};

/** The functions that a module exports. It exports its memory as well. */
export const MODULE_EXPORTS: Readonly<Record<string, ModuleFunction>> = {
  _initialize: {
    parameters: [],
    result: '',
    optional: true,
    about: 'Called once, first, after the start function.',
  },
  version: { parameters: [], result: 'i32', about: 'Returns ABI_VERSION.' },
  init: {
    parameters: ['seedLow: u32', 'seedHigh: u32', 'tickRate: u32', 'seats: u32'],
    result: 'address',
    about: 'Begins the game. Returns the address of the IO block, or 0 for failure. `seats` is 1 to SEATS_MAX.',
  },
  join: {
    parameters: ['seat: i32'],
    result: '',
    about: 'A player takes a seat; `seat` is below `seats` and was free.',
  },
  leave: { parameters: ['seat: i32'], result: '', about: 'The player of that seat has left.' },
  tick: {
    parameters: ['n: u32'],
    result: '',
    about: 'Moves the world on by 1 / `tickRate` of a second; `n` counts from 0 and wraps.',
  },
  render: {
    parameters: ['seat: i32', 'width: u32', 'height: u32'],
    result: '',
    about: 'Draws the view of a seat that is taken into SURFACE, `width` by `height` pixels.',
  },
  save: {
    parameters: [],
    result: '',
    optional: true,
    about:
      "Hands over the game's state by `state_write`. Changes nothing that can be seen, and may not `submit`. Needs `load`.",
  },
  load: {
    parameters: ['length: u32'],
    result: '',
    optional: true,
    about:
      "Goes on from a state of `length` bytes, which `state_read` returns; traps if it is not one of this module's. Needs `save`.",
  },
};
