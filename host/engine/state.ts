import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { EngineLimits } from './engine.ts';
import { GrowingBytes } from './submission.ts';

/** Largest size of a saved game state in bytes: STATE_BYTES_MAX, but no more than the memory for bulk data (DATA_BYTES_MAX). */
export function stateBytesMax(limits: Pick<EngineLimits, 'stateBytesMax' | 'dataBytesMax'>): number {
  return Math.min(limits.stateBytesMax, limits.dataBytesMax);
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

/** Holds a game's state while `save` writes it or `load` reads it. */
export class StateTransfer {
  readonly #bytesMax: number;
  /** The bytes that the export `save` has written so far; undefined while `save` does not run. */
  #written: GrowingBytes | undefined;
  #readable: Uint8Array = new Uint8Array(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** True while the module's export `save` runs. */
  get saving(): boolean {
    return this.#written !== undefined;
  }

  beginSave(): void {
    this.#written = new GrowingBytes();
  }

  /** Appends bytes to the game state that is being saved. @throws NearlightError NL_GUEST_PROTOCOL if it becomes too large */
  write(bytes: Uint8Array): void {
    const written = must(this.#written, 'save in progress');
    const { length } = written;
    if (length + bytes.length > this.#bytesMax) throw stateTooLarge(this.#bytesMax);
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

  /** Ends saving or loading, and returns the state that `save` has written; empty after loading. */
  end(): Uint8Array {
    const state = this.#written?.bytes.slice(0, this.#written.length) ?? new Uint8Array(0);
    this.#written = undefined;
    this.#readable = new Uint8Array(0);
    return state;
  }
}
