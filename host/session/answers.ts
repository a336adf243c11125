import {
  OP_CREATE_COMPUTE_PIPELINE_ASYNC,
  OP_CREATE_RENDER_PIPELINE_ASYNC,
  OP_GET_COMPILATION_INFO,
  OP_MAP_ASYNC,
  OP_ON_SUBMITTED_WORK_DONE,
  OP_POP_ERROR_SCOPE,
} from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';

/** Commands that are answered by one reply each. */
const ASKING = new Set<number>([
  OP_CREATE_COMPUTE_PIPELINE_ASYNC,
  OP_CREATE_RENDER_PIPELINE_ASYNC,
  OP_GET_COMPILATION_INFO,
  OP_MAP_ASYNC,
  OP_ON_SUBMITTED_WORK_DONE,
  OP_POP_ERROR_SCOPE,
]);
/** Beyond any shader's compilation. */
const ANSWER_MS_MAX = 60_000;

/**
 * Counts what a module has asked of the GPU and has no answer to yet. Where time is simulated, nothing goes on before all
 * is answered: the picture does not depend on how quick the machine is.
 */
export class Answers {
  #waiting = 0;
  #settled: (() => void) | undefined;

  /** Counts what a submission asks. */
  ask({ commands }: Submission): void {
    for (let at = 0; at < commands.length; at += commands[at]! >>> 16 || 1)
      if (ASKING.has(commands[at]! & 0xffff)) this.#waiting++;
  }

  /** A reply has come. */
  answer(): void {
    this.#waiting--;
    if (this.#waiting <= 0) this.#settled?.();
  }

  /** Resolves when all is answered. @throws NearlightError NL_GPU_LOST where that takes longer than any work does */
  async settled(): Promise<void> {
    if (this.#waiting <= 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settled = resolve;
        const late = new NearlightError(
          'NL_GPU_LOST',
          `${this.#waiting} answers are missing after ${ANSWER_MS_MAX} ms`,
        );
        timer = setTimeout(() => reject(late), ANSWER_MS_MAX);
      });
    } finally {
      clearTimeout(timer);
      this.#settled = undefined;
    }
  }
}
