/** The parts of STUN messages (RFC 8489) that the relay reads and writes. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { crc32 } from 'node:zlib';
import type { UdpAddress } from './udp.ts';

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const ATTRIBUTE_USERNAME = 0x0006;
const ATTRIBUTE_INTEGRITY = 0x0008;
const ATTRIBUTE_MAPPED_ADDRESS = 0x0020;
const ATTRIBUTE_PRIORITY = 0x0024;
const ATTRIBUTE_FINGERPRINT = 0x8028;
const ATTRIBUTE_CONTROLLED = 0x8029;
const ATTRIBUTE_CONTROLLING = 0x802a;
const INTEGRITY_BYTES = 20;
const TIE_BREAKER_BYTES = 8;
/** The priority of a path that ICE learns from a check (RFC 8445, 5.1.2.2). */
const PEER_REFLEXIVE_PRIORITY = 0x6e_ff_ff_ff;
const FINGERPRINT_BYTES = 4;
const FINGERPRINT_XOR = 0x5354554e;
const IPV4 = 1;
const IPV6 = 2;
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

/**
 * Writes a check of ICE (RFC 8445, 7.2.4) of the one who was not the first to send an offer.
 * @param options.username the recipient's user fragment and the sender's own, with a colon between them
 * @param options.password ICE password of the recipient
 */
export function bindingRequest(options: { username: string; password: string; transaction: Buffer }): Buffer {
  const { username, password, transaction } = options;
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(BINDING_REQUEST, 0);
  head.writeUInt32BE(MAGIC_COOKIE, 4);
  transaction.copy(head, TRANSACTION_OFFSET);
  const name = Buffer.from(username);
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(PEER_REFLEXIVE_PRIORITY);
  const tieBreaker = transaction.subarray(0, TIE_BREAKER_BYTES);
  const parts = [
    head,
    attribute(ATTRIBUTE_USERNAME, name),
    Buffer.alloc(-name.length & 3),
    attribute(ATTRIBUTE_PRIORITY, priority),
    attribute(ATTRIBUTE_CONTROLLED, tieBreaker),
  ];
  return seal(Buffer.concat(parts), password);
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

/**
 * Writes a binding response again, with another address as the one that the request came from (XOR-MAPPED-ADDRESS). Firefox refuses
 * a response that names a loopback address, which is all that an ICE behind the relay knows.
 * @param password ICE password of the one who responds, which protects the response (RFC 8445, 7.2.2)
 * @returns the new response, or `response` itself if it is malformed
 */
export function respondFor({ address, port }: UdpAddress, response: Buffer, password: string): Buffer {
  const parts: Buffer[] = [response.subarray(0, HEADER_BYTES)];
  for (let offset = HEADER_BYTES; offset < response.length; ) {
    if (offset + 4 > response.length) return response;
    const type = response.readUInt16BE(offset);
    const end = offset + 4 + ((response.readUInt16BE(offset + 2) + 3) & ~3);
    if (end > response.length) return response;
    if (type === ATTRIBUTE_MAPPED_ADDRESS) parts.push(mappedAddress(address, port, response));
    else if (type !== ATTRIBUTE_INTEGRITY && type !== ATTRIBUTE_FINGERPRINT) parts.push(response.subarray(offset, end));
    offset = end;
  }
  return seal(Buffer.concat(parts), password);
}

/**
 * Gives a binding request whose tie-breaker for the roles of ICE is 0 another one (RFC 8445, 7.1.3). Chromium sends 0 through a
 * TURN server to which it speaks TCP. The host's ICE takes 0 for no role at all, and refuses the request.
 * @param password ICE password of the recipient, which protects the request
 * @returns the new request, or `request` itself if it has another tie-breaker, is malformed, or was not made with the password
 */
export function withTieBreaker(request: Buffer, password: string): Buffer {
  let tieBreaker = 0;
  for (let offset = HEADER_BYTES; offset + 4 <= request.length; ) {
    const type = request.readUInt16BE(offset);
    const start = offset + 4;
    const bytes = request.readUInt16BE(offset + 2);
    if (type === ATTRIBUTE_CONTROLLING || type === ATTRIBUTE_CONTROLLED) {
      const isZero = request.subarray(start, start + TIE_BREAKER_BYTES).every((byte) => byte === 0);
      if (bytes !== TIE_BREAKER_BYTES || !isZero) return request;
      tieBreaker = start;
    } else if (type === ATTRIBUTE_INTEGRITY) {
      if (tieBreaker === 0 || start + INTEGRITY_BYTES > request.length) return request;
      const part = withLength(Buffer.from(request.subarray(0, offset)), 4 + INTEGRITY_BYTES);
      // A request that a stranger made must not become one that the page seems to have made.
      const expected = createHmac('sha1', password).update(part).digest();
      if (!timingSafeEqual(expected, request.subarray(start, start + INTEGRITY_BYTES))) return request;
      part.writeUInt8(1, tieBreaker + TIE_BREAKER_BYTES - 1);
      return seal(part, password);
    }
    offset = start + ((bytes + 3) & ~3);
  }
  return request;
}

/**
 * Adds the two last attributes to a message. Each of them covers what stands before it, with a length as if it were the last one.
 * Changes the length in `message`.
 */
function seal(message: Buffer, password: string): Buffer {
  const protectedPart = withLength(message, 4 + INTEGRITY_BYTES);
  const integrity = createHmac('sha1', password).update(protectedPart).digest();
  const whole = withLength(
    Buffer.concat([protectedPart, attribute(ATTRIBUTE_INTEGRITY, integrity)]),
    4 + FINGERPRINT_BYTES,
  );
  const fingerprint = Buffer.alloc(FINGERPRINT_BYTES);
  fingerprint.writeUInt32BE((crc32(whole) ^ FINGERPRINT_XOR) >>> 0);
  return Buffer.concat([whole, attribute(ATTRIBUTE_FINGERPRINT, fingerprint)]);
}

/** Sets the length in a message's header, for a message that is still to grow by `bytes`. */
function withLength(message: Buffer, bytes: number): Buffer {
  message.writeUInt16BE(message.length - HEADER_BYTES + bytes, 2);
  return message;
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
}

/** Writes the attribute XOR-MAPPED-ADDRESS (RFC 8489, 14.2). The key is the magic cookie and the transaction id. */
function mappedAddress(address: string, port: number, message: Buffer): Buffer {
  // A socket for both kinds of addresses names an IPv4 address in this way (RFC 4291, 2.5.5.2).
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const bytes = isIPv6(plain) ? ipv6Bytes(plain) : Buffer.from(plain.split('.').map(Number));
  const value = Buffer.alloc(4 + bytes.length);
  value[1] = bytes.length === 4 ? IPV4 : IPV6;
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  for (const [index, byte] of bytes.entries()) value[4 + index] = byte ^ (message[4 + index] ?? 0);
  return attribute(ATTRIBUTE_MAPPED_ADDRESS, value);
}

function ipv6Bytes(address: string): Buffer {
  // The host part of a URL is the address in its shortest form, which has at most one gap and no dots.
  const [plain = ''] = address.split('%');
  const [before = '', after] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [head, tail] = [groups(before), groups(after ?? '')];
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

function isStun(packet: Buffer, type: number): boolean {
  return (
    packet.length >= HEADER_BYTES &&
    packet.readUInt16BE(0) === type &&
    packet.readUInt16BE(2) === packet.length - HEADER_BYTES &&
    packet.readUInt32BE(4) === MAGIC_COOKIE
  );
}
