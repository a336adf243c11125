import { type Places, RefusedError } from './place.ts';

/** Remembers the first error that the GPU found in a room's commands. Later ones often only follow from it. */
export class Refusals {
  readonly #places: Places;
  #first: RefusedError | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  get first(): RefusedError | undefined {
    return this.#first;
  }

  /** Takes an error of the current command. */
  add(error: unknown): void {
    this.forCommand()(error);
  }

  /** Returns a function that takes an error of the command that is current now. It may be called later. */
  forCommand(): (error: unknown) => void {
    const place = this.#places.current;
    return (error) => {
      const message = error instanceof Error ? error.message : String(error);
      this.#first ??= new RefusedError('NL_GPU_VALIDATION', place, message);
    };
  }

  /** Takes an error that was found only after its call. Every later call of the room throws it. */
  keep(error: RefusedError): void {
    this.#first ??= error;
  }

  /** @throws RefusedError NL_GPU_VALIDATION if the GPU has refused a command */
  check(): void {
    if (this.#first) throw this.#first;
  }
}
