import { closeSync, constants, fstatSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { NearlightError } from '../base/errors.ts';
import type { RootEntry } from './root.ts';

/** How many threads of this process have changed their network namespace or privileges, according to the kernel. */
export interface ThreadChange {
  /** Number of threads that changed their network namespace or privileges: all except the skipped ones. */
  changed: number;
  /**
   * Threads that block even glibc's own signal and therefore kept their network namespace and privileges, each as `NAME (TID)`.
   */
  skipped: string[];
  /** Number of 1 ms pauses in which the call waited for threads that did not respond at once. */
  pauses: number;
}

/**
 * System calls that change every thread of this process (host/pod/kernel.cc). All are synchronous and take some 50 us per thread.
 * A call that throws may have changed some of the threads; the process must then end.
 */
export interface Kernel {
  /** Enters a network namespace (setns(2)). @throws NearlightError NL_POD with the path and the reason */
  enterNetwork(path: string): ThreadChange;
  /** Creates a network namespace with a loopback device and no other, and enters it. @throws NearlightError NL_POD */
  newNetwork(): ThreadChange;
  /**
   * Drops all capabilities, becomes the user and the group with this id, and joins these further groups.
   * @throws NearlightError NL_POD
   */
  becomeUser(id: number, groups: readonly number[]): ThreadChange;
  /**
   * Replaces each open descriptor of a file by one that can only read, if the file's path contains this text.
   * @returns the number of descriptors
   * @throws NearlightError NL_POD
   */
  reopenReadOnly(part: string): number;
  /** Allows only the system calls that the host of a pod needs (filter.cc), for good. @throws NearlightError NL_POD */
  filterSystemCalls(): void;
  /**
   * Replaces this process's root folder, for all its threads, by an empty one with these entries (host/pod/root.ts).
   * @throws NearlightError NL_POD, also if this process shares its mount namespace with process 1 or with its parent
   */
  emptyRoot(entries: readonly RootEntry[]): void;
  /**
   * Opens a file as the node sees it, with or without a root folder of this process's own. Until leaveNode().
   * @param flags of open(2)
   * @throws NearlightError NL_POD
   */
  openOnNode(path: string, flags: number): number;
  /**
   * Copies a file of the node into this process's own root folder.
   * @throws NearlightError NL_POD, also before emptyRoot(), since the copy would replace a file of the node
   */
  copyFromNode(source: string, target: string): void;
  /** Closes the node's root folder, for good. */
  leaveNode(): void;
  /** Returns the id of the process that connected to a unix socket, by its descriptor. @throws NearlightError NL_POD */
  peerProcess(socket: number): number;
}

/** The functions that kernel.cc exports. */
interface Addon extends Omit<Kernel, 'enterNetwork' | 'emptyRoot' | 'openOnNode' | 'copyFromNode' | 'leaveNode'> {
  /** @param root descriptor of the folder in which to look for `path`, or -1 */
  enterNetwork(path: string, root: number): ThreadChange;
  emptyRoot(entries: readonly [kind: string, target: string, source: string][]): void;
  openBelow(path: string, root: number, flags: number): number;
}

/**
 * Descriptor under which a host process inherits the node's root folder. A host process has mounts of its own, and later a root of
 * its own. Through this descriptor it can open later mounts of the node, such as the network of a pod.
 */
const NODE_ROOT_FD = 3;

/**
 * The path by which a host process reaches a file of the node, until it has entered its pod.
 * @param path absolute, without symbolic links that lead to another absolute path
 */
export function onNode(path: string): string {
  return `/proc/self/fd/${NODE_ROOT_FD}${path}`;
}

/** The inherited descriptor of the node's root folder; undefined for a process that was not started as a host. */
export function inheritedNodeRoot(): number | undefined {
  try {
    return fstatSync(NODE_ROOT_FD).isDirectory() ? NODE_ROOT_FD : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Loads the Node addon that makes these system calls.
 * @param path the compiled addon
 * @param nodeRoot descriptor of the node's root folder
 * @throws Error if it cannot be loaded
 */
export function loadKernel(path: string, nodeRoot?: number): Kernel {
  const addon = createRequire(import.meta.url)(path) as Addon;
  let hasOwnRoot = false;
  const openOnNode = (path: string, flags: number) =>
    explain(`${path} cannot be opened`, 'check that it exists', () => addon.openBelow(path, nodeRoot ?? -1, flags));
  return {
    enterNetwork: (path) =>
      explain(`the network namespace ${path} cannot be entered`, 'check that it exists, and run the host as root', () =>
        addon.enterNetwork(path, nodeRoot ?? -1),
      ),
    newNetwork: () => explain('no network namespace can be created', 'run the host as root', () => addon.newNetwork()),
    becomeUser: (id, groups) =>
      explain(`this process cannot become the user ${id}`, 'run the host as root', () => addon.becomeUser(id, groups)),
    reopenReadOnly: (part) =>
      explain(`files in ${part} cannot be opened for reading only`, 'run the host as root', () =>
        addon.reopenReadOnly(part),
      ),
    filterSystemCalls: () =>
      explain('system calls cannot be filtered', 'use a kernel with seccomp', () => addon.filterSystemCalls()),
    emptyRoot(entries) {
      explain("the node's root folder cannot be left", 'run the host as root, in a mount namespace of its own', () =>
        addon.emptyRoot(entries.map(({ kind, target, source = '' }) => [kind, target, source])),
      );
      hasOwnRoot = true;
    },
    openOnNode,
    copyFromNode: (source, target) =>
      explain(`${source} cannot be copied to ${target}`, 'check that it exists', () => {
        if (!hasOwnRoot) throw new Error("this process has the node's root folder");
        const file = openOnNode(source, constants.O_RDONLY | constants.O_NONBLOCK);
        try {
          writeFileSync(target, readFileSync(file));
        } finally {
          closeSync(file);
        }
      }),
    leaveNode() {
      if (nodeRoot !== undefined) closeSync(nodeRoot);
      nodeRoot = undefined;
    },
    peerProcess: (socket) =>
      explain('the process at the other end of a socket is unknown', 'use a unix socket', () =>
        addon.peerProcess(socket),
      ),
  };
}

/** Runs a call and turns its error into one that says what failed, why, and what to do. */
function explain<T>(what: string, remedy: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new NearlightError('NL_POD', `${what}: ${(cause as Error).message} (${remedy})`, { cause });
  }
}
