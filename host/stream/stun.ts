/** The parts of STUN messages (RFC 8489) that the relay reads: the header and the user name. */

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const ATTRIBUTE_USERNAME = 0x0006;
const TRANSACTION_OFFSET = 8;
export const TRANSACTION_BYTES = 12;

/** Tells by its first byte whether a packet is STUN, DTLS or SRTP (RFC 7983, 7). */
export function isWebRtc(packet: Uint8Array): boolean {
  const first = packet[0];
  if (first === undefined) return false;
  return first <= 3 || (first >= 20 && first <= 63) || (first >= 128 && first <= 191);
}

export function isBindingRequest(packet: Buffer): boolean {
  return isStun(packet, BINDING_REQUEST);
}

export function isBindingSuccess(packet: Buffer): boolean {
  return isStun(packet, BINDING_SUCCESS);
}

/** Returns the transaction id, which a response copies from its request, as a view of the packet. */
export function transactionOf(packet: Buffer): Buffer {
  return packet.subarray(TRANSACTION_OFFSET, TRANSACTION_OFFSET + TRANSACTION_BYTES);
}

/** Reads the ICE user fragment of a binding request's recipient (RFC 8445, 7.2.2); undefined if there is none. */
export function recipientOf(request: Buffer): string | undefined {
  let offset = HEADER_BYTES;
  while (offset + 4 <= request.length) {
    const bytes = request.readUInt16BE(offset + 2);
    const end = offset + 4 + bytes;
    if (end > request.length) return undefined;
    if (request.readUInt16BE(offset) === ATTRIBUTE_USERNAME) {
      const colon = request.indexOf(0x3a, offset + 4);
      return colon > offset + 4 && colon < end ? request.toString('latin1', offset + 4, colon) : undefined;
    }
    offset = end + (-bytes & 3);
  }
  return undefined;
}

function isStun(packet: Buffer, type: number): boolean {
  return (
    packet.length >= HEADER_BYTES &&
    packet.readUInt16BE(0) === type &&
    packet.readUInt16BE(2) === packet.length - HEADER_BYTES &&
    packet.readUInt32BE(4) === MAGIC_COOKIE
  );
}
