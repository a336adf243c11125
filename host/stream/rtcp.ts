import type { Feedback } from './player.ts';

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const PAYLOAD_FEEDBACK = 206;
const FORMAT_PLI = 1;
const FORMAT_FIR = 4;
const FORMAT_APPLICATION = 15;
const REMB = 0x52454d42;
const REPORT_BLOCK_BYTES = 24;

// Bits of the result of reading an RTCP packet.
export const RTCP_KEYFRAME = 1;
export const RTCP_FEEDBACK = 2;

/**
 * Reads a compound RTCP packet (RFC 3550, 6; RFC 4585; RFC 5104; draft-alvestrand-rmcat-remb). Writes the packet loss of
 * the stream `ssrc` and the receiver's bandwidth estimate into `feedback`. Skips what is malformed or unknown.
 * @returns RTCP_KEYFRAME if the page asks for a keyframe, and RTCP_FEEDBACK if `feedback` has changed, as bits
 */
export function readRtcp(packet: Buffer, ssrc: number, feedback: Feedback): number {
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
      if (readLoss(blocks, ssrc, feedback)) found |= RTCP_FEEDBACK;
    } else if (type === PAYLOAD_FEEDBACK) {
      if (format === FORMAT_PLI || format === FORMAT_FIR) found |= RTCP_KEYFRAME;
      else if (format === FORMAT_APPLICATION && readRemb(packet.subarray(offset, end), feedback))
        found |= RTCP_FEEDBACK;
    }
    offset = end;
  }
  return found;
}

function readLoss(blocks: Buffer, ssrc: number, feedback: Feedback): boolean {
  for (let at = 0; at + REPORT_BLOCK_BYTES <= blocks.length; at += REPORT_BLOCK_BYTES) {
    if (blocks.readUInt32BE(at) !== ssrc) continue;
    feedback.lossFraction = blocks.readUInt8(at + 4) / 256;
    return true;
  }
  return false;
}

function readRemb(packet: Buffer, feedback: Feedback): boolean {
  if (packet.length < 20 || packet.readUInt32BE(12) !== REMB) return false;
  const bits = packet.readUIntBE(17, 3);
  feedback.rembBitsPerSecond = (bits & 0x3ffff) * 2 ** (bits >> 18);
  return true;
}
