import {
  OP_COPY_BUFFER_TO_BUFFER,
  OP_POP_ERROR_SCOPE,
  OP_PUSH_ERROR_SCOPE,
  REFERENCE_BIT,
} from '../../renderer/contract/abi.ts';
import { type Place, RefusedError } from './place.ts';

/**
 * Finds the command that a GPU error belongs to where the GPU reports it only later, as browsers do: it puts an error scope
 * around each command that can fail by itself. That costs two calls for each of them, so it is for development only.
 */
export class Pinpoint {
  readonly #device: GPUDevice;
  readonly #report: (error: RefusedError) => void;
  /** The command whose scope is open. */
  #place: Place | undefined;

  constructor(device: GPUDevice, report: (error: RefusedError) => void) {
    this.#device = device;
    this.#report = report;
  }

  /** Ends the scope of the last command and begins that of the command at `place`. */
  begin(opcode: number, place: () => Place): void {
    this.end();
    if (!failsByItself(opcode)) return;
    this.#place = place();
    this.#device.pushErrorScope('validation');
  }

  /** Ends the scope of the last command. */
  end(): void {
    const place = this.#place;
    if (!place) return;
    this.#place = undefined;
    const report = (error: GPUError | null) => {
      if (error) this.#report(new RefusedError('NL_GPU_VALIDATION', place, error.message));
    };
    // Of a device that is lost the owner hears by other means.
    this.#device.popErrorScope().then(report, () => {});
  }
}

/** Whether a command belongs to GPUDevice or GPUQueue. Errors of the encoder and its passes show at `submit`. */
function failsByItself(opcode: number): boolean {
  if (opcode === OP_PUSH_ERROR_SCOPE || opcode === OP_POP_ERROR_SCOPE) return false;
  return (opcode & ~REFERENCE_BIT) < OP_COPY_BUFFER_TO_BUFFER;
}
