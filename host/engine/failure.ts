import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';

/** A trap: the fault that ended a call of a module. */
export interface Trap {
  /** The engine's own message about the trap. */
  reason: string;
  /** The export of the module that was running. */
  call: string;
  /** The place in the game's sources; empty, or begins with ", ". */
  place: string;
  /** The last line that the module logged; empty if it logged none. */
  lastLine: string;
  /** Size of linear memory when the module trapped. */
  memoryBytes: number;
  memoryBytesMax: number;
}

/** If linear memory has this fraction of MEMORY_BYTES_MAX, a trap by `unreachable` is attributed to a failed allocation. */
const NEARLY_FULL = 0.875;
/** If linear memory has more than this fraction of MEMORY_BYTES_MAX, the message of a trap mentions its size. */
const HALF_FULL = 0.5;

/**
 * Returns the error for a trap of a module. Its code is NL_GUEST_MEMORY if the module executed `unreachable` with its memory
 * nearly full: allocators do that when memory cannot grow, and the host cannot see the failed growth. Otherwise the code is
 * NL_GUEST_TRAP.
 */
export function trapError({ reason, call, place, lastLine, memoryBytes, memoryBytesMax }: Trap): NearlightError {
  const logged = lastLine === '' ? '' : `; it last logged: ${lastLine}`;
  const memory = `its memory has grown to ${memoryBytes} of ${memoryBytesMax} bytes (MEMORY_BYTES_MAX)`;
  if (reason.includes('unreachable') && memoryBytes >= NEARLY_FULL * memoryBytesMax)
    return new NearlightError('NL_GUEST_MEMORY', `${reason} in ${call}${place}: ${memory}${logged}`);
  const hint = memoryBytes > HALF_FULL * memoryBytesMax ? `; ${memory}` : '';
  return new NearlightError('NL_GUEST_TRAP', `${reason} in ${call}${place}${hint}${logged}`);
}

/** Returns the error for a call of a module whose stack overflowed. @param place in the game's sources, as in Trap */
export function stackOverflow(call: string, place = ''): NearlightError {
  const detail = `its stack overflowed in ${call}, most likely through endless recursion${place}`;
  return new NearlightError('NL_GUEST_CRASH', detail);
}

/** Returns the error for a module that was built for another version of the contract. @param version that it was built for */
export function versionError(version: number): NearlightError {
  const versions = `it was built for version ${version} of the contract, and this host supports version ${ABI_VERSION}`;
  const remedy =
    version > ABI_VERSION
      ? 'update nearlight on this host, or rebuild the module with the SDK of the release that the host runs'
      : 'rebuild the module with the SDK of the release that this host runs';
  return new NearlightError('NL_MODULE_VERSION', `${versions}: ${remedy}`);
}
