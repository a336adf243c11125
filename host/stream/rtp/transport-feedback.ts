/**
 * Most packets that one report may describe. Browsers report every 50 to 250 ms, so even 200 Mbit/s stay below it. The format allows
 * 65,535, which a forged report could use to make the host work.
 */
const PACKETS_MAX = 8192;
const FIXED_BYTES = 20;
const CHUNK_BYTES = 2;
/** A report's deltas are in units of 250 us, and its reference time in units of 64 ms. */
const DELTA_MS = 0.25;
const REFERENCE_MS = 64;

// Statuses of a packet in a report, of two bits each.
const NOT_RECEIVED = 0;
const SMALL_DELTA = 1;
const LARGE_DELTA = 2;

/**
 * Reads the reports in which a page says when each packet arrived: RTCP transport-wide feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1). The result of the newest report is in the properties.
 */
export class TransportFeedback {
  /** Sequence number, on the whole transport, of the first packet that the report describes. */
  first = 0;
  /** Number of packets that the report describes. */
  count = 0;
  /** For each packet, when it arrived on the page's clock in milliseconds, or NaN if it has not arrived. */
  readonly arrivals = new Float64Array(PACKETS_MAX);
  readonly #statuses = new Uint8Array(PACKETS_MAX);
  #reference: number | undefined;

  /**
   * @param packet one RTCP packet, from its header to its end
   * @returns false if the report is malformed; the properties are unchanged then
   */
  read(packet: Buffer): boolean {
    if (packet.length < FIXED_BYTES) return false;
    const count = packet.readUInt16BE(14);
    if (count === 0 || count > PACKETS_MAX) return false;
    const deltasAt = this.#readStatuses(packet, count);
    if (deltasAt === undefined || !this.#hasDeltas(packet, deltasAt, count)) return false;
    this.first = packet.readUInt16BE(12);
    this.count = count;
    this.#readArrivals(packet, deltasAt);
    return true;
  }

  /** Reads what happened to each packet. @returns the offset of the arrival times, or undefined if statuses are missing */
  #readStatuses(packet: Buffer, count: number): number | undefined {
    const statuses = this.#statuses;
    let offset = FIXED_BYTES;
    for (let index = 0; index < count; offset += CHUNK_BYTES) {
      if (offset + CHUNK_BYTES > packet.length) return undefined;
      const chunk = packet.readUInt16BE(offset);
      if (chunk < 0x8000) {
        // A run of packets with the same status.
        const end = Math.min(count, index + (chunk & 0x1fff));
        if (end === index) return undefined;
        statuses.fill(chunk >> 13, index, end);
        index = end;
        continue;
      }
      // 14 statuses of one bit or 7 of two bits.
      const bits = chunk & 0x4000 ? 2 : 1;
      for (let shift = 14 - bits; shift >= 0 && index < count; shift -= bits)
        statuses[index++] = (chunk >> shift) & (bits === 2 ? 3 : 1);
    }
    return offset;
  }

  #hasDeltas(packet: Buffer, deltasAt: number, count: number): boolean {
    let end = deltasAt;
    for (let index = 0; index < count; index++) {
      const status = this.#statuses[index] ?? 0;
      if (status > LARGE_DELTA) return false;
      end += status;
    }
    return end <= packet.length;
  }

  #readArrivals(packet: Buffer, deltasAt: number): void {
    const reference = this.#unwrap(packet.readUIntBE(16, 3));
    let arrivedMs = reference * REFERENCE_MS;
    let offset = deltasAt;
    for (let index = 0; index < this.count; index++) {
      const status = this.#statuses[index] ?? NOT_RECEIVED;
      if (status === NOT_RECEIVED) {
        this.arrivals[index] = Number.NaN;
        continue;
      }
      arrivedMs += DELTA_MS * (status === SMALL_DELTA ? packet.readUInt8(offset) : packet.readInt16BE(offset));
      offset += status;
      this.arrivals[index] = arrivedMs;
    }
  }

  /** Continues the count of reference times where it wraps. Reports may arrive in another order than they were sent in. */
  #unwrap(value: number): number {
    const last = this.#reference ?? value;
    // The value has 24 bits, so a step that seems to be longer than half of its range is one backwards.
    const step = ((value - last) << 8) >> 8;
    const reference = last + step;
    this.#reference = Math.max(last, reference);
    return reference;
  }
}
