const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const TRANSPORT_FEEDBACK = 205;
const PAYLOAD_FEEDBACK = 206;
// Kinds of transport feedback.
const FORMAT_NACK = 1;
const FORMAT_ARRIVALS = 15;
// Kinds of payload feedback.
const FORMAT_PLI = 1;
const FORMAT_FIR = 4;
const FORMAT_APPLICATION = 15;
const REMB = 0x52454d42;
const REPORT_BLOCK_BYTES = 24;
const FEEDBACK_BYTES = 12;
const NACK_BYTES = 4;

// Bits of the result of reading an RTCP packet.
export const RTCP_KEYFRAME = 1;
export const RTCP_FEEDBACK = 2;

/** A report of the page's video receiver. */
export interface ReceiverReport {
  /** Fraction of packets lost since the last report, 0 to 1 (RFC 3550, 6.4.1). */
  lossFraction: number;
  /** The receiver's bandwidth estimate (REMB), or 0 before its first one. */
  rembBitsPerSecond: number;
}

/** Receives the feedback about single packets. */
export interface PacketFeedback {
  /** The page misses a packet, by its RTP sequence number (RFC 4585, 6.2.1). */
  onMissing(sequence: number): void;
  /** @param packet an RTCP packet that says when packets arrived, for TransportFeedback to check and read */
  onArrivals(packet: Buffer): void;
}

/**
 * Reads a compound RTCP packet (RFC 3550, 6; RFC 4585; RFC 5104; draft-alvestrand-rmcat-remb). Writes the packet loss of
 * the stream `ssrc` and the receiver's bandwidth estimate into `report`. Skips what is malformed or unknown.
 * @returns RTCP_KEYFRAME if the page asks for a keyframe, and RTCP_FEEDBACK if `report` has changed, as bits
 */
export function readRtcp(packet: Buffer, ssrc: number, report: ReceiverReport, packets: PacketFeedback): number {
  let found = 0;
  for (let offset = 0; offset + 8 <= packet.length; ) {
    const first = packet.readUInt8(offset);
    const format = first & 31;
    const type = packet.readUInt8(offset + 1);
    const end = offset + 4 * (packet.readUInt16BE(offset + 2) + 1);
    if (first >> 6 !== 2 || end > packet.length) break;
    if (type === RECEIVER_REPORT || type === SENDER_REPORT) {
      const start = offset + (type === RECEIVER_REPORT ? 8 : 28);
      const blocks = packet.subarray(start, Math.min(end, start + format * REPORT_BLOCK_BYTES));
      if (readLoss(blocks, ssrc, report)) found |= RTCP_FEEDBACK;
    } else if (type === TRANSPORT_FEEDBACK) {
      if (format === FORMAT_ARRIVALS) packets.onArrivals(packet.subarray(offset, end));
      else if (format === FORMAT_NACK) readMissing(packet.subarray(offset, end), ssrc, packets);
    } else if (type === PAYLOAD_FEEDBACK) {
      if (format === FORMAT_PLI || format === FORMAT_FIR) found |= RTCP_KEYFRAME;
      else if (format === FORMAT_APPLICATION && readRemb(packet.subarray(offset, end), report)) found |= RTCP_FEEDBACK;
    }
    offset = end;
  }
  return found;
}

/** Reads a list of missing packets: each entry is one packet and a bit for each of the 16 after it. */
function readMissing(packet: Buffer, ssrc: number, packets: PacketFeedback): void {
  if (packet.length < FEEDBACK_BYTES || packet.readUInt32BE(8) !== ssrc) return;
  for (let at = FEEDBACK_BYTES; at + NACK_BYTES <= packet.length; at += NACK_BYTES) {
    const first = packet.readUInt16BE(at);
    packets.onMissing(first);
    for (let bits = packet.readUInt16BE(at + 2), next = 1; bits !== 0; bits >>= 1, next++)
      if (bits & 1) packets.onMissing((first + next) & 0xffff);
  }
}

function readLoss(blocks: Buffer, ssrc: number, report: ReceiverReport): boolean {
  for (let at = 0; at + REPORT_BLOCK_BYTES <= blocks.length; at += REPORT_BLOCK_BYTES) {
    if (blocks.readUInt32BE(at) !== ssrc) continue;
    report.lossFraction = blocks.readUInt8(at + 4) / 256;
    return true;
  }
  return false;
}

function readRemb(packet: Buffer, report: ReceiverReport): boolean {
  if (packet.length < 20 || packet.readUInt32BE(12) !== REMB) return false;
  const bits = packet.readUIntBE(17, 3);
  report.rembBitsPerSecond = (bits & 0x3ffff) * 2 ** (bits >> 18);
  return true;
}
