import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const USERNAME = 0x0006;
const INTEGRITY = 0x0008;
const PRIORITY = 0x0024;
const USE_CANDIDATE = 0x0025;
const CONTROLLING = 0x802a;
const FINGERPRINT = 0x8028;

/** Writes a STUN binding request that ICE accepts (RFC 8489; RFC 8445, 7.1), from the credentials in an SDP answer. */
export function signedRequest(answer: string, pageUfrag: string): Buffer {
  const [, ufrag = ''] = /^a=ice-ufrag:(\S+)/m.exec(answer) ?? [];
  const [, password = ''] = /^a=ice-pwd:(\S+)/m.exec(answer) ?? [];
  const number = Buffer.alloc(4);
  number.writeUInt32BE(0x6e0001ff);
  let message = Buffer.concat([Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), randomBytes(12)]);
  const add = (type: number, value: Buffer) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(value.length, 2);
    message = Buffer.concat([message, head, value, Buffer.alloc(-value.length & 3)]);
  };
  /** Sets the length as if an attribute of `bytes` were already there, because its value covers the length. */
  const announce = (bytes: number) => message.writeUInt16BE(message.length - 20 + 4 + bytes, 2);
  add(USERNAME, Buffer.from(`${ufrag}:${pageUfrag}`));
  add(PRIORITY, number);
  add(CONTROLLING, randomBytes(8));
  add(USE_CANDIDATE, Buffer.alloc(0));
  announce(20);
  add(INTEGRITY, createHmac('sha1', password).update(message).digest());
  announce(4);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE((crc32(message) ^ 0x5354554e) >>> 0);
  add(FINGERPRINT, sum);
  return message;
}
