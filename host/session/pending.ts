import {
  OP_CREATE_COMPUTE_PIPELINE_ASYNC,
  OP_CREATE_RENDER_PIPELINE_ASYNC,
  OP_GET_COMPILATION_INFO,
  OP_MAP_ASYNC,
  OP_ON_SUBMITTED_WORK_DONE,
  OP_POP_ERROR_SCOPE,
  OP_REQUEST_TEXT,
} from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';

/** Opcodes of the commands that the GPU answers with exactly one reply each. */
const REPLIED_TO = new Set<number>([
  OP_CREATE_COMPUTE_PIPELINE_ASYNC,
  OP_CREATE_RENDER_PIPELINE_ASYNC,
  OP_GET_COMPILATION_INFO,
  OP_MAP_ASYNC,
  OP_ON_SUBMITTED_WORK_DONE,
  OP_POP_ERROR_SCOPE,
  OP_REQUEST_TEXT,
]);
/** How long to wait for replies of the GPU: longer than any shader takes to compile. */
const REPLY_MS_MAX = 60_000;

/**
 * Counts the replies that the GPU still owes a module. In simulated time a game does not go on before it has all of them, so
 * that its pictures do not depend on the speed of the machine.
 */
export class PendingReplies {
  #count = 0;
  /** Resolve the promises of settled() that wait. */
  readonly #waiting = new Set<() => void>();

  /** Counts the commands of a submission to which the GPU will reply, and expects that many more replies. */
  expect({ commands }: Submission): void {
    for (let at = 0; at < commands.length; ) {
      const head = must(commands[at], 'command');
      if (REPLIED_TO.has(head & 0xffff)) this.#count++;
      at += head >>> 16 || 1;
    }
  }

  /** Takes note that one reply of the GPU has arrived. */
  received(): void {
    this.#count--;
    if (this.#count > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Resolves when no reply of the GPU is pending. @throws NearlightError NL_GPU_LOST if that takes a minute (REPLY_MS_MAX) */
  async settled(): Promise<void> {
    if (this.#count <= 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#waiting.delete(resolve);
      const detail = `the GPU still owes ${this.#count} replies after ${REPLY_MS_MAX} ms`;
      reject(new NearlightError('NL_GPU_LOST', detail));
    }, REPLY_MS_MAX);
    this.#waiting.add(resolve);
    await promise.finally(() => clearTimeout(timer));
  }
}
