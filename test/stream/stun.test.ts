import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  bindingRequest,
  isBindingRequest,
  recipientOf,
  respondFor,
  transactionOf,
  withTieBreaker,
} from '../../host/stream/stun.ts';

/** The sample responses of RFC 5769, 2.2 and 2.3, and their password. */
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';
const HEAD = '2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220';
const IPV4 = hex(`0101003c ${HEAD} 00200008 0001a147e112a643
  00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96`);
const IPV6 = hex(`01010048 ${HEAD} 00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
  00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c`);
const PORT = 32_853;

test.each([
  ['192.0.2.1', IPV4],
  ['::ffff:192.0.2.1', IPV4],
  ['2001:db8:1234:5678:11:2233:4455:6677', IPV6],
  ['2001:0DB8:1234:5678:0011:2233:4455:6677%eth0', IPV6],
])('a response names %s as the sample in the standard does, whatever address it named before', (address, expected) => {
  for (const before of [IPV4, IPV6])
    expect(respondFor({ address, port: PORT }, before, PASSWORD).toString('hex')).toBe(expected.toString('hex'));
});

test('short forms of IPv6 addresses are written in full', () => {
  const named = respondFor({ address: 'fe80::1', port: 0 }, IPV6, PASSWORD).subarray(44, 60);
  const key = IPV6.subarray(4, 20);
  expect(Buffer.from(named.map((byte, index) => byte ^ (key[index] ?? 0))).toString('hex')).toBe(
    'fe800000000000000000000000000001',
  );
});

test('a malformed response is passed on as it is', () => {
  for (const cut of [IPV4.subarray(0, 22), IPV4.subarray(0, 30)])
    expect(respondFor({ address: '192.0.2.1', port: PORT }, cut, PASSWORD)).toBe(cut);
});

/** The sample request of RFC 5769, 2.1, without the padding that differs, and with this tie-breaker and password. */
function request(tieBreaker: string, password = PASSWORD): Buffer {
  const body = hex(
    `00010000 2112a442 b7e7a701bc34d686fa87dfae 00060009 6576746a3a68367659202020 80290008 ${tieBreaker}`,
  );
  return sealed(body, password);
}

/** Adds integrity and fingerprint to a message. */
function sealed(body: Buffer, password: string): Buffer {
  const part = Buffer.from(body);
  part.writeUInt16BE(body.length - 20 + 24, 2);
  const integrity = createHmac('sha1', password).update(part).digest();
  const whole = Buffer.concat([part, hex('00080014'), integrity]);
  whole.writeUInt16BE(whole.length - 20 + 8, 2);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(whole) ^ 0x5354554e) >>> 0);
  return Buffer.concat([whole, hex('80280004'), fingerprint]);
}

test('a request with a tie-breaker of 0 gets another one, under the same password', () => {
  const zero = request('0000000000000000');
  expect(withTieBreaker(zero, PASSWORD)).toEqual(request('0000000000000001'));
  expect(zero).toEqual(request('0000000000000000'));
});

test.each([
  ['has a tie-breaker', request('0000000000000001')],
  ['was made with another password', request('0000000000000000', 'another')],
  ['has no role', IPV4],
  ['is cut in its integrity', request('0000000000000000').subarray(0, 60)],
  ['is cut in its tie-breaker', request('0000000000000000').subarray(0, 46)],
  ['is a header alone', request('0000000000000000').subarray(0, 20)],
])('a request that %s is passed on as it is', (_, sent) => {
  expect(withTieBreaker(sent, PASSWORD)).toBe(sent);
});

test('a check of ICE names both sides, and is protected with the password of the recipient', () => {
  const transaction = hex('b7e7a701bc34d686fa87dfae');
  const check = bindingRequest({ username: 'page:host1', password: PASSWORD, transaction });
  expect([isBindingRequest(check), recipientOf(check)]).toEqual([true, 'page']);
  expect(transactionOf(check).toString('hex')).toBe(transaction.toString('hex'));
  // The user name is padded to whole words. The part before integrity and fingerprint is sealed as in the samples above.
  const body = hex(
    `00010000 2112a442 b7e7a701bc34d686fa87dfae 0006000a 706167653a686f737431 0000 00240004 6effffff 80290008 b7e7a701bc34d686`,
  );
  expect(check.toString('hex')).toBe(sealed(body, PASSWORD).toString('hex'));
});
