import { perDevice } from './shared.ts';

/** Who is told of a device's errors. */
export interface ErrorOwner {
  /** The GPU refused a command that runs now. */
  onRefused(message: string): void;
  /** The GPU reports an error of an earlier call; `certain` where nobody else can have caused it. */
  onLateError(message: string, certain: boolean): void;
}

/**
 * Attributes the uncaptured errors of one device to the rooms that share it. Dawn delivers each inside of the call that
 * caused it, so it belongs to the replay that is `running`; a browser delivers them later.
 */
export class DeviceErrors {
  readonly owners = new Set<ErrorOwner>();
  running: ErrorOwner | undefined;

  /** The one of this device. */
  static readonly of = perDevice((device) => {
    const errors = new DeviceErrors();
    device.addEventListener('uncapturederror', (event) => {
      if (errors.#deliver(event.error.message)) event.preventDefault();
    });
    return errors;
  });

  /** Whether somebody was told. */
  #deliver(text: string): boolean {
    const message = brief(text);
    if (this.running) this.running.onRefused(message);
    else for (const owner of this.owners) owner.onLateError(message, this.owners.size === 1);
    return this.running !== undefined || this.owners.size > 0;
  }
}

const MESSAGE_CHARS_MAX = 4096;

/** Without the blank lines that Dawn puts between its parts. */
function brief(text: string): string {
  return text.replace(/\n\n+/g, '\n').trim().slice(0, MESSAGE_CHARS_MAX);
}
