import { createRequire } from 'node:module';

/** Which of a process's threads were changed; the others block signals, and are named. */
export interface Moved {
  moved: number;
  skipped: string[];
}

/** kernel.cc: what the kernel keeps per thread is changed on every thread. */
export interface Kernel {
  /** Enters a network namespace (setns(2)). @throws Error with the path and the reason */
  enterNetwork(path: string): Moved;
  /** Makes a network namespace of this process's own and enters it; it has a loopback device and no other. */
  newNetwork(): Moved;
  /** Gives up all capabilities but `keep`, by number (capabilities(7)), and the way to new ones. */
  dropPrivileges(keep: readonly number[]): Moved;
  /** Binds a file or folder over another in this process's own mount namespace. */
  bindMount(source: string, target: string, readOnly: boolean): void;
}

/** Loads the addon at a path. @throws Error where it cannot be loaded */
export function loadKernel(path: string): Kernel {
  return createRequire(import.meta.url)(path) as Kernel;
}
