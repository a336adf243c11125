import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { rtpTimestamp, SenderReport } from '../../../host/stream/rtp/sender-report.ts';

test('a report says which RTP timestamp belongs to which time of day, how much was sent, and the name', () => {
  const report = new SenderReport(0x01020304, 'name');
  report.count(1000);
  report.count(200);
  // 1.25 s after a second that began 100 s after 1970.
  const packet = report.write(milli(1250), 100_000);
  expect(packet.subarray(0, 8).toString('hex')).toBe('80c8000601020304');
  expect(packet.readUInt32BE(8)).toBe(2_208_988_800 + 101);
  expect(packet.readUInt32BE(12)).toBe(2 ** 30);
  expect(packet.readUInt32BE(16)).toBe(112_500);
  expect([packet.readUInt32BE(20), packet.readUInt32BE(24)]).toEqual([2, 1200]);
  expect(packet.subarray(28).toString('hex')).toBe('81ca000301020304' + '01046e616d65' + '0000');
});

test.each([1, 2, 3, 4, 5])('a name of %i bytes ends with a zero and fills whole words', (length) => {
  const packet = new SenderReport(1, 'x'.repeat(length)).write(milli(0), 0);
  expect(packet.length).toBe(28 + 4 * (packet.readUInt16BE(30) + 1));
  expect(packet.at(-1)).toBe(0);
});

test('RTP timestamps wrap', () => {
  expect(rtpTimestamp(milli(2 ** 32 / 90))).toBe(0);
  expect(rtpTimestamp(milli((2 ** 32 - 1) / 90))).toBe(2 ** 32 - 1);
});
