import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { Pacer } from '../../host/stream/pacer.ts';

const BYTES = 1000;

/** Sends as many packets as the pacer allows at a time. @returns their number */
function send(pacer: Pacer, at: number, max = 10_000): number {
  let sent = 0;
  for (; sent < max && pacer.maySend(milli(at)); sent++) pacer.spend(BYTES);
  return sent;
}

test('a burst leaves at once, and the rest at two and a half times the rate', () => {
  const pacer = new Pacer(8_000_000);
  // 5 ms at 20 Mbit/s.
  expect(send(pacer, 0)).toBe(13);
  let sent = 0;
  for (let at = 1; at <= 100; at++) sent += send(pacer, at);
  expect(sent).toBe(250);
});

test('at a low rate a few packets leave at once nevertheless', () => {
  expect(send(new Pacer(200_000), 0)).toBe(6);
});

test('a pause does not allow more than one burst', () => {
  const pacer = new Pacer(8_000_000);
  send(pacer, 0);
  expect(send(pacer, 10_000)).toBe(13);
});

test('there is room for a frame until what was sent takes the path 25 ms', () => {
  const pacer = new Pacer(8_000_000);
  for (let packet = 0; packet < 25; packet++) {
    expect(pacer.hasRoom(milli(0))).toBe(true);
    pacer.spend(BYTES);
  }
  expect(pacer.hasRoom(milli(0))).toBe(true);
  pacer.spend(1);
  expect(pacer.hasRoom(milli(0))).toBe(false);
  expect(pacer.hasRoom(milli(1))).toBe(true);
  pacer.setRate(4_000_000, milli(1));
  expect(pacer.hasRoom(milli(1))).toBe(false);
});

test('a small frame has room at any rate', () => {
  const pacer = new Pacer(100_000);
  pacer.spend(1500);
  expect(pacer.hasRoom(milli(0))).toBe(true);
  pacer.spend(1);
  expect(pacer.hasRoom(milli(0))).toBe(false);
});

test('a probe is sent evenly at its own rate', () => {
  const pacer = new Pacer(1_000_000);
  pacer.setProbe(8_000_000, milli(0));
  const sent = Array.from({ length: 10 }, (_, at) => send(pacer, at));
  expect(sent).toEqual(Array(10).fill(1));
  pacer.setProbe(undefined, milli(10));
  expect(send(pacer, 10)).toBe(6);
});
