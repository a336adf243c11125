import { NearlightError } from '../base/errors.ts';
import type { EngineLimits } from './engine.ts';
import { GrowingBytes } from './submission.ts';

/** How many bytes a game's state may have: STATE_BYTES_MAX, and no more than fit where an engine passes bulk data. */
export function stateBytesMax(limits: Pick<EngineLimits, 'stateBytesMax' | 'dataBytesMax'>): number {
  return Math.min(limits.stateBytesMax, limits.dataBytesMax);
}

export function stateTooLarge(bytesMax: number): NearlightError {
  return new NearlightError(
    'NL_GUEST_PROTOCOL',
    `the game's state is larger than ${bytesMax} bytes (STATE_BYTES_MAX, DATA_BYTES_MAX)`,
  );
}

/** @throws NearlightError NL_MODULE_EXPORT for a module that loads nothing, NL_GUEST_PROTOCOL for too large a state */
export function checkState(state: Uint8Array, saves: boolean, bytesMax: number): void {
  if (!saves) throw new NearlightError('NL_MODULE_EXPORT', 'it has no export "load": it cannot go on from a state');
  if (state.length > bytesMax) throw stateTooLarge(bytesMax);
}

/** A game's state on its way: what `save` has written so far, or what `load` may read. */
export class StatePassage {
  private readonly bytesMax: number;
  private written: GrowingBytes | undefined;
  private readable: Uint8Array = new Uint8Array(0);

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Whether `save` runs. */
  get saving(): boolean {
    return this.written !== undefined;
  }

  beginSave(): void {
    this.written = new GrowingBytes();
  }

  /** @throws NearlightError NL_GUEST_PROTOCOL over the bound */
  write(bytes: Uint8Array): void {
    const written = this.written!;
    const { length } = written;
    if (length + bytes.length > this.bytesMax) throw stateTooLarge(this.bytesMax);
    written.reserve(length + bytes.length);
    written.bytes.set(bytes, length);
    written.length += bytes.length;
  }

  beginLoad(state: Uint8Array): void {
    this.readable = state;
  }

  /** Copies what there is from `offset` on, at most target's length; gives how many bytes that is. */
  read(offset: number, target: Uint8Array): number {
    const part = this.readable.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  /** Ends either; gives what was written. */
  end(): Uint8Array {
    const state = this.written?.bytes.slice(0, this.written.length) ?? new Uint8Array(0);
    this.written = undefined;
    this.readable = new Uint8Array(0);
    return state;
  }
}
