import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { RtpHeaders } from '../../../host/stream/rtp/header.ts';

const FIELDS = { payloadType: 108, marker: true, sequence: 0xfffe, timestamp: 0xfedcba98, ssrc: 0x01020304 };
const ALL = { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 14 };

function written(headers: RtpHeaders): Buffer {
  const packet = Buffer.alloc(headers.bytes, 0xee);
  headers.write(packet, FIELDS);
  return packet;
}

test('a header without extensions has 12 bytes', () => {
  const headers = new RtpHeaders({ playoutDelay: 0, absoluteSendTime: 0, transportSequence: 0 });
  expect(written(headers).toString('hex')).toBe('80ecfffefedcba9801020304');
  expect(headers.transportSequenceOf(written(headers))).toBeUndefined();
  const packet = written(headers);
  headers.stamp(packet, 7, milli(1));
  expect(packet).toEqual(written(headers));
});

test('all extensions are written in whole words, and the changing ones at the time of sending', () => {
  const headers = new RtpHeaders(ALL);
  const packet = written(headers);
  expect(packet.toString('hex')).toBe('90ecfffefedcba9801020304' + 'bede0003' + '52000000' + '22000000' + 'e1000000');
  headers.stamp(packet, 0xabcd, milli(1500));
  // 1.5 s in units of 2^-18 s.
  expect(packet.toString('hex').slice(32)).toBe('52000000' + '22060000' + 'e1abcd00');
  expect(headers.transportSequenceOf(packet)).toBe(0xabcd);
});

test('the time of sending wraps after 64 s', () => {
  const headers = new RtpHeaders(ALL);
  const packet = written(headers);
  headers.stamp(packet, 0, milli(64_000));
  expect(packet.readUIntBE(21, 3)).toBe(0);
  headers.stamp(packet, 0, milli(63_999.999));
  expect(packet.readUIntBE(21, 3)).toBe(0xffffff);
});

test("only the connection's own RTP packets are recognised", () => {
  const headers = new RtpHeaders(ALL);
  const packet = written(headers);
  expect(headers.transportSequenceOf(packet)).toBe(0);
  for (const [offset, byte] of [
    [0, 0x80],
    [0, 22],
    [12, 0],
  ] as const) {
    const other = Buffer.from(packet);
    other[offset] = byte;
    expect(headers.transportSequenceOf(other)).toBeUndefined();
  }
  expect(headers.transportSequenceOf(packet.subarray(0, -1))).toBeUndefined();
  expect(headers.transportSequenceOf(Buffer.alloc(0))).toBeUndefined();
});
