import { type Milli, milli } from '../../base/time.ts';
import { RTP_CLOCK_KHZ } from './header.ts';

const SENDER_REPORT = 200;
const SOURCE_DESCRIPTION = 202;
const CNAME = 1;
const REPORT_BYTES = 28;
/** Seconds from 1900, where NTP's time begins, to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;

/** Returns the RTP timestamp of a time: a uint32 in units of 1/90000 s that wraps. */
export function rtpTimestamp(time: Milli): number {
  return Math.round(time * RTP_CLOCK_KHZ) % 2 ** 32;
}

/**
 * Writes the RTCP reports of one RTP stream: how much was sent, which RTP timestamp belongs to which time of day, and the stream's
 * name (RFC 3550, 6.4.1 and 6.5).
 */
export class SenderReport {
  readonly #packet: Buffer;
  #packets = 0;
  #bytes = 0;

  constructor(ssrc: number, name: string) {
    const text = Buffer.from(name);
    // The name ends with at least one zero, and the packet with a whole word.
    const descriptionBytes = Math.ceil((8 + 2 + text.length + 1) / 4) * 4;
    const packet = Buffer.alloc(REPORT_BYTES + descriptionBytes);
    packet.set([0x80, SENDER_REPORT]);
    packet.writeUInt16BE(REPORT_BYTES / 4 - 1, 2);
    packet.writeUInt32BE(ssrc, 4);
    packet.set([0x81, SOURCE_DESCRIPTION], REPORT_BYTES);
    packet.writeUInt16BE(descriptionBytes / 4 - 1, REPORT_BYTES + 2);
    packet.writeUInt32BE(ssrc, REPORT_BYTES + 4);
    packet.set([CNAME, text.length, ...text], REPORT_BYTES + 8);
    this.#packet = packet;
  }

  /** Counts one RTP packet. @param payloadBytes its length without the header */
  count(payloadBytes: number): void {
    this.#packets++;
    this.#bytes += payloadBytes;
  }

  /**
   * @param now the time on the clock of the RTP timestamps
   * @param originMs that clock's zero in milliseconds since 1970
   * @returns the report, which is valid until the next call
   */
  write(now: Milli, originMs: number): Buffer {
    const packet = this.#packet;
    const seconds = (originMs + now) / 1000 + NTP_EPOCH_SECONDS;
    packet.writeUInt32BE(Math.floor(seconds) % 2 ** 32, 8);
    packet.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), 12);
    packet.writeUInt32BE(rtpTimestamp(milli(now)), 16);
    packet.writeUInt32BE(this.#packets % 2 ** 32, 20);
    packet.writeUInt32BE(this.#bytes % 2 ** 32, 24);
    return packet;
  }
}
