import { expect, test } from 'vitest';
import { FLEXFEC_HEADER_BYTES, MASK_PACKETS, writeRepair } from '../../../host/stream/rtp/flexfec.ts';
import { Random } from '../../random.ts';
import { FlexFecDecoder } from './flexfec-decoder.ts';

const SSRC = 0x0a0b0c0d;
const REPAIR_SSRC = 0x11121314;

/** Makes an RTP packet. Like the packets of the host, it begins at a multiple of four bytes. */
function packetOf(sequence: number, payload: readonly number[], { marker = false, timestamp = 5 } = {}): Buffer {
  const packet = Buffer.alloc(12 + payload.length);
  packet.set([0x80, (marker ? 0x80 : 0) | 108]);
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(timestamp, 4);
  packet.writeUInt32BE(SSRC, 8);
  packet.set(payload, 12);
  return packet;
}

/** Makes a repair packet whose payload protects the packets with these bits. */
function repairOf(packets: readonly Buffer[], sequence: number, mask: number): Buffer {
  const packet = Buffer.alloc(12 + 2000);
  packet.set([0x80, 35]);
  packet.writeUInt32BE(REPAIR_SSRC, 8);
  const bytes = writeRepair(packet.subarray(12), packets, { ssrc: SSRC, sequence, mask });
  return packet.subarray(0, 12 + bytes);
}

test('the payload of a repair packet is laid out as the draft says', () => {
  const packets = [
    packetOf(0xffff, [0x01, 0x02, 0x03]),
    packetOf(0, [0x70], { timestamp: 9 }),
    packetOf(1, [0x10, 0x20, 0x30, 0x40, 0x50], { marker: true, timestamp: 6 }),
  ];
  const payload = Buffer.alloc(64, 0xee);
  const bytes = writeRepair(payload, packets, { ssrc: SSRC, sequence: 0xffff, mask: 0b101 });
  expect(payload.subarray(0, bytes).toString('hex')).toBe(
    // Flags, marker and payload type, length and timestamp, each as exclusive or; then the number of streams.
    '0080' + '0006' + '00000003' + '01000000' + '0a0b0c0d' + 'ffff' + 'd000' + '1122334050',
  );
  expect(payload[bytes]).toBe(0xee);
});

test.each([
  [1, 0xc000],
  [MASK_PACKETS, 0x8001],
])('the mask has room for packet %i', (packets, bits) => {
  const list = Array.from({ length: packets }, (_, index) => packetOf(index, [index]));
  const payload = Buffer.alloc(64);
  writeRepair(payload, list, { ssrc: SSRC, sequence: 0, mask: 1 << (packets - 1) });
  expect(payload.readUInt16BE(FLEXFEC_HEADER_BYTES - 2)).toBe(bits);
});

test('a receiver gets each protected packet back to the byte if it is lost, also where numbers wrap', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const count = 1 + (seed % MASK_PACKETS);
    const first = 0xfff8 + random.below(8);
    const packets = Array.from({ length: count }, (_, index) => {
      const payload = Array.from({ length: random.below(random.percent(50) ? 9 : 1190) }, () => random.below(256));
      return packetOf((first + index) & 0xffff, payload, { marker: index === count - 1, timestamp: random.u32() });
    });
    const mask = 1 + random.below(2 ** count - 1);
    const repair = repairOf(packets, first & 0xffff, mask);
    for (const [lost, packet] of packets.entries()) {
      const decoder = new FlexFecDecoder({ ssrc: SSRC, repairSsrc: REPAIR_SSRC, mutableIds: [] });
      const others = packets.filter((other) => other !== packet);
      // The repair packet may come last or first.
      for (const arrived of random.percent(50) ? [...others, repair] : [repair, ...others]) decoder.add(arrived);
      const recovered = decoder.recovered.get(packet.readUInt16BE(2));
      expect(recovered, `seed ${seed}`).toEqual((mask >> lost) & 1 ? packet : undefined);
    }
  }
});

test('two lost packets under one repair packet stay lost', () => {
  const packets = [1, 2, 3].map((sequence) => packetOf(sequence, [sequence, 7]));
  const decoder = new FlexFecDecoder({ ssrc: SSRC, repairSsrc: REPAIR_SSRC, mutableIds: [] });
  decoder.add(packets[1] as Buffer);
  decoder.add(repairOf(packets, 1, 0b111));
  expect(decoder.recovered.size).toBe(0);
});
