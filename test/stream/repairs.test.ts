import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { Repairs } from '../../host/stream/repairs.ts';
import { RTP_BYTES_MAX, RtpHeaders } from '../../host/stream/rtp/header.ts';
import { PacketStore } from '../../host/stream/rtp/packet-store.ts';
import { FlexFecDecoder } from './rtp/flexfec-decoder.ts';

const SSRC = 1;
const REPAIR_SSRC = 2;
const EXTENSIONS = { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 3 };
const RTX_BYTES = 2;

function setUp() {
  const headers = new RtpHeaders(EXTENSIONS);
  const store = new PacketStore();
  const repairs = new Repairs({ headers, store, payloadType: 35, ssrc: REPAIR_SSRC, mediaSsrc: SSRC });
  const add = (first: number, count: number, bytes = 100): Buffer[] =>
    Array.from({ length: count }, (_, index) => {
      const sequence = (first + index) & 0xffff;
      const packet = store.open(sequence, bytes + index);
      packet.fill(index + 1);
      headers.write(packet, { payloadType: 108, marker: false, sequence, timestamp: 9, ssrc: SSRC });
      return packet;
    });
  const take = (sent: number): Buffer[] => {
    const taken: Buffer[] = [];
    for (let next = repairs.next(sent); next; next = repairs.next(sent)) taken.push(next);
    return taken;
  };
  return { headers, repairs, add, take };
}

test('repair packets come when all packets of their frame were sent', () => {
  const { repairs, add, take } = setUp();
  add(10, 3);
  const bytes = repairs.add({ first: 10, count: 3, rtpTimestamp: 9 }, () => 2);
  expect(repairs.isWaiting).toBe(true);
  expect(take(12)).toEqual([]);
  const taken = take(13);
  expect(taken).toHaveLength(2);
  expect(bytes).toBe(taken.reduce((sum, { length }) => sum + length, 0));
  expect(repairs.isWaiting).toBe(false);
  const [first, second] = taken.map((packet) => [packet.readUInt8(1), packet.readUInt32BE(4), packet.readUInt32BE(8)]);
  expect(first).toEqual([35, 9, REPAIR_SSRC]);
  expect(second).toEqual(first);
});

test('the repair packets of all frames count on by one', () => {
  const { repairs, add, take } = setUp();
  const numbers: number[] = [];
  for (let frame = 0; frame < 100; frame++) {
    add(frame * 2, 2);
    repairs.add({ first: frame * 2, count: 2, rtpTimestamp: frame }, () => 1);
    numbers.push(...take(frame * 2 + 2).map((packet) => packet.readUInt16BE(2)));
  }
  expect(numbers).toEqual(numbers.map((_, index) => ((numbers[0] ?? 0) + index) & 0xffff));
});

test.each([
  [15, [15]],
  [16, [8, 8]],
  [31, [11, 10, 10]],
])('a frame of %i packets is protected in blocks', (count, blocks) => {
  const { repairs, add, take } = setUp();
  add(0xfff0, count);
  const asked: number[] = [];
  repairs.add({ first: 0xfff0, count, rtpTimestamp: 9 }, (packets) => asked.push(packets) && 1);
  expect(asked).toEqual(blocks);
  expect(take(0xfff0 + count)).toHaveLength(blocks.length);
});

test('a packet that is lost after it got its late header extensions is recovered as it was before', () => {
  const { headers, repairs, add, take } = setUp();
  const first = 0xfffe;
  const packets = add(first, 20);
  const before = packets.map((packet) => Buffer.from(packet));
  repairs.add({ first, count: 20, rtpTimestamp: 9 }, () => 1);
  const sent = take(first + 20);
  for (let lost = 0; lost < 20; lost++) {
    const decoder = new FlexFecDecoder({ ssrc: SSRC, repairSsrc: REPAIR_SSRC, mutableIds: [2, 3] });
    for (const [index, packet] of packets.entries()) {
      headers.stamp(packet, 7 + index, milli(1234.5));
      if (index !== lost) decoder.add(packet);
    }
    for (const packet of sent) decoder.add(packet);
    expect([...decoder.recovered]).toEqual([[(first + lost) & 0xffff, before[lost]]]);
  }
});

test('a repair packet for the largest packets is as long as one that is sent again', () => {
  const { headers, repairs, add, take } = setUp();
  const bytes = RTP_BYTES_MAX - Repairs.extraBytes(headers) + RTX_BYTES;
  add(0, 1, bytes);
  repairs.add({ first: 0, count: 1, rtpTimestamp: 0 }, () => 1);
  expect(take(1).map(({ length }) => length)).toEqual([RTP_BYTES_MAX + RTX_BYTES]);
});

test('no more than 64 repair packets wait; a frame for which there is no room gets fewer', () => {
  const { repairs, add, take } = setUp();
  add(0, 100);
  for (let frame = 0; frame < 10; frame++) repairs.add({ first: frame * 10, count: 10, rtpTimestamp: 0 }, () => 7);
  expect(take(100)).toHaveLength(64);
  repairs.add({ first: 0, count: 10, rtpTimestamp: 0 }, () => 7);
  expect(take(100)).toHaveLength(7);
});

test('a packet that is not kept any more is not protected, and nothing is sent for it', () => {
  const { repairs, add } = setUp();
  add(0, 3);
  expect(repairs.add({ first: 2, count: 2, rtpTimestamp: 0 }, () => 1)).toBe(0);
  expect(repairs.isWaiting).toBe(false);
});
