import {
  OP_COPY_BUFFER_TO_BUFFER,
  OP_POP_ERROR_SCOPE,
  OP_PUSH_ERROR_SCOPE,
  REFERENCE_BIT,
} from '../../renderer/contract/abi.ts';
import type { Notices } from './notices.ts';
import { type Place, type Places, RefusedError } from './place.ts';
import type { Reader } from './reader.ts';
import type { Refusals } from './refusals.ts';
import type { ErrorScopes } from './scope.ts';

export interface PinpointOptions {
  device: GPUDevice;
  reader: Reader;
  scopes: ErrorScopes;
  places: Places;
  notices: Notices;
  refusals: Refusals;
}

/**
 * Finds the command that has caused an error on a GPU that reports errors late, as browsers do. It puts an error scope around
 * every command that can fail by itself. That costs two GPU calls for each such command, so it is meant for development.
 */
export class Pinpoint {
  readonly #options: PinpointOptions;
  /** The command whose error scope is open. */
  #place: Place | undefined;

  constructor(options: PinpointOptions) {
    this.#options = options;
  }

  /** Begins the error scope of the current command. Must be called before every command. */
  begin(): void {
    this.end();
    const { device, reader, scopes, places } = this.#options;
    // While the module itself has an error scope open, its own scope must get the error.
    if (scopes.open || !failsByItself(reader.opcode)) return;
    this.#place = places.current;
    device.pushErrorScope('validation');
  }

  /** Ends the error scope of the last command. */
  end(): void {
    const place = this.#place;
    if (!place) return;
    this.#place = undefined;
    const { device, notices, refusals } = this.#options;
    const report = (error: GPUError | null) => {
      if (!error) return;
      const refused = new RefusedError('NL_GPU_VALIDATION', place, error.message);
      // An error of `init` may come before a room observes the replay. The module's next call then throws the error.
      if (notices.wantsErrors) notices.error(refused);
      else refusals.keep(refused);
    };
    // The promise rejects only if the device is lost. The device's owner learns of that from device.lost.
    device.popErrorScope().then(report, () => {});
  }
}

/** Whether a command's own call reports its errors: it belongs to GPUDevice or GPUQueue. Those of passes show at `submit`. */
function failsByItself(opcode: number): boolean {
  if (opcode === OP_PUSH_ERROR_SCOPE || opcode === OP_POP_ERROR_SCOPE) return false;
  return (opcode & ~REFERENCE_BIT) < OP_COPY_BUFFER_TO_BUFFER;
}
