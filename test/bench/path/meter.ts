import { readFileSync } from 'node:fs';

/** Size of the Ethernet header, which the kernel counts and a link of IP does not have. */
const HEADER_BYTES = 14;
const SLOT_MS = 100;
/** Every machine of test/net calls its interface to the router so. */
const INTERFACE = 'router';

/** Counts what passes a path: bytes that were delivered to the page, and bytes that came from the host, by 100 ms. */
export interface PathMeter {
  readonly delivered: number[];
  readonly offered: number[];
  /** Starts to count. */
  begin(): void;
  close(): void;
}

/** Reads the kernel's counters of a real path, of which this process is one end and a process of the page the other. */
export class LinkMeter implements PathMeter {
  readonly delivered: number[] = [];
  readonly offered: number[] = [];
  readonly #pid: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param pid a process on the page's machine */
  constructor(pid: number) {
    this.#pid = pid;
  }

  begin(): void {
    const begunAt = performance.now();
    let before = this.#read();
    this.#timer = setInterval(() => {
      const now = this.#read();
      const slot = Math.max(0, Math.floor((performance.now() - begunAt) / SLOT_MS) - 1);
      this.delivered[slot] = (this.delivered[slot] ?? 0) + now.delivered - before.delivered;
      this.offered[slot] = (this.offered[slot] ?? 0) + now.offered - before.offered;
      before = now;
    }, SLOT_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): { delivered: number; offered: number } {
    return { delivered: countersOf(this.#pid).received, offered: countersOf('self').sent };
  }
}

/** Returns the bytes of IP that a process's machine has received and sent (proc(5), /proc/net/dev). */
function countersOf(pid: number | 'self'): { received: number; sent: number } {
  const line =
    readFileSync(`/proc/${pid}/net/dev`, 'utf8').match(new RegExp(`^ *${INTERFACE}: *(.*)$`, 'm'))?.[1] ?? '';
  const fields = line.split(/ +/).map(Number);
  const [bytesIn = 0, packetsIn = 0] = fields;
  const [bytesOut = 0, packetsOut = 0] = fields.slice(8);
  return { received: bytesIn - HEADER_BYTES * packetsIn, sent: bytesOut - HEADER_BYTES * packetsOut };
}
