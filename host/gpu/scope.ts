import { REPLY_ERROR_SCOPE } from '../../renderer/contract/abi.ts';
import { ENUMS, type ScopesCommands } from './decode.ts';
import { Fault } from './reader.ts';
import type { Replies } from './replies.ts';

/** The most error scopes that a module may have open at a time. */
const SCOPES_MAX = 32;
/** The most error scopes whose results a module may wait for. Each scope costs as much as hundreds of other commands. */
const ANSWERS_MAX = 256;

export interface ErrorScopesOptions {
  device: GPUDevice;
  replies: Replies;
  log(level: 'error' | 'warn', message: string): void;
}

/**
 * The WebGPU error scopes of a module. A scope must end in the call that began it, because other modules may use the device
 * between two calls, and the scope must not catch their errors.
 */
export class ErrorScopes implements ScopesCommands {
  readonly #options: ErrorScopesOptions;
  readonly #scopes: { filter: GPUErrorFilter; caught: Promise<unknown>[] }[] = [];
  #answersDue = 0;

  constructor(options: ErrorScopesOptions) {
    this.#options = options;
  }

  /** Whether the module has an error scope open. */
  get open(): boolean {
    return this.#scopes.length > 0;
  }

  pushErrorScope(filter: GPUErrorFilter): void {
    if (this.#scopes.length === SCOPES_MAX) throw new Fault(`${SCOPES_MAX} error scopes are open already`);
    this.#options.device.pushErrorScope(filter);
    this.#scopes.push({ filter, caught: [] });
  }

  popErrorScope(token: number): void {
    if (this.#answersDue === ANSWERS_MAX) throw new Fault(`${ANSWERS_MAX} error scopes have no answer yet`);
    const scope = this.#scopes.pop();
    if (!scope) throw new Fault('no error scope is open');
    const { device, replies, log } = this.#options;
    this.#answersDue++;
    const answer = (errors: unknown[]): void => {
      this.#answersDue--;
      const error = errors.find((caught) => caught);
      if (error) log('warn', `an error scope caught: ${(error as Error).message}`);
      replies.send(REPLY_ERROR_SCOPE, token, filterOf(error));
    };
    // The promise rejects only if the device is lost. The device's owner learns of that from device.lost.
    Promise.all([...scope.caught, device.popErrorScope()]).then(answer, () => {});
  }

  /**
   * Lets the innermost validation scope catch the error that `failure` resolves with, if any. Returns whether a validation
   * scope is open.
   */
  catch(failure: Promise<unknown>): boolean {
    const scope = this.#scopes.findLast(({ filter }) => filter === 'validation');
    scope?.caught.push(failure);
    return scope !== undefined;
  }

  /** Ends the module's scopes on the GPU device while the module waits, so that they do not catch other modules' errors. */
  suspend(): void {
    for (const { caught } of this.#scopes.toReversed()) caught.push(this.#options.device.popErrorScope());
  }

  /** Begins the module's scopes on the GPU device again, after suspend(). */
  resume(): void {
    for (const { filter } of this.#scopes) this.#options.device.pushErrorScope(filter);
  }

  /** Ends the error scopes that a failed call has left open. */
  drop(): void {
    for (const _ of this.#scopes.splice(0)) this.#options.device.popErrorScope().catch(() => {});
  }
}

/** The kind of an error, as the number of its ErrorFilter value, counted from 1; 0 for no error. */
function filterOf(error: unknown): number {
  if (!error) return 0;
  const name =
    error instanceof GPUValidationError || error instanceof GPUPipelineError
      ? 'validation'
      : error instanceof GPUOutOfMemoryError
        ? 'out-of-memory'
        : 'internal';
  return ENUMS.ErrorFilter.indexOf(name) + 1;
}
