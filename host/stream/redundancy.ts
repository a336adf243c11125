/** Sizes of the headers in RFC 2198, 3: of a repeated block, and of the last block. */
const REPEATED_HEADER_BYTES = 4;
const LAST_HEADER_BYTES = 1;
/** The header has 14 bits for the age of a repeated packet, and 10 for its length. */
const AGE_MAX = 2 ** 14 - 1;
const LENGTH_MAX = 2 ** 10 - 1;
const FOLLOWS = 0x80;

/**
 * Repeats each packet of sound in the packet after it (RFC 2198), so that the loss of a single one cannot be heard. Repeating
 * costs no delay, unlike sending a lost packet again.
 */
export class Redundancy {
  /** Whether packets are repeated. If not, the header says that there is one block. */
  enabled = false;
  readonly #payloadType: number;
  #last: Uint8Array | undefined;
  #lastTimestamp = 0;

  /** @param payloadType RTP payload type of the packets that are repeated */
  constructor(payloadType: number) {
    this.#payloadType = payloadType;
  }

  /** Puts the header before a packet, and if `enabled` the last packet. Keeps `packet` until the next call. */
  wrap(packet: Uint8Array, rtpTimestamp: number): Uint8Array {
    const last = this.enabled ? this.#last : undefined;
    const age = (rtpTimestamp - this.#lastTimestamp) >>> 0;
    const isRepeated = last !== undefined && age > 0 && age <= AGE_MAX && last.length <= LENGTH_MAX;
    const repeated = isRepeated ? last : undefined;
    this.#last = packet;
    this.#lastTimestamp = rtpTimestamp;
    if (!repeated) {
      const bytes = new Uint8Array(LAST_HEADER_BYTES + packet.length);
      bytes[0] = this.#payloadType;
      bytes.set(packet, LAST_HEADER_BYTES);
      return bytes;
    }
    const start = REPEATED_HEADER_BYTES + LAST_HEADER_BYTES;
    const bytes = new Uint8Array(start + repeated.length + packet.length);
    new DataView(bytes.buffer).setUint32(
      0,
      ((FOLLOWS | this.#payloadType) * 2 ** 24 + age * 2 ** 10 + repeated.length) >>> 0,
    );
    bytes[REPEATED_HEADER_BYTES] = this.#payloadType;
    bytes.set(repeated, start);
    bytes.set(packet, start + repeated.length);
    return bytes;
  }
}
