import { createRequire } from 'node:module';
import { NearlightError } from '../base/errors.ts';

/** What the kernel says of the threads afterwards. */
export interface Moved {
  /** How many threads are as they should be: all of them, but for the skipped ones. */
  moved: number;
  /** Threads that block even glibc's own signal and so stay as they were, as `NAME (TID)`. */
  skipped: string[];
}

/**
 * kernel.cc: what the kernel keeps per thread is changed on every thread. All calls are synchronous, some 50 us a thread.
 * A call that throws may have changed some threads: the process is then good for nothing but to end.
 */
export interface Kernel {
  /** Enters a network namespace (setns(2)). @throws NearlightError NL_POD with the path and the reason */
  enterNetwork(path: string): Moved;
  /** Makes a network namespace of this process's own and enters it; it has a loopback device and no other. */
  newNetwork(): Moved;
  /**
   * Gives up all capabilities but `keep`, by number (capabilities(7)), in every set, and the way to new ones.
   * @throws NearlightError NL_POD
   */
  dropPrivileges(keep: readonly number[]): Moved;
  /**
   * Binds a file or folder over another, in this process's own mount namespace alone.
   * @throws NearlightError NL_POD, also where the process shares the mounts of process 1 or of its parent
   */
  bindMount(source: string, target: string, readOnly: boolean): void;
  /** Takes the topmost mount off a path, also while it is in use. @throws NearlightError NL_POD as bindMount */
  unmount(target: string): void;
  /** Keeps mounts below a mount point from spreading to the node. @throws NearlightError NL_POD as bindMount */
  makeSlave(target: string): void;
}

const MOUNTS = "start the host under 'unshare -m --propagation slave', as root";

/** Loads the addon at a path. @throws Error where it cannot be loaded */
export function loadKernel(path: string): Kernel {
  const addon = createRequire(import.meta.url)(path) as Kernel;
  return {
    enterNetwork: (path) =>
      told(`the network namespace ${path} cannot be entered`, 'it has to exist, and takes root to enter', () =>
        addon.enterNetwork(path),
      ),
    newNetwork: () => told('a network namespace cannot be made', 'that takes root', () => addon.newNetwork()),
    dropPrivileges: (keep) =>
      told('privileges cannot be given up', 'the host has to run as root', () => addon.dropPrivileges(keep)),
    bindMount: (source, target, readOnly) =>
      told(`${source} cannot be bound over ${target}`, MOUNTS, () => addon.bindMount(source, target, readOnly)),
    unmount: (target) => told(`${target} cannot be unmounted`, MOUNTS, () => addon.unmount(target)),
    makeSlave: (target) => told(`${target} cannot be made a slave mount`, MOUNTS, () => addon.makeSlave(target)),
  };
}

function told<T>(what: string, remedy: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new NearlightError('NL_POD', `${what}: ${(cause as Error).message} (${remedy})`, { cause });
  }
}
