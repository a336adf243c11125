import { expect, test } from 'vitest';
import { RTCP_FEEDBACK, RTCP_KEYFRAME, readRtcp } from '../../host/stream/rtcp.ts';

const SSRC = 0x01020304;
const PLI = Buffer.from('81ce0002' + '00000001' + '01020304', 'hex');
const FIR = Buffer.from('84ce0004' + '00000001' + '00000000' + '01020304' + '01000000', 'hex');
const REPORT = Buffer.from('81c90007000000010102030440'.padEnd(64, '0'), 'hex');
// An estimate with exponent 3 and mantissa 0x1e848 (125,000) means 1,000,000 bit/s.
const REMB = Buffer.from('8fce0005' + '00000001' + '00000000' + '52454d42' + '010de848' + '01020304', 'hex');

function read(packet: Buffer) {
  const report = { lossFraction: 0, rembBitsPerSecond: 0 };
  const missing: number[] = [];
  const arrivals: Buffer[] = [];
  const found = readRtcp(packet, SSRC, report, {
    onMissing: (sequence) => missing.push(sequence),
    onArrivals: (feedback) => arrivals.push(feedback),
  });
  return { found, ...report, missing, arrivals };
}

test('a picture loss indication and a full intra request ask for a keyframe', () => {
  expect(read(PLI).found).toBe(RTCP_KEYFRAME);
  expect(read(FIR).found).toBe(RTCP_KEYFRAME);
});

test('a receiver report counts only if it is about our stream', () => {
  expect(read(REPORT)).toMatchObject({
    found: RTCP_FEEDBACK,
    lossFraction: 0.25,
    rembBitsPerSecond: 0,
  });
  const other = Buffer.from(REPORT);
  other[8] = 9;
  expect(read(other)).toMatchObject({
    found: 0,
    lossFraction: 0,
    rembBitsPerSecond: 0,
  });
});

test('a bandwidth estimate is read', () => {
  expect(read(REMB)).toMatchObject({
    found: RTCP_FEEDBACK,
    lossFraction: 0,
    rembBitsPerSecond: 1_000_000,
  });
});

test('all packets of a compound packet are read', () => {
  const compound = Buffer.concat([REPORT, REMB, PLI]);
  expect(read(compound)).toMatchObject({
    found: RTCP_FEEDBACK | RTCP_KEYFRAME,
    lossFraction: 0.25,
    rembBitsPerSecond: 1_000_000,
  });
});

test('a truncated compound packet yields its complete packets and never throws', () => {
  const compound = Buffer.concat([REPORT, REMB, PLI]);
  for (let length = 0; length < compound.length; length++) {
    const { found } = read(compound.subarray(0, length));
    expect(found & RTCP_KEYFRAME).toBe(0);
    expect(found & RTCP_FEEDBACK).toBe(length >= REPORT.length ? RTCP_FEEDBACK : 0);
  }
});

test('a list of missing packets is read, with the 16 packets after each entry, if it is about our stream', () => {
  const list = (ssrc: string, entries: string) =>
    Buffer.from(`81cd${(2 + entries.length / 8).toString(16).padStart(4, '0')}00000001${ssrc}${entries}`, 'hex');
  expect(read(list('01020304', '000a0000')).missing).toEqual([10]);
  expect(read(list('01020304', '000a8001' + 'ffff0001')).missing).toEqual([10, 11, 26, 65_535, 0]);
  expect(read(list('01020305', '000a0000')).missing).toEqual([]);
  expect(read(list('01020304', '')).missing).toEqual([]);
});

test('a report of arrivals is passed on without the packets around it', () => {
  const arrivals = Buffer.from('8fcd0001' + '00000001', 'hex');
  expect(read(Buffer.concat([REPORT, arrivals, PLI])).arrivals).toEqual([arrivals]);
});
