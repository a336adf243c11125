import { REPLY_ERROR_SCOPE } from '../../renderer/contract/abi.ts';
import { names } from './decode.ts';
import { Fault } from './reader.ts';

/** Scopes that may be open at a time. */
const SCOPES_MAX = 32;
/** Scopes whose answers are awaited at a time: each costs as much as hundreds of other commands. */
const ANSWERS_MAX = 256;

/**
 * A module's error scopes. The device may have several modules, so that each scope ends in the call that began it:
 * what one module's scopes catch is its own.
 */
export class ErrorScopes {
  readonly #device: GPUDevice;
  readonly #log: (message: string) => void;
  readonly #reply: (type: number, ...values: number[]) => void;
  #answers = 0;
  readonly #scopes: { filter: GPUErrorFilter; caught: Promise<unknown>[] }[] = [];

  constructor(device: GPUDevice, log: (message: string) => void, reply: (type: number, ...values: number[]) => void) {
    this.#device = device;
    this.#log = log;
    this.#reply = reply;
  }

  get open(): boolean {
    return this.#scopes.length > 0;
  }

  push(filter: GPUErrorFilter): void {
    if (this.#scopes.length === SCOPES_MAX) throw new Fault(`${SCOPES_MAX} error scopes are open already`);
    this.#device.pushErrorScope(filter);
    this.#scopes.push({ filter, caught: [] });
  }

  pop(token: number): void {
    if (this.#answers === ANSWERS_MAX) throw new Fault(`${ANSWERS_MAX} error scopes are to be answered already`);
    const scope = this.#scopes.pop();
    if (!scope) throw new Fault('no error scope is open');
    this.#answers++;
    const answer = (errors: unknown[]): void => {
      this.#answers--;
      const error = errors.find((caught) => caught);
      if (error) this.#log(`an error scope caught: ${(error as Error).message}`);
      this.#reply(REPLY_ERROR_SCOPE, token, filterOf(error));
    };
    // A device that is lost fails it; its owner hears of it from device.lost.
    Promise.all([...scope.caught, this.#device.popErrorScope()]).then(answer, () => {});
  }

  /** Takes what an asynchronous creation will fail with, or undefined, if a scope is there for it. */
  catch(failure: Promise<unknown>): boolean {
    const scope = this.#scopes.findLast(({ filter }) => filter === 'validation');
    scope?.caught.push(failure);
    return scope !== undefined;
  }

  /** Others use the device now. */
  suspend(): void {
    for (const { caught } of this.#scopes.toReversed()) caught.push(this.#device.popErrorScope());
  }

  /** The module goes on. */
  resume(): void {
    for (const { filter } of this.#scopes) this.#device.pushErrorScope(filter);
  }

  /** Ends what a call has left open. */
  drop(): void {
    for (const _ of this.#scopes.splice(0)) this.#device.popErrorScope().catch(() => {});
  }
}

/** The ErrorFilter of what was caught; 0 for nothing. */
function filterOf(error: unknown): number {
  if (!error) return 0;
  const name =
    error instanceof GPUValidationError || error instanceof GPUPipelineError
      ? 'validation'
      : error instanceof GPUOutOfMemoryError
        ? 'out-of-memory'
        : 'internal';
  return names.ErrorFilter.indexOf(name) + 1;
}
