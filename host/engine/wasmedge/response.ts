import { EXIT_STATUS_MAX } from '../../../renderer/contract/abi.ts';
import { GuestExit, NearlightError } from '../../base/errors.ts';
import { asResourceError } from '../../base/system-error.ts';
import type { LoadOptions, TrapFrame } from '../engine.ts';
import { stackOverflow, trapError, versionError } from '../failure.ts';
import type { GuestLog } from '../log.ts';
import { playerBytesMax, playerTooLarge, stateBytesMax, stateTooLarge } from '../state.ts';
import { missingLayers } from './jail.ts';
import * as map from './mapping.ts';
import type { Exit, GuestProcess } from './process.ts';

/** The module's export that each CALL_ number calls. */
export const CALL_EXPORTS: readonly string[] = [
  'init',
  'join',
  'leave',
  'tick',
  'render',
  'save',
  'load',
  'export_player',
  'import_player',
];
/** A name, for error messages, of each phase of loading a module, by PHASE_ number. */
const LOAD_PHASES: readonly string[] = [
  'loading',
  'instantiation',
  'the start function',
  '_initialize',
  'version',
  'init',
];

/**
 * Reads the response that a guest process wrote into the shared memory. The process is not trusted: it may write anything at
 * any time, so each field is read once and checked against its bound.
 */
export class ResponseReader {
  readonly #process: GuestProcess;
  readonly #bytes: Uint8Array;
  readonly #options: LoadOptions;
  readonly #log: GuestLog;

  constructor(process: GuestProcess, { options, log }: { options: LoadOptions; log: GuestLog }) {
    this.#process = process;
    this.#bytes = new Uint8Array(process.memory);
    this.#options = options;
    this.#log = log;
  }

  /** Passes the lines that the module logged during the call to the log. */
  readLog(): void {
    const end = Math.min(this.#process.get(map.RESPONSE_LOG_BYTES), map.LOG_BYTES_MAX);
    for (let at = 0; at + 8 <= end; ) {
      const record = map.LOG + at;
      const level = this.#process.get(record);
      const length = Math.min(this.#process.get(record + 4), end - at - 8);
      this.#log.line(level, this.#bytes.slice(record + 8, record + 8 + length));
      at += 8 + Math.ceil(length / 4) * 4;
    }
    const dropped = this.#process.get(map.RESPONSE_LOG_DROPPED);
    if (dropped > 0) this.#log.drop(dropped);
  }

  /** Returns the error for a response whose status is not STATUS_OK. @param codeShift as in CheckedModule */
  statusError(status: number, { call, codeShift }: { call: number; codeShift: number }): NearlightError {
    const { limits } = this.#options;
    const value = this.#process.get(map.RESPONSE_VALUE);
    if (status === map.STATUS_VERSION) return versionError(value | 0);
    if (status === map.STATUS_COMMAND)
      return new NearlightError('NL_COMMAND', `in ${this.#where(call)}, ${this.#message()}`);
    if (status === map.STATUS_INVALID) return new NearlightError('NL_MODULE_INVALID', this.#message());
    if (status === map.STATUS_CONTRACT) return new NearlightError('NL_GUEST_PROTOCOL', this.#message());
    if (status === map.STATUS_STATE && call === map.CALL_EXPORT_PLAYER) return playerTooLarge(playerBytesMax(limits));
    if (status === map.STATUS_STATE) return stateTooLarge(stateBytesMax(limits));
    const where = this.#where(call);
    if (status === map.STATUS_MEMORY) return outOfMemory(where);
    if (status === map.STATUS_EXIT && value <= EXIT_STATUS_MAX) return new GuestExit(value, where);
    if (status !== map.STATUS_TRAP)
      return new NearlightError(
        'NL_GUEST_PROTOCOL',
        this.#message() || `the guest process responded with status ${status}`,
      );
    return trapError({
      reason: this.#message(),
      call: where,
      place: this.#place(codeShift),
      lastLine: this.#log.last,
      memoryBytes: this.#process.get(map.RESPONSE_MEMORY_PAGES) * map.WASM_PAGE_BYTES,
      memoryBytesMax: limits.memoryBytesMax,
    });
  }

  /** Returns the error for a guest process that ended during a call of its module, or between calls. */
  exitError(exit: Exit, call: number): NearlightError {
    const lastLine = this.#log.last === '' ? '' : `; it last logged: ${this.#log.last}`;
    const { code, detail } = exitError(exit, this.#where(call));
    return new NearlightError(code, detail + lastLine);
  }

  /** Names what the guest process was running: an export of the module, or a phase of loading. */
  #where(call: number): string {
    const number = this.#process.get(map.RESPONSE_PHASE);
    if (call === map.CALL_TICK && number === map.PHASE_AUDIO) return 'audio';
    const phase = LOAD_PHASES[number] ?? 'loading';
    return call === map.CALL_LOAD ? phase : (CALL_EXPORTS[call] ?? phase);
  }

  /** Returns the place in the game's sources where a trap happened; empty if that is unknown. */
  #place(codeShift: number): string {
    const count = Math.min(this.#process.get(map.RESPONSE_TRAP_FRAMES), map.TRAP_FRAMES_MAX);
    const frames = Array.from({ length: count }, (_, index): TrapFrame => {
      const function_ = this.#process.get(map.TRAP_FRAMES + 8 * index);
      const offset = this.#process.get(map.TRAP_FRAMES + 8 * index + 4);
      return {
        ...(function_ !== map.UNKNOWN ? { function: function_ } : {}),
        ...(offset !== map.UNKNOWN ? { offset: offset - codeShift } : {}),
      };
    });
    return count > 0 ? (this.#options.locate?.(frames) ?? '') : '';
  }

  #message(): string {
    const length = Math.min(this.#process.get(map.RESPONSE_MESSAGE_BYTES), map.MESSAGE_BYTES_MAX);
    return new TextDecoder().decode(this.#bytes.slice(map.MESSAGE, map.MESSAGE + length));
  }
}

/** Returns the error for a guest process that ended while it ran `call`, an export or a phase of loading. */
export function exitError({ status, signal, timedOut, error }: Exit, call: string): NearlightError {
  const lack = asResourceError(error);
  if (lack instanceof NearlightError) return lack;
  const crash = (detail: string) => new NearlightError('NL_GUEST_CRASH', `${detail} in ${call}`);
  if (timedOut)
    return new NearlightError('NL_GUEST_TIMEOUT', `${call} did not return in time (limits: INIT_MS_MAX, CALL_MS_MAX)`);
  if (status === map.EXIT_MEMORY || signal === 'SIGABRT') return outOfMemory(call);
  if (signal === 'SIGSEGV' || signal === 'SIGBUS') return stackOverflow(call);
  if (signal === 'SIGSYS') return crash('it made a system call that seccomp forbids');
  if (signal === 'SIGKILL') return new NearlightError('NL_GUEST_KILLED', `it was killed by SIGKILL in ${call}`);
  if (signal !== null) return crash(`it was killed by ${signal}`);
  return crash(status === null ? 'it could not be started' : `it exited with status ${status}`);
}

/** Returns the error for a guest process that ended before it was ready for a module. */
export function startError({ ended, required, layers }: GuestProcess): NearlightError {
  if (ended?.status === map.EXIT_LAYERS) return missingLayers(required, layers);
  return exitError(ended ?? { status: null, signal: null, timedOut: false }, 'loading');
}

function outOfMemory(call: string): NearlightError {
  return new NearlightError(
    'NL_GUEST_MEMORY',
    `its process could not allocate memory in ${call} (limit: MEMORY_BYTES_MAX)`,
  );
}
