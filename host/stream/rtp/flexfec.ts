/** Size of the header whose mask has room for MASK_PACKETS packets (4.2.2). */
export const FLEXFEC_HEADER_BYTES = 20;
/** Most packets that one repair packet with the shortest mask can protect. */
export const MASK_PACKETS = 15;
/** The fixed part of an RTP header. Its fields are protected by fields of the FlexFEC header, and the rest of a packet by the payload. */
const FIXED_BYTES = 12;
/** A repair packet is this much longer than the longest packet that it protects, without its own RTP header. */
export const FLEXFEC_BYTES = FLEXFEC_HEADER_BYTES - FIXED_BYTES;
const WORD_BYTES = 4;
/** Bits of an RTP header's first byte that are protected: padding, extension and count of sources. */
const FLAGS = 0x3f;
const ONE_STREAM = 1;
/** Says that the mask ends with its first 15 bits. */
const MASK_ENDS = 0x8000;

export interface Protected {
  /** SSRC of the protected packets, and the RTP sequence number of the first one. */
  ssrc: number;
  sequence: number;
  /** Bit i is set if the packet with index i is protected. */
  mask: number;
}

/**
 * Writes the payload of a repair packet: the exclusive or of some RTP packets, from which a receiver that misses one of them computes
 * it (draft-ietf-payload-flexible-fec-scheme-03, 4.2 and 6.2). The header extensions that are written when a packet is sent must be 0
 * now, because receivers set them to 0 before they compute.
 * @param payload receives the result; like all packets, it must begin at a multiple of four bytes in its memory
 * @param packets at most MASK_PACKETS RTP packets with successive sequence numbers
 * @returns number of bytes that were written
 */
export function writeRepair(
  payload: Buffer,
  packets: readonly Buffer[],
  { ssrc, sequence, mask }: Readonly<Protected>,
): number {
  let bytes = 0;
  for (let index = 0; index < packets.length; index++)
    if ((mask >> index) & 1) bytes = Math.max(bytes, (packets[index]?.length ?? 0) - FIXED_BYTES);
  payload.fill(0, 0, FLEXFEC_HEADER_BYTES + bytes);
  let first = 0;
  let second = 0;
  let length = 0;
  let timestamp = 0;
  let bits = 0;
  for (let index = 0; index < packets.length; index++) {
    const packet = packets[index];
    if (((mask >> index) & 1) === 0 || packet === undefined) continue;
    first ^= packet.readUInt8(0);
    second ^= packet.readUInt8(1);
    length ^= packet.length - FIXED_BYTES;
    timestamp ^= packet.readUInt32BE(4);
    // The mask's first bit, of the packet with the lowest number, is the most significant one.
    bits |= 1 << (MASK_PACKETS - 1 - index);
    addTo(payload, packet);
  }
  payload[0] = first & FLAGS;
  payload[1] = second;
  payload.writeUInt16BE(length, 2);
  payload.writeUInt32BE(timestamp >>> 0, 4);
  payload[8] = ONE_STREAM;
  payload.writeUInt32BE(ssrc, 12);
  payload.writeUInt16BE(sequence, 16);
  payload.writeUInt16BE(MASK_ENDS | bits, 18);
  return FLEXFEC_HEADER_BYTES + bytes;
}

/** Adds what follows the fixed header of a packet to what follows the FlexFEC header, word by word. */
function addTo(payload: Buffer, packet: Buffer): void {
  const bytes = packet.length - FIXED_BYTES;
  const words = Math.floor(bytes / WORD_BYTES);
  const target = new Int32Array(payload.buffer, payload.byteOffset + FLEXFEC_HEADER_BYTES, words);
  const source = new Int32Array(packet.buffer, packet.byteOffset + FIXED_BYTES, words);
  for (let index = 0; index < words; index++) target[index] = (target[index] ?? 0) ^ (source[index] ?? 0);
  for (let index = words * WORD_BYTES; index < bytes; index++) {
    const at = FLEXFEC_HEADER_BYTES + index;
    payload[at] = (payload[at] ?? 0) ^ (packet[FIXED_BYTES + index] ?? 0);
  }
}
