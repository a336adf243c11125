/** What a relay reads of packets that it does not understand otherwise: STUN's header and user name (RFC 8489). */

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const ATTRIBUTE_USERNAME = 0x0006;
const TRANSACTION_AT = 8;
export const TRANSACTION_BYTES = 12;

/** Whether a packet's first byte is one of STUN, DTLS or SRTP (RFC 7983, 7). */
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

/** The 12 bytes that a response shares with its request; a view of the packet. */
export function transactionOf(packet: Buffer): Buffer {
  return packet.subarray(TRANSACTION_AT, TRANSACTION_AT + TRANSACTION_BYTES);
}

/** The user fragment of the one whom a binding request is for (RFC 8445, 7.2.2); undefined where there is none. */
export function recipientOf(request: Buffer): string | undefined {
  let at = HEADER_BYTES;
  while (at + 4 <= request.length) {
    const bytes = request.readUInt16BE(at + 2);
    const end = at + 4 + bytes;
    if (end > request.length) return undefined;
    if (request.readUInt16BE(at) === ATTRIBUTE_USERNAME) {
      const colon = request.indexOf(0x3a, at + 4);
      return colon > at + 4 && colon < end ? request.toString('latin1', at + 4, colon) : undefined;
    }
    at = end + (-bytes & 3);
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
