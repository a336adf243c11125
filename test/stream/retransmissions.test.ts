import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { copiesAt, Retransmissions } from '../../host/stream/retransmissions.ts';
import { PacketStore } from '../../host/stream/rtp/packet-store.ts';

const BYTES = 1000;

function setUp(first: number, count: number) {
  const store = new PacketStore();
  for (let index = 0; index < count; index++) store.open((first + index) & 0xffff, BYTES);
  return { store, missing: new Retransmissions(store) };
}

function take(missing: Retransmissions, at: number): number[] {
  const taken: number[] = [];
  for (let next = missing.next(milli(at)); next !== undefined; next = missing.next(milli(at))) taken.push(next);
  return taken;
}

test('if the page misses more than the path carries in 100 ms, it needs a keyframe instead', () => {
  const ask = (bitsPerSecond: number, count: number) => {
    const { missing } = setUp(0, 1000);
    missing.setRate(bitsPerSecond);
    return Array.from({ length: count }, (_, sequence) => missing.request(sequence, milli(0), 1));
  };
  // 25 packets of 1000 bytes take 100 ms.
  expect(ask(2_000_000, 25)).not.toContain(false);
  expect(ask(2_000_000, 26).indexOf(false)).toBe(25);
  // A few packets are always sent again, because a keyframe takes longer.
  expect(ask(320_000, 11)).not.toContain(false);
  expect(ask(320_000, 12).indexOf(false)).toBe(11);
});

test('if the rate falls below what was sent again in this second, a keyframe comes at once, and packets after it are sent again', () => {
  const { missing, store } = setUp(0, 1000);
  missing.setRate(8_000_000);
  for (let sequence = 0; sequence < 100; sequence++) {
    expect(missing.request(sequence, milli(sequence), 1)).toBe(true);
    take(missing, sequence);
  }
  // 40 % of 2 Mbit/s are 100 packets of 1000 bytes.
  missing.setRate(2_010_000);
  expect(missing.request(100, milli(100), 1)).toBe(true);
  missing.setRate(2_000_000);
  expect(missing.request(101, milli(101), 1)).toBe(false);
  missing.startAnew();
  store.open(1000, BYTES);
  expect(missing.request(1000, milli(102), 1)).toBe(true);
  expect(take(missing, 102)).toEqual([1000]);
});

test('a packet that is not kept any more needs a keyframe instead', () => {
  const { missing } = setUp(0, 1025);
  expect(missing.request(0, milli(0), 1)).toBe(false);
  expect(missing.request(1, milli(0), 1)).toBe(true);
});

test('a protected packet is sent again some time later, and does not count as missing', () => {
  const { missing } = setUp(0, 1000);
  missing.setRate(100_000);
  for (let sequence = 0; sequence < 100; sequence++) missing.protect(sequence, milli(0));
  expect(take(missing, 5.9)).toEqual([]);
  expect(missing.request(7, milli(5.9), 1)).toBe(true);
  expect(take(missing, 6)).toHaveLength(101);
});

test('a packet that is kept is sent again once, and again only after a while', () => {
  const { missing } = setUp(10, 5);
  for (const at of [0, 11.9]) missing.request(12, milli(at), 1);
  expect(take(missing, 12)).toEqual([12]);
  missing.request(12, milli(12), 1);
  expect(take(missing, 12)).toEqual([12]);
  missing.request(9, milli(12), 1);
  missing.request(15, milli(12), 1);
  expect(take(missing, 100)).toEqual([]);
});

test.each([
  [0.01, 1],
  [0.011, 2],
  [0.04, 2],
  [0.041, 3],
])('with a loss of %f a packet is sent %i times, some time apart', (loss, copies) => {
  const { missing } = setUp(0, 1);
  missing.request(0, milli(0), copiesAt(loss));
  const times = Array.from({ length: 20 }, (_, at) => at).filter((at) => take(missing, at).length > 0);
  expect(times).toEqual(Array.from({ length: copies }, (_, copy) => 4 * copy));
  expect(missing.isWaiting).toBe(false);
});

test('a keyframe makes older packets useless, also where sequence numbers wrap', () => {
  const { missing, store } = setUp(65_530, 8);
  missing.request(65_531, milli(0), 1);
  missing.startAnew();
  for (const sequence of [2, 3]) store.open(sequence, BYTES);
  missing.request(65_532, milli(0), 1);
  missing.request(1, milli(0), 1);
  expect(take(missing, 0)).toEqual([]);
  missing.request(2, milli(0), 1);
  missing.request(3, milli(0), 1);
  expect(take(missing, 0)).toEqual([2, 3]);
});

test.each([32_767, 32_768, 65_535, 65_536, 200_000])(
  '%i packets after a keyframe the page still gets what it misses',
  (count) => {
    const { missing, store } = setUp(0, 1);
    missing.startAnew();
    for (let sequence = 1; sequence <= count; sequence++) store.open(sequence & 0xffff, BYTES);
    for (const sequence of [count, count - 1023]) missing.request(sequence & 0xffff, milli(0), 1);
    expect(take(missing, 0)).toEqual([count & 0xffff, (count - 1023) & 0xffff]);
  },
);

test('packets that are sent again take at most 40 % of what the path carries', () => {
  const { missing } = setUp(0, 1000);
  missing.setRate(1_000_000);
  const request = (at: number) => {
    for (let sequence = 0; sequence < 200; sequence++) missing.request(sequence, milli(at), 1);
    return take(missing, at).length;
  };
  // 50 kB in a second.
  expect(request(0)).toBe(50);
  expect(request(999)).toBe(0);
  expect(request(1000)).toBe(50);
});
