import { perDevice } from './shared.ts';

/** Hears of errors of a device. */
export interface ErrorOwner {
  /** The GPU refused a command that is being executed now. */
  onRefused(message: string): void;
  /** The GPU reports an error of an earlier call. `certain` says that no other owner can have caused it. */
  onLateError(message: string, certain: boolean): void;
}

/**
 * Finds out which of the rooms that share a device has caused an uncaptured error. Dawn delivers an error within the call that
 * caused it, so the error belongs to the room whose commands are being executed. A browser delivers errors later.
 */
export class DeviceErrors {
  readonly #owners = new Set<ErrorOwner>();
  #running: ErrorOwner | undefined;

  /** The errors of a device. */
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

  /** The owner whose commands are being executed. */
  get running(): ErrorOwner | undefined {
    return this.#running;
  }

  add(owner: ErrorOwner): void {
    this.#owners.add(owner);
  }

  remove(owner: ErrorOwner): void {
    this.#owners.delete(owner);
  }

  /** Commands of `owner` are executed from now on. */
  enter(owner: ErrorOwner): void {
    this.#running = owner;
  }

  /** No commands are executed from now on. */
  leave(): void {
    this.#running = undefined;
  }

  /** Tells the owner or owners in question. Returns whether there are any. */
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
