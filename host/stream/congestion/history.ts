import { type Milli, milli } from '../../base/time.ts';

/** Number of packets that are remembered, a power of two. At 20 Mbit/s this is almost four seconds. */
const SLOTS = 8192;
/** Size of the headers of IP, UDP and SRTP's tag, which also take room on the path. */
const HEADER_BYTES = 44;

/** A packet counts as lost if it has not arrived although one that left this much later has. */
const REORDER_MS = 25;

const FREE = 0;
/** The packet was given to the transport, but has not left this machine. */
const QUEUED = 1;
const DEPARTED = 2;

/** Receives what became of each packet, in the order in which the packets were sent. A lost one may come after later ones. */
export interface PacketSink {
  /**
   * @param departedAt when the packet left, on this host's clock
   * @param arrivedAt when it arrived, on the page's clock; NaN if it was lost
   * @param bytes its size on the path
   * @param cluster number of the probe that it belongs to, or 0
   * @param count number of packets that were sent before it
   */
  packet(departedAt: Milli, arrivedAt: Milli, bytes: number, cluster: number, count: number): void;
}

/** Remembers the packets of one connection from sending until the page has reported what became of them. */
export class PacketHistory {
  readonly #departedAt = new Float64Array(SLOTS);
  readonly #bytes = new Uint16Array(SLOTS);
  readonly #clusters = new Uint16Array(SLOTS);
  readonly #states = new Uint8Array(SLOTS);
  /** Counts of all packets, which do not wrap. */
  #next = 0;
  #reported = 0;
  #bytesInFlight = 0;

  /** Bytes that were sent, of which the page has not reported yet. */
  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** Number of packets that were sent. */
  get count(): number {
    return this.#next;
  }

  /** Adds a packet that is given to the transport now. @returns its sequence number, a uint16 that wraps */
  add(now: Milli, bytes: number, cluster = 0): number {
    const slot = this.#next % SLOTS;
    if (this.#states[slot] !== FREE) this.#forget(slot);
    this.#departedAt[slot] = now;
    this.#bytes[slot] = bytes + HEADER_BYTES;
    this.#clusters[slot] = cluster;
    this.#states[slot] = QUEUED;
    this.#bytesInFlight += bytes + HEADER_BYTES;
    return this.#next++ & 0xffff;
  }

  /**
   * Notes that a packet leaves this machine now. Until that is called, the packet counts as having left when it was added.
   * A host that is busy between the two thereby makes no packet seem late.
   */
  noteDeparted(sequence: number, now: Milli): void {
    const slot = this.#unwrap(sequence) % SLOTS;
    if (this.#states[slot] !== QUEUED) return;
    this.#states[slot] = DEPARTED;
    this.#departedAt[slot] = now;
  }

  /**
   * Tells `sink` what became of the packets of a report. Packets that an earlier report has covered are skipped, and so are
   * numbers of packets that were never sent. A packet that no report mentions counts as lost when a later one is reported.
   * @param first sequence number of the report's first packet, a uint16
   * @returns when the newest packet that arrived had left, or undefined if none did
   */
  report(first: number, count: number, arrivals: Float64Array, sink: PacketSink): Milli | undefined {
    const begin = this.#unwrap(first);
    const end = Math.min(begin + count, this.#next);
    const newest = this.#newestArrived(begin, end, arrivals);
    // A page reports because something has arrived. A report without that is about packets of another connection, or forged.
    if (newest === undefined) return undefined;
    let kept: number | undefined;
    for (let packet = Math.max(this.#reported, this.#next - SLOTS, 0); packet < end; packet++) {
      const slot = packet % SLOTS;
      if (this.#states[slot] === FREE) continue;
      const departedAt = milli(this.#departedAt[slot] ?? 0);
      const arrivedAt = milli(packet < begin ? Number.NaN : (arrivals[packet - begin] ?? Number.NaN));
      if (Number.isNaN(arrivedAt) && departedAt > newest - REORDER_MS) {
        // A packet that others have overtaken is not lost yet. A later report may have it.
        kept ??= packet;
        continue;
      }
      sink.packet(departedAt, arrivedAt, this.#bytes[slot] ?? 0, this.#clusters[slot] ?? 0, packet);
      this.#forget(slot);
    }
    this.#reported = kept ?? Math.max(this.#reported, end);
    return newest;
  }

  /** Returns when the newest packet that a report says has arrived had left. */
  #newestArrived(begin: number, end: number, arrivals: Float64Array): Milli | undefined {
    for (let packet = end - 1; packet >= Math.max(begin, this.#next - SLOTS, 0); packet--)
      if (!Number.isNaN(arrivals[packet - begin] ?? Number.NaN)) return milli(this.#departedAt[packet % SLOTS] ?? 0);
    return undefined;
  }

  #forget(slot: number): void {
    this.#states[slot] = FREE;
    this.#bytesInFlight -= this.#bytes[slot] ?? 0;
  }

  /** Returns the count of the packet with a sequence number: of all that have it, the one nearest to the newest packet. */
  #unwrap(sequence: number): number {
    return this.#next + (((sequence - this.#next) << 16) >> 16);
  }
}
