import type { NearlightError } from '../base/errors.ts';

/** Hears what becomes of a module's commands after their call has returned. Times are in milliseconds. */
export interface ReplayObserver {
  /** How long it took to check the commands of one render. Only some renders are measured. */
  onCheck(ms: number): void;
  /**
   * The GPU time of one render, and the number of renders since the last measurement. Never called on a device without
   * timestamp queries.
   */
  onGpu(ms: number, renders: number): void;
  /** An error that was found only after the call that caused it. */
  onError(error: NearlightError): void;
  /** The module's work or its compilation did not end, and the device is given up. The module may have ended before. */
  onHung(): void;
}

/** Passes on to a room's observer what becomes of the room's commands. */
export class Notices {
  #observer: Partial<ReplayObserver> = {};
  #closed = false;

  /** Sets the observer, in place of the one before. */
  observe(observer: Partial<ReplayObserver>): void {
    this.#observer = observer;
  }

  /** Whether the observer takes errors. */
  get wantsErrors(): boolean {
    return this.#observer.onError !== undefined;
  }

  check(ms: number): void {
    this.#observer.onCheck?.(ms);
  }

  gpu(ms: number, renders: number): void {
    this.#observer.onGpu?.(ms, renders);
  }

  error(error: NearlightError): void {
    if (!this.#closed) this.#observer.onError?.(error);
  }

  hung(): void {
    this.#observer.onHung?.();
  }

  /** The room has ended. Errors no longer concern it; that its work hung the GPU still does. */
  close(): void {
    this.#closed = true;
  }
}
