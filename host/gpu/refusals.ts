import { type NearlightError, textOf } from '../base/errors.ts';
import { type Places, RefusedError } from './place.ts';

/** Remembers the first error that the GPU found in a room's commands. Later errors are often consequences of the first. */
export class Refusals {
  readonly #places: Places;
  #first: NearlightError | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  get first(): NearlightError | undefined {
    return this.#first;
  }

  /** Remembers an error of the command that is being executed. */
  add(error: unknown): void {
    this.forCommand()(error);
  }

  /** Returns a function that remembers an error of the command that is current now. The function may be called later. */
  forCommand(): (error: unknown) => void {
    const place = this.#places.current;
    return (error) => {
      const message = textOf(error);
      this.#first ??= new RefusedError('NL_GPU_VALIDATION', place, message);
    };
  }

  /** Remembers an error found only after the call that caused it. Every later call of the room throws that error. */
  keep(error: NearlightError): void {
    this.#first ??= error;
  }

  /** @throws RefusedError NL_GPU_VALIDATION if the GPU has refused a command */
  check(): void {
    if (this.#first) throw this.#first;
  }
}
