import type { TrapFrame } from './engine.ts';

/** Matches a WebAssembly frame in the stack of an error (WebAssembly Web API, "Developer-Facing Display Conventions"). */
const FRAME = /wasm-function\[(\d+)\]:0x([0-9a-f]+)/g;

/** Returns the WebAssembly frames in the stack of an error, innermost first. @param codeShift as in CheckedModule */
export function readFrames(error: Error, codeShift: number): TrapFrame[] {
  return [...(error.stack ?? '').matchAll(FRAME)].map(([, index, offset = '']) => ({
    function: Number(index),
    offset: Number.parseInt(offset, 16) - codeShift,
  }));
}

/** The stacks with which a debug build wrote each of its commands. A release build does not call `mark`, so it has none. */
export class Marks {
  readonly #codeShift: number;
  #stacks: Error[] = [];

  constructor(codeShift: number) {
    this.#codeShift = codeShift;
  }

  /** Starts a new call. Functions that `origin` returned before keep the stacks of their own call. */
  reset(): void {
    if (this.#stacks.length > 0) this.#stacks = [];
  }

  /** Records the current stack. `origin` reads it only when needed, because that is slow. */
  add(): void {
    this.#stacks.push(new Error());
  }

  /** Returns a function that finds the stack of the n-th command of the call; undefined if the module recorded none. */
  get origin(): ((command: number) => readonly TrapFrame[]) | undefined {
    const stacks = this.#stacks;
    if (stacks.length === 0) return undefined;
    return (command) => {
      const stack = stacks[command];
      return stack ? readFrames(stack, this.#codeShift) : [];
    };
  }
}
