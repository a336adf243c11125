import { REPORTS_MAX, type Report } from './protocol.ts';

/** Limit on the size of the reports that wait, and of those in one request. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const BATCH_BYTES_MAX = 1024 * 1024;
/** Results and other events are worth more than how many players have joined. */
const isPrecious = ({ call }: Report) => call === 'addResult' || call === 'addEvent';

interface Waiting {
  readonly report: Report;
  readonly bytes: number;
}

/**
 * The reports of a host that the edge service has not acknowledged. It is bounded: a report for which there is no room takes the place of the
 * oldest one about a session, or else of the oldest.
 */
export class ReportQueue {
  readonly #max: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** Number of reports that were dropped. */
  dropped = 0;

  /** @param max largest number of reports that wait */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(report: Report): void {
    const bytes = Buffer.byteLength(JSON.stringify(report));
    if (bytes > BATCH_BYTES_MAX) {
      this.dropped++;
      return;
    }
    while (this.#waiting.length >= this.#max || this.#bytes + bytes > WAITING_BYTES_MAX) this.#drop();
    this.#waiting.push({ report, bytes });
    this.#bytes += bytes;
  }

  /** Returns the oldest reports, as many as fit into a request. They stay in the queue. */
  batch(): Report[] {
    let bytes = 0;
    const found: Report[] = [];
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (found.length > 0 && (found.length >= REPORTS_MAX || bytes > BATCH_BYTES_MAX)) break;
      found.push(waiting.report);
    }
    return found;
  }

  /** Removes reports of a batch. Those that were dropped in the meantime are gone already. */
  remove(done: readonly Report[]): void {
    const gone = new Set(done);
    this.#waiting = this.#waiting.filter(({ report }) => !gone.has(report));
    this.#bytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #drop(): void {
    const found = this.#waiting.findIndex(({ report }) => !isPrecious(report));
    const [gone] = this.#waiting.splice(Math.max(0, found), 1);
    this.#bytes -= gone?.bytes ?? 0;
    this.dropped++;
  }
}
