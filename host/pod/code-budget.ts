import { fstatSync } from 'node:fs';
import type { SealedCode } from '../engine/wasmedge/sealed.ts';
import { startedAt } from './process.ts';

/** How much sealed code one process may hold. It is the code of a dozen large games; a pod usually runs one game. */
const BYTES_MAX = 64 * 2 ** 20;

interface Holder {
  started: string | undefined;
  /** Inodes of the memory that the process has got. */
  inodes: Set<number>;
  bytes: number;
}

/**
 * Counts the sealed memory that each host has got. The memory belongs to the keeper, and exists as long as a host holds it, so
 * without a bound a host that is taken over could fill the node's memory.
 */
export class CodeBudget {
  readonly #bytesMax: number;
  readonly #holders = new Map<number, Holder>();

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Whether a process may get this code as well. If so, counts it, and the same memory only once. */
  take(pid: number, { fd, bytes }: SealedCode): boolean {
    const holder = this.#holder(pid);
    const { ino } = fstatSync(fd);
    if (holder.inodes.has(ino)) return true;
    if (holder.bytes + bytes > this.#bytesMax) return false;
    holder.inodes.add(ino);
    holder.bytes += bytes;
    return true;
  }

  #holder(pid: number): Holder {
    const started = startedAt(pid);
    const known = this.#holders.get(pid);
    if (known && known.started === started) return known;
    // Forget the processes that have ended.
    for (const id of this.#holders.keys()) if (startedAt(id) === undefined) this.#holders.delete(id);
    const holder = { started, inodes: new Set<number>(), bytes: 0 };
    this.#holders.set(pid, holder);
    return holder;
  }
}
