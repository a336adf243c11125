import { expect, test } from 'vitest';
import { H264Packetizer, Vp8Packetizer } from '../../../host/stream/rtp/packetizer.ts';
import { Random } from '../../random.ts';
import { depacketize } from './depacketizer.ts';

const BYTES_MAX = 100;
const CODE = [0, 0, 0, 1];
const SHORT_CODE = [0, 0, 1];

interface Payload {
  bytes: Uint8Array;
  isLast: boolean;
}

function packetize(unit: readonly number[], bytesMax = BYTES_MAX): Payload[] {
  const payloads: Payload[] = [];
  new H264Packetizer(bytesMax).write(Buffer.from(unit), {
    open(length, isLast) {
      const bytes = new Uint8Array(length);
      payloads.push({ bytes, isLast });
      return bytes;
    },
  });
  return payloads;
}

/** Makes a NAL unit of a type, with the importance 3. Its last byte is not 0, as the format demands. */
const nal = (type: number, bytes: number): number[] => [0x60 | type, ...Array(bytes - 1).fill(0x55)];

test('a NAL unit that fits is a payload of its own; one byte more makes fragments', () => {
  const [fits, ...none] = packetize([...CODE, ...nal(1, BYTES_MAX)]);
  expect(none).toEqual([]);
  expect(fits).toEqual({ bytes: Uint8Array.from(nal(1, BYTES_MAX)), isLast: true });
  const fragments = packetize([...CODE, ...nal(5, BYTES_MAX + 1)]);
  expect(fragments.map(({ isLast }) => isLast)).toEqual([false, true]);
  expect(fragments.map(({ bytes }) => [bytes[0], bytes[1], bytes.length])).toEqual([
    [0x60 | 28, 0x80 | 5, 52],
    [0x60 | 28, 0x40 | 5, 52],
  ]);
});

test('fragments have equal lengths within one byte, and only the first and the last are marked', () => {
  const fragments = packetize([...CODE, ...nal(5, 1000)]);
  const lengths = fragments.map(({ bytes }) => bytes.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(BYTES_MAX);
  expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  const marks = fragments.map(({ bytes }) => (bytes[1] ?? 0) & 0xc0);
  expect(marks).toEqual([0x80, ...Array(fragments.length - 2).fill(0), 0x40]);
});

test('small NAL units that follow each other share a payload, as many as fit', () => {
  const unit = [...CODE, ...nal(7, 20), ...SHORT_CODE, ...nal(8, 10), ...CODE, ...nal(5, 300)];
  const [shared, first] = packetize(unit);
  expect([...(shared?.bytes ?? [])]).toEqual([0x60 | 24, 0, 20, ...nal(7, 20), 0, 10, ...nal(8, 10)]);
  expect(first?.bytes[1]).toBe(0x80 | 5);
  // 1 byte for the payload's type, and 2 for each length.
  expect(packetize([...CODE, ...nal(7, 50), ...CODE, ...nal(8, 45)])).toHaveLength(1);
  expect(packetize([...CODE, ...nal(7, 50), ...CODE, ...nal(8, 46)])).toHaveLength(2);
});

test('zeros after a NAL unit and empty NAL units are not sent', () => {
  expect(packetize([...CODE, ...nal(1, 5), 0, 0, 0, ...CODE, ...SHORT_CODE, ...nal(1, 90)])).toEqual([
    { bytes: Uint8Array.of(0x60 | 24, 0, 5, ...nal(1, 5), 0, 90, ...nal(1, 90)), isLast: true },
  ]);
});

test('without a start code there is no payload', () => {
  for (const unit of [[], [0], [0, 0], [1, 2, 3, 4], [...CODE], [...CODE, 0]]) expect(packetize(unit)).toEqual([]);
});

test('whatever the NAL units, their receiver gets them back', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const units = Array.from({ length: 1 + random.below(8) }, () => {
      const bytes = Array.from(
        { length: 1 + random.below(random.percent(30) ? 1500 : 60) },
        () => 1 + random.below(255),
      );
      bytes[0] = (random.below(4) << 5) | (1 + random.below(23));
      return bytes;
    });
    const code = () => (random.percent(50) ? CODE : SHORT_CODE);
    const payloads = packetize(
      units.flatMap((unit) => [...code(), ...unit]),
      10 + random.below(1200),
    );
    expect(depacketize(payloads.map(({ bytes }) => bytes)), `seed ${seed}`).toEqual(
      units.map((u) => Uint8Array.from(u)),
    );
    expect(payloads.map(({ isLast }) => isLast)).toEqual(payloads.map((_, index) => index === payloads.length - 1));
  }
});

test.each([
  [1, [2]],
  [99, [100]],
  [100, [51, 51]],
  [199, [68, 67, 67]],
])(
  'a VP8 frame of %i bytes has payloads of equal length, of which the first says that a frame begins',
  (length, lengths) => {
    const unit = Buffer.from(Array.from({ length }, (_, index) => index));
    const payloads: Payload[] = [];
    new Vp8Packetizer(BYTES_MAX).write(unit, {
      open(bytes, isLast) {
        const payload = { bytes: new Uint8Array(bytes), isLast };
        payloads.push(payload);
        return payload.bytes;
      },
    });
    expect(payloads.map(({ bytes }) => bytes.length)).toEqual(lengths);
    expect(payloads.map(({ bytes }) => bytes[0])).toEqual(lengths.map((_, index) => (index === 0 ? 0x10 : 0)));
    expect(payloads.map(({ isLast }) => isLast)).toEqual(lengths.map((_, index) => index === lengths.length - 1));
    expect(Buffer.concat(payloads.map(({ bytes }) => bytes.subarray(1)))).toEqual(unit);
  },
);
