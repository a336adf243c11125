import type { TrapFrame } from './engine.ts';

/** Matches a WebAssembly frame in the stack of an error (WebAssembly Web API, "Developer-Facing Display Conventions"). */
const FRAME = /wasm-function\[(\d+)\]:0x([0-9a-f]+)/g;

/** Returns the WebAssembly frames in the stack of an error, innermost first. @param codeShift subtracted from their offsets */
export function readFrames(error: Error, codeShift: number): TrapFrame[] {
  return [...(error.stack ?? '').matchAll(FRAME)].map(([, index, offset = '']) => ({
    function: Number(index),
    offset: Number.parseInt(offset, 16) - codeShift,
  }));
}

/** The call stack of each GPU command that a debug build of a game wrote in the current call. Release builds record none. */
export class Marks {
  readonly #codeShift: number;
  #stacks: Error[] = [];

  constructor(codeShift: number) {
    this.#codeShift = codeShift;
  }

  /** Drops the stacks, because a new call begins. Functions that `origin` returned earlier keep the stacks of their call. */
  reset(): void {
    if (this.#stacks.length > 0) this.#stacks = [];
  }

  /** Records the module's call stack at one of its GPU commands. The stack is parsed only when needed, because that is slow. */
  add(): void {
    this.#stacks.push(new Error());
  }

  /** Returns a function that finds the call stack of the n-th command of the call; undefined if no stacks were recorded. */
  get origin(): ((command: number) => readonly TrapFrame[]) | undefined {
    const stacks = this.#stacks;
    if (stacks.length === 0) return undefined;
    return (command) => {
      const stack = stacks[command];
      return stack ? readFrames(stack, this.#codeShift) : [];
    };
  }
}
