import { REPLY_ERROR_SCOPE } from '../../renderer/abi.ts';
import { names } from './decode.ts';
import { Fault } from './reader.ts';

/** Scopes that may be open at a time. */
const SCOPES_MAX = 32;

/**
 * A module's error scopes. The device may have several modules, so that each scope ends in the call that began it:
 * what one module's scopes catch is its own.
 */
export class ErrorScopes {
  readonly #device: GPUDevice;
  readonly #log: (message: string) => void;
  readonly #reply: (type: number, ...values: number[]) => void;
  #depth = 0;

  constructor(device: GPUDevice, log: (message: string) => void, reply: (type: number, ...values: number[]) => void) {
    this.#device = device;
    this.#log = log;
    this.#reply = reply;
  }

  get open(): boolean {
    return this.#depth > 0;
  }

  push(filter: GPUErrorFilter): void {
    if (this.#depth === SCOPES_MAX) throw new Fault(`${SCOPES_MAX} error scopes are open already`);
    this.#device.pushErrorScope(filter);
    this.#depth++;
  }

  pop(token: number): void {
    if (this.#depth === 0) throw new Fault('no error scope is open');
    this.#depth--;
    const answer = (error: GPUError | null): void => {
      if (error) this.#log(`an error scope caught: ${error.message}`);
      this.#reply(REPLY_ERROR_SCOPE, token, filterOf(error));
    };
    // A device that is lost fails it; its owner hears of it from device.lost.
    this.#device.popErrorScope().then(answer, () => {});
  }

  /** Ends what a call has left open. */
  drop(): void {
    for (; this.#depth > 0; this.#depth--) this.#device.popErrorScope().catch(() => {});
  }
}

/** The ErrorFilter of what was caught; 0 for nothing. */
function filterOf(error: GPUError | null): number {
  if (error === null) return 0;
  const name =
    error instanceof GPUValidationError
      ? 'validation'
      : error instanceof GPUOutOfMemoryError
        ? 'out-of-memory'
        : 'internal';
  return names.ErrorFilter.indexOf(name) + 1;
}
