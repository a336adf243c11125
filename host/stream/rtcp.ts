import type { Feedback } from './player.ts';

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const PAYLOAD_FEEDBACK = 206;
const FORMAT_PLI = 1;
const FORMAT_FIR = 4;
const FORMAT_APPLICATION = 15;
const REMB = 0x52454d42;
const REPORT_BLOCK_BYTES = 24;

/** What one compound packet held, as a set of bits. */
export const RTCP_KEYFRAME = 1;
export const RTCP_FEEDBACK = 2;

/**
 * Reads a compound RTCP packet (RFC 3550, 6; RFC 4585; RFC 5104; draft-alvestrand-rmcat-remb): keyframe requests, and into
 * `feedback` the loss reported for `ssrc` and the estimate of the bandwidth. What is malformed or unknown is skipped.
 * @returns bits RTCP_KEYFRAME and RTCP_FEEDBACK
 */
export function readRtcp(packet: Buffer, ssrc: number, feedback: Feedback): number {
  let found = 0;
  for (let offset = 0; offset + 8 <= packet.length; ) {
    const format = packet[offset] & 31;
    const type = packet[offset + 1];
    const end = offset + 4 * (packet.readUInt16BE(offset + 2) + 1);
    if (packet[offset] >> 6 !== 2 || end > packet.length) break;
    if (type === RECEIVER_REPORT || type === SENDER_REPORT) {
      const blocks = offset + (type === RECEIVER_REPORT ? 8 : 28);
      if (readLoss(packet, blocks, Math.min(end, blocks + format * REPORT_BLOCK_BYTES), ssrc, feedback))
        found |= RTCP_FEEDBACK;
    } else if (type === PAYLOAD_FEEDBACK) {
      if (format === FORMAT_PLI || format === FORMAT_FIR) found |= RTCP_KEYFRAME;
      else if (format === FORMAT_APPLICATION && readRemb(packet, offset, end, feedback)) found |= RTCP_FEEDBACK;
    }
    offset = end;
  }
  return found;
}

function readLoss(packet: Buffer, start: number, end: number, ssrc: number, feedback: Feedback): boolean {
  for (let block = start; block + REPORT_BLOCK_BYTES <= end; block += REPORT_BLOCK_BYTES) {
    if (packet.readUInt32BE(block) !== ssrc) continue;
    feedback.lossFraction = packet[block + 4] / 256;
    return true;
  }
  return false;
}

function readRemb(packet: Buffer, start: number, end: number, feedback: Feedback): boolean {
  if (start + 20 > end || packet.readUInt32BE(start + 12) !== REMB) return false;
  const bits = packet.readUIntBE(start + 17, 3);
  feedback.rembBitsPerSecond = (bits & 0x3ffff) * 2 ** (bits >> 18);
  return true;
}
