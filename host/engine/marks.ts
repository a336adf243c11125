import type { TrapFrame } from './engine.ts';

/** How an engine's stack names frames in WebAssembly (WebAssembly Web API, "Developer-Facing Display Conventions"). */
const FRAME = /wasm-function\[(\d+)\]:0x([0-9a-f]+)/g;

/**
 * Reads the frames of a module out of an error's stack.
 * @param codeShift by how many bytes the code lies further from the start than in the module file
 */
export function readFrames(error: Error, codeShift: number): TrapFrame[] {
  return [...(error.stack ?? '').matchAll(FRAME)].map(([, index, offset]) => ({
    function: Number(index),
    offset: Number.parseInt(offset!, 16) - codeShift,
  }));
}

/** Where a debug build wrote each of its commands; a release build marks none. */
export class Marks {
  readonly #codeShift: number;
  #stacks: Error[] = [];

  constructor(codeShift: number) {
    this.#codeShift = codeShift;
  }

  /** Forgets the marks of the last call. What `origin` gave before goes on with them. */
  reset(): void {
    if (this.#stacks.length > 0) this.#stacks = [];
  }

  /** Notes the stack; reading it, which is slow, is left to `origin`. */
  add(): void {
    this.#stacks.push(new Error());
  }

  /** Finds the frames of the n-th command since the reset; undefined if the module marks none. */
  get origin(): ((command: number) => readonly TrapFrame[]) | undefined {
    const stacks = this.#stacks;
    if (stacks.length === 0) return undefined;
    return (command) => {
      const stack = stacks[command];
      return stack ? readFrames(stack, this.#codeShift) : [];
    };
  }
}
