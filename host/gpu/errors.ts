import { perDevice } from './shared.ts';

/** The part of a room that is notified of errors of the GPU device. */
export interface ErrorOwner {
  /** The GPU refused a command of this owner that is being executed now. */
  onRefused(message: string): void;
  /** The GPU reports an error of an earlier call. @param certain whether no other owner can have caused the error */
  onLateError(message: string, certain: boolean): void;
}

/**
 * Finds out which of the rooms that share a device has caused an uncaptured error. Dawn delivers an error within the call that
 * caused it, so the error belongs to the room whose commands are being executed. A browser delivers errors later.
 */
export class DeviceErrors {
  readonly #owners = new Set<ErrorOwner>();
  #running: ErrorOwner | undefined;

  /** Returns the DeviceErrors of a GPU device, which finds the room that caused an error. */
  static readonly of = perDevice((device) => {
    const errors = new DeviceErrors();
    device.addEventListener('uncapturederror', (event) => {
      if (errors.#deliver(event.error.message)) event.preventDefault();
    });
    return errors;
  });

  get owners(): ReadonlySet<ErrorOwner> {
    return this.#owners;
  }

  /** The room whose commands are being executed now; undefined between calls. */
  get running(): ErrorOwner | undefined {
    return this.#running;
  }

  add(owner: ErrorOwner): void {
    this.#owners.add(owner);
  }

  remove(owner: ErrorOwner): void {
    this.#owners.delete(owner);
  }

  /** Attributes errors to `owner` from now on, because its commands are executed next. */
  enter(owner: ErrorOwner): void {
    this.#running = owner;
  }

  /** Stops attributing errors to an owner, because no commands are executed until the next enter(). */
  leave(): void {
    this.#running = undefined;
  }

  /** Passes an error on to the owner that caused it, or to all who may have. Returns whether there is any. */
  #deliver(text: string): boolean {
    const message = shorten(text);
    if (this.#running) this.#running.onRefused(message);
    else for (const owner of this.#owners) owner.onLateError(message, this.#owners.size === 1);
    return this.#running !== undefined || this.#owners.size > 0;
  }
}

const MESSAGE_CHARS_MAX = 4096;

/** Removes the blank lines that Dawn puts between the parts of a message, and cuts long messages. */
function shorten(text: string): string {
  return text.replace(/\n\n+/g, '\n').trim().slice(0, MESSAGE_CHARS_MAX);
}
