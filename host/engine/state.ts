import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { EngineLimits } from './engine.ts';
import { GrowingBytes } from './submission.ts';

/** Largest size of a saved state: STATE_BYTES_MAX, but no more than fits where engines pass bulk data. */
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
 * Checks that a module can load a state of this size.
 * @throws NearlightError NL_MODULE_EXPORT if the module does not export `load`, NL_GUEST_PROTOCOL if the state is too large
 */
export function checkState(state: Uint8Array, saves: boolean, bytesMax: number): void {
  if (!saves)
    throw new NearlightError('NL_MODULE_EXPORT', 'it has no export "load", so it cannot continue from a saved state');
  if (state.length > bytesMax) throw stateTooLarge(bytesMax);
}

/** Holds a game's state while `save` writes it or `load` reads it. */
export class StateTransfer {
  readonly #bytesMax: number;
  /** The bytes that `save` has written so far; undefined unless it runs. */
  #written: GrowingBytes | undefined;
  #readable: Uint8Array = new Uint8Array(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** True while `save` runs. */
  get saving(): boolean {
    return this.#written !== undefined;
  }

  beginSave(): void {
    this.#written = new GrowingBytes();
  }

  /** Appends bytes to the state. @throws NearlightError NL_GUEST_PROTOCOL if the state becomes too large */
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

  /** Copies bytes of the state from `offset` on until `target` is full or the state ends. Returns how many. */
  read(offset: number, target: Uint8Array): number {
    const part = this.#readable.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  /** Ends the transfer. Returns what `save` has written. */
  end(): Uint8Array {
    const state = this.#written?.bytes.slice(0, this.#written.length) ?? new Uint8Array(0);
    this.#written = undefined;
    this.#readable = new Uint8Array(0);
    return state;
  }
}
