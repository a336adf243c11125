import { PLAYER_BYTES_MAX } from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { EngineLimits } from './engine.ts';
import { GrowingBytes } from './submission.ts';

/** Largest size of a saved game state in bytes: STATE_BYTES_MAX, but no more than the memory for bulk data (DATA_BYTES_MAX). */
export function stateBytesMax(limits: Pick<EngineLimits, 'stateBytesMax' | 'dataBytesMax'>): number {
  return Math.min(limits.stateBytesMax, limits.dataBytesMax);
}

/** Largest size of a player's state in bytes: PLAYER_BYTES_MAX, but no more than the memory for bulk data (DATA_BYTES_MAX). */
export function playerBytesMax(limits: Pick<EngineLimits, 'dataBytesMax'>): number {
  return Math.min(PLAYER_BYTES_MAX, limits.dataBytesMax);
}

export function playerTooLarge(bytesMax: number): NearlightError {
  return new NearlightError(
    'NL_GUEST_PROTOCOL',
    `the state of a player is larger than ${bytesMax} bytes (limits: PLAYER_BYTES_MAX, DATA_BYTES_MAX)`,
  );
}

export function stateTooLarge(bytesMax: number): NearlightError {
  return new NearlightError(
    'NL_GUEST_PROTOCOL',
    `the game's state is larger than ${bytesMax} bytes (limits: STATE_BYTES_MAX, DATA_BYTES_MAX)`,
  );
}

/**
 * Checks that a module can load a saved game state of this size.
 * @throws NearlightError NL_MODULE_EXPORT if the module does not export `load`, NL_GUEST_PROTOCOL if the state is too large
 */
export function checkState(state: Uint8Array, saves: boolean, bytesMax: number): void {
  if (!saves)
    throw new NearlightError('NL_MODULE_EXPORT', 'a module without export "load" cannot continue from a saved state');
  if (state.length > bytesMax) throw stateTooLarge(bytesMax);
}

/**
 * Checks that a module can take the state of a player of this size.
 * @throws NearlightError NL_MODULE_EXPORT if the module does not export `import_player`, NL_GUEST_PROTOCOL if it is too large
 */
export function checkPlayer(state: Uint8Array, moves: boolean, bytesMax: number): void {
  if (!moves)
    throw new NearlightError('NL_MODULE_EXPORT', 'players cannot move to a module without export "import_player"');
  if (state.length > bytesMax) throw playerTooLarge(bytesMax);
}

/** Holds the state of a game or a player while the module writes or reads it. */
export class StateTransfer {
  /** The bytes that the module has written so far; undefined while it may not write. */
  #written: GrowingBytes | undefined;
  #bytesMax = 0;
  #tooLarge: (bytesMax: number) => NearlightError = stateTooLarge;
  #readable: Uint8Array = new Uint8Array(0);

  /** True while the module's export `save` or `export_player` runs. */
  get saving(): boolean {
    return this.#written !== undefined;
  }

  /** @param tooLarge makes the error for a state of more than `bytesMax` bytes */
  beginSave(bytesMax: number, tooLarge = stateTooLarge): void {
    this.#written = new GrowingBytes();
    this.#bytesMax = bytesMax;
    this.#tooLarge = tooLarge;
  }

  /** Appends bytes to the state that is being saved. @throws NearlightError NL_GUEST_PROTOCOL if it becomes too large */
  write(bytes: Uint8Array): void {
    const written = must(this.#written, 'save in progress');
    const { length } = written;
    if (length + bytes.length > this.#bytesMax) throw this.#tooLarge(this.#bytesMax);
    written.reserve(length + bytes.length);
    written.bytes.set(bytes, length);
    written.length += bytes.length;
  }

  beginLoad(state: Uint8Array): void {
    this.#readable = state;
  }

  /** Copies bytes of the state to load, from `offset` on, until `target` is full or the state ends. Returns their number. */
  read(offset: number, target: Uint8Array): number {
    const part = this.#readable.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  /** Ends saving or loading, and returns the state that the module has written; empty after loading. */
  end(): Uint8Array {
    const state = this.#written?.bytes.slice(0, this.#written.length) ?? new Uint8Array(0);
    this.#written = undefined;
    this.#readable = new Uint8Array(0);
    return state;
  }
}
