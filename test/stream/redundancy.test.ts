import { expect, test } from 'vitest';
import { Redundancy } from '../../host/stream/redundancy.ts';

/** Reads a payload with redundancy as RFC 2198, 3 describes it: the age, type and bytes of each block, the last one of age 0. */
function read(payload: Uint8Array): { age: number; type: number; bytes: number[] }[] {
  const heads: { age: number; type: number; length: number }[] = [];
  let at = 0;
  for (;;) {
    const first = payload[at] ?? 0;
    if ((first & 0x80) === 0) break;
    const word = new DataView(payload.buffer, payload.byteOffset + at).getUint32(0);
    heads.push({ type: first & 0x7f, age: (word >>> 10) & 0x3fff, length: word & 0x3ff });
    at += 4;
  }
  const last = (payload[at++] ?? 0) & 0x7f;
  const blocks = heads.map(({ age, type, length }) => {
    at += length;
    return { age, type, bytes: [...payload.subarray(at - length, at)] };
  });
  return [...blocks, { age: 0, type: last, bytes: [...payload.subarray(at)] }];
}

test('a packet travels alone while nothing is lost', () => {
  const redundancy = new Redundancy(111);
  for (let packet = 0; packet < 3; packet++)
    expect(read(redundancy.wrap(Uint8Array.of(packet, 9), packet * 480))).toEqual([
      { age: 0, type: 111, bytes: [packet, 9] },
    ]);
});

test('a packet repeats the one before while packets are lost', () => {
  const redundancy = new Redundancy(111);
  redundancy.enabled = true;
  expect(read(redundancy.wrap(Uint8Array.of(1), 2 ** 32 - 480))).toHaveLength(1);
  expect(read(redundancy.wrap(Uint8Array.of(2, 3), 0))).toEqual([
    { age: 480, type: 111, bytes: [1] },
    { age: 0, type: 111, bytes: [2, 3] },
  ]);
  redundancy.enabled = false;
  expect(read(redundancy.wrap(Uint8Array.of(4), 480))).toHaveLength(1);
  redundancy.enabled = true;
  expect(read(redundancy.wrap(Uint8Array.of(5), 960))).toEqual([
    { age: 480, type: 111, bytes: [4] },
    { age: 0, type: 111, bytes: [5] },
  ]);
});

test('a packet that is too old or too long for the header is not repeated', () => {
  const repeats = (age: number, length: number) => {
    const redundancy = new Redundancy(111);
    redundancy.enabled = true;
    redundancy.wrap(new Uint8Array(length).fill(7), 1000);
    return read(redundancy.wrap(Uint8Array.of(1), 1000 + age)).length === 2;
  };
  expect([repeats(16_383, 1), repeats(16_384, 1)]).toEqual([true, false]);
  expect([repeats(480, 1023), repeats(480, 1024)]).toEqual([true, false]);
  expect(repeats(0, 1)).toBe(false);
});
