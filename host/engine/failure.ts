import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';

/** A trap, and what is known about it. */
export interface Trap {
  /** The engine's own message. */
  reason: string;
  /** Which call it ended. */
  call: string;
  /** Where in the sources; empty, or begins with ", ". */
  place: string;
  /** The newest line that the module logged; empty for none. */
  lastLine: string;
  memoryBytes: number;
  memoryBytesMax: number;
}

/**
 * NL_GUEST_TRAP, or NL_GUEST_MEMORY where a module gave up with its memory nearly full: that a grow failed cannot be
 * seen from outside, and allocators answer it with `unreachable`.
 */
export function trapError({ reason, call, place, lastLine, memoryBytes, memoryBytesMax }: Trap): NearlightError {
  const said = lastLine === '' ? '' : `; it last logged: ${lastLine}`;
  const memory = `its memory has grown to ${memoryBytes} of ${memoryBytesMax} bytes (MEMORY_BYTES_MAX)`;
  if (reason.includes('unreachable') && memoryBytes >= 0.875 * memoryBytesMax)
    return new NearlightError('NL_GUEST_MEMORY', `${reason} in ${call}${place}: ${memory}${said}`);
  const hint = memoryBytes > 0.5 * memoryBytesMax ? `; ${memory}` : '';
  return new NearlightError('NL_GUEST_TRAP', `${reason} in ${call}${place}${hint}${said}`);
}

export function recursion(call: string, place = ''): NearlightError {
  return new NearlightError(
    'NL_GUEST_CRASH',
    `its stack overflowed in ${call}, most likely by endless recursion${place}`,
  );
}

export function versionError(version: number): NearlightError {
  const detail = `version() is ${version}, this host speaks ${ABI_VERSION}: build the module with this release's SDK`;
  return new NearlightError('NL_MODULE_VERSION', detail);
}
