import type { Milli } from '../../base/time.ts';

/** H.264 over RTP counts time in units of 1/90000 s (RFC 6184, 8.2.1). */
export const RTP_CLOCK_KHZ = 90;
/**
 * Largest RTP packet in bytes. With the number that a retransmission adds (2), the longest tag of SRTP (16) and the headers of UDP
 * and IPv6 (48), it fits into 1280 bytes, which every IPv6 path carries (RFC 8200, 5).
 */
export const RTP_BYTES_MAX = 1212;
const FIXED_BYTES = 12;
/** Marks header extensions with one-byte ids (RFC 8285, 4.2). */
const ONE_BYTE_PROFILE = 0xbede;

/** Ids of the RTP header extensions that a page understands, 1 to 14; 0 for those that it does not. */
export interface ExtensionIds {
  readonly playoutDelay: number;
  readonly absoluteSendTime: number;
  readonly transportSequence: number;
}

/** The fields of an RTP header that differ from packet to packet. */
export interface RtpFields {
  payloadType: number;
  /** Whether the packet is the last one of its frame. */
  marker: boolean;
  sequence: number;
  timestamp: number;
  ssrc: number;
}

/** Writes the headers of one connection's RTP packets. All of them have the same length and the same header extensions. */
export class RtpHeaders {
  readonly bytes: number;
  readonly #extensions: Buffer;
  /** Offsets of two extensions' values in a packet; 0 if the page does not understand the extension. */
  readonly #sendTimeAt: number;
  readonly #transportSequenceAt: number;

  constructor({ playoutDelay, absoluteSendTime, transportSequence }: ExtensionIds) {
    const elements: number[] = [];
    const add = (id: number, valueBytes: number): number => {
      if (id === 0) return 0;
      elements.push((id << 4) | (valueBytes - 1), ...Array<number>(valueBytes).fill(0));
      return FIXED_BYTES + 4 + elements.length - valueBytes;
    };
    // A playout delay of 0 to 0 makes a browser show each frame as soon as it is decoded.
    add(playoutDelay, 3);
    this.#sendTimeAt = add(absoluteSendTime, 3);
    this.#transportSequenceAt = add(transportSequence, 2);
    while (elements.length % 4 !== 0) elements.push(0);
    const head = elements.length === 0 ? [] : [ONE_BYTE_PROFILE >> 8, ONE_BYTE_PROFILE & 255, 0, elements.length / 4];
    this.#extensions = Buffer.from([...head, ...elements]);
    this.bytes = FIXED_BYTES + this.#extensions.length;
  }

  /** Writes a header at the start of `packet`. The extensions that depend on the time of sending stay 0 until `stamp`. */
  write(packet: Buffer, { payloadType, marker, sequence, timestamp, ssrc }: Readonly<RtpFields>): void {
    packet[0] = this.#extensions.length > 0 ? 0x90 : 0x80;
    packet[1] = (marker ? 0x80 : 0) | payloadType;
    packet.writeUInt16BE(sequence, 2);
    packet.writeUInt32BE(timestamp, 4);
    packet.writeUInt32BE(ssrc, 8);
    this.#extensions.copy(packet, FIXED_BYTES);
  }

  /** Writes the time of sending and the connection's own count of packets, a uint16 that wraps, into a header. */
  stamp(packet: Buffer, transportSequence: number, now: Milli): void {
    // The time is in units of 2^-18 s and wraps after 64 s.
    if (this.#sendTimeAt > 0) packet.writeUIntBE(Math.floor((now / 1000) * 2 ** 18) % 2 ** 24, this.#sendTimeAt, 3);
    if (this.#transportSequenceAt > 0) packet.writeUInt16BE(transportSequence, this.#transportSequenceAt);
  }

  /** Returns the count that `stamp` wrote into a packet of this connection, encrypted or not; undefined if there is none. */
  transportSequenceOf(packet: Buffer): number | undefined {
    const offset = this.#transportSequenceAt;
    // SRTP leaves headers readable. Handshakes and data channels begin with other bytes, and RTCP has no extensions.
    if (offset === 0 || packet.length < this.bytes || packet[0] !== 0x90) return undefined;
    return packet.readUInt16BE(12) === ONE_BYTE_PROFILE ? packet.readUInt16BE(offset) : undefined;
  }
}
