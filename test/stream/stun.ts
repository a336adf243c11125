/** Writes a STUN message (RFC 8489, 5). By default it is a binding request for the connection `host`. */
export function stun({ type = 1, username = 'host:page', id = 1, cookie = 0x2112a442 } = {}): Buffer {
  const name = Buffer.from(username);
  const attribute = Buffer.alloc(4 + Math.ceil(name.length / 4) * 4);
  attribute.writeUInt16BE(6, 0);
  attribute.writeUInt16BE(name.length, 2);
  name.copy(attribute, 4);
  const head = Buffer.alloc(20, id);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(attribute.length, 2);
  head.writeUInt32BE(cookie, 4);
  return Buffer.concat([head, attribute]);
}

/** A packet whose first byte is that of a DTLS handshake. */
export const DTLS = Buffer.alloc(200, 22);
